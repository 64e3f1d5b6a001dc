// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests whole compiled programs: random ones beside the interpreter, cells with products and matrix
// states, and what the header promises about memory, threads and weight types.

#include "core/program/compiled_program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "core/base/thread_team.h"
#include "core/kernels/isa.h"
#include "core/kernels/weight_type.h"
#include "tests/core/program/compiled_run.h"
#include "tests/support/malloc_counter.h"
#include "tests/support/program_texts.h"
#include "tests/support/random_program.h"
#include "tests/support/scoped_isa.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsNan;

std::unique_ptr<const CompiledProgram> CompileOrDie(const Program& program, WeightMap& weights) {
  auto compiled = CompiledProgram::Create(program, weights);
  EXPECT_THAT(compiled, IsOk());
  return *std::move(compiled);
}

std::vector<Row> RandomRows(const Program& program, unsigned count) {
  std::vector<Row> rows;
  for (unsigned i = 0; i < count; ++i) rows.push_back(RandomRow(program, i));
  return rows;
}

class CompiledProgramTest : public ::testing::TestWithParam<Isa> {
 protected:
  const ScopedIsa isa_{GetParam()};
};

TEST_P(CompiledProgramTest, RandomProgramsAgreeWithTheInterpreter) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    RandomProgram random = MakeRandomProgram(seed);
    std::vector<Row> rows;
    for (unsigned i = 0; i < 5; ++i) rows.push_back(MakeRandomRow(random, 100 * seed + i));
    ExpectAgrees(random.program, random.weights, rows, 2e-5);
    ASSERT_FALSE(HasFailure());
  }
}

TEST_P(CompiledProgramTest, CellsAgreeWithTheInterpreter) {
  for (const auto& [name, text] : CellTexts()) {
    SCOPED_TRACE(name);
    const Program program = ReadOrDie(text);
    WeightMap weights = RandomWeights(program, 3);
    ExpectAgrees(program, weights, RandomRows(program, 17));
    ASSERT_FALSE(HasFailure());
  }
}

TEST_P(CompiledProgramTest, AStepAllocatesNothing) {
  for (const auto& [name, text] : CellTexts()) {
    const Program program = ReadOrDie(text);
    WeightMap weights = RandomWeights(program, 3);
    const auto compiled = CompileOrDie(program, weights);
    CompiledRun run(*compiled, RandomRows(program, 7));
    run.Run(/*projects=*/true);

    const MallocCounter allocations;
    run.Run(/*projects=*/true);
    run.Run(/*projects=*/false);

    EXPECT_EQ(allocations.count(), 0) << name;
  }
}

TEST_P(CompiledProgramTest, ATeamChangesNoBit) {
  const Program program = ReadOrDie(LstmText(/*inputs=*/40, /*units=*/320));
  ThreadTeam team(2);
  for (const WeightType type : {WeightType::kFloat32, WeightType::kBfloat16, WeightType::kInt8}) {
    WeightMap weights = RandomWeights(program, 3);
    weights.set_matrix_type(type);
    const auto compiled = CompileOrDie(program, weights);
    for (const unsigned batch : {1, 5}) {
      CompiledRun alone(*compiled, RandomRows(program, batch));
      CompiledRun shared(*compiled, RandomRows(program, batch));

      alone.Run(/*projects=*/false);
      shared.Run(/*projects=*/false, &team);

      for (unsigned i = 0; i < batch; ++i) {
        EXPECT_TRUE(SameBits(alone.result(i), shared.result(i))) << WeightTypeName(type);
      }
    }
  }
}

TEST_P(CompiledProgramTest, NarrowWeightsAreCloseAndDoNotDependOnTheBatch) {
  const Program program = ReadOrDie(LstmText(/*inputs=*/9, /*units=*/20));
  for (const WeightType type : {WeightType::kBfloat16, WeightType::kInt8}) {
    SCOPED_TRACE(WeightTypeName(type));
    WeightMap weights = RandomWeights(program, 3);
    weights.set_matrix_type(type);
    ExpectAgrees(program, weights, RandomRows(program, 17), /*tolerance=*/0.03);
    EXPECT_LT(CompileOrDie(program, weights)->parameter_bytes(), 4 * (29 * 80 + 80));
  }
}

TEST_P(CompiledProgramTest, NanAndInfinityStayInTheirRow) {
  const Program program = ReadOrDie(LstmText(/*inputs=*/9, /*units=*/20));
  WeightMap weights = RandomWeights(program, 3);
  const auto compiled = CompileOrDie(program, weights);
  const std::vector<Row> rows = RandomRows(program, 3);
  std::vector<Row> spoilt = rows;
  spoilt[1].inputs[0][4] = std::numeric_limits<float>::quiet_NaN();
  CompiledRun before(*compiled, rows);
  CompiledRun after(*compiled, spoilt);

  before.Run(/*projects=*/false);
  after.Run(/*projects=*/false);

  EXPECT_TRUE(SameBits(before.result(0), after.result(0)));
  EXPECT_TRUE(SameBits(before.result(2), after.result(2)));
  EXPECT_THAT(after.result(1).outputs[0], ::testing::Each(IsNan()));
}

TEST_P(CompiledProgramTest, AnIntegerStateBeyondTheRangeOfFloatsIsNan) {
  const Program program = ReadOrDie(R"({
    "program_version": 1,
    "inputs": [{"name": "x", "shape": [2], "type": "int32"}],
    "states": [{"name": "n", "shape": [2], "type": "int32", "next": "n2"}],
    "operations": [{"op": "add", "in": ["n", "x"], "out": "n2"}],
    "outputs": [{"name": "y", "value": "n"}]})");
  WeightMap weights;
  const auto compiled = CompileOrDie(program, weights);
  CompiledRun run(*compiled, {Row{{{1, 1}}, {{16777215, 16777216}}, {}}});

  run.Run(/*projects=*/false);

  EXPECT_THAT(run.result(0).next_states[0], ElementsAre(16777216, IsNan()));
  EXPECT_THAT(run.result(0).outputs[0], ElementsAre(16777215, 16777216));
}

TEST_P(CompiledProgramTest, PreparesWhatDependsOnConstantsAlone) {
  const Program program = ReadOrDie(R"({
    "program_version": 1,
    "inputs": [{"name": "x", "shape": [6]}],
    "states": [{"name": "h", "shape": [8], "next": "h2"}],
    "constants": [{"name": "c", "shape": [4]}],
    "weights": {"K": [6, 8], "Q": [4, 8]},
    "operations": [
      {"op": "dot", "in": ["c", "Q"], "out": "cq", "equation": "a,ac->c"},
      {"op": "dot", "in": ["x", "K"], "out": "xk", "equation": "a,ac->c"},
      {"op": "add", "in": ["cq", "xk"], "out": "sum"},
      {"op": "mul", "in": ["sum", "h"], "out": "h2"}],
    "outputs": [{"name": "y", "value": "h2"}]})");
  WeightMap weights = RandomWeights(program, 3);
  const auto compiled = CompileOrDie(program, weights);

  EXPECT_EQ(compiled->prepared_rows(), 16);
  EXPECT_EQ(compiled->projection_rows(), 16);
  ExpectAgrees(program, weights, RandomRows(program, 17));
}

TEST(CompiledProgramDescriptionTest, TellsItsParametersAndInitialStates) {
  const Program program = ReadOrDie(R"({
    "program_version": 1,
    "inputs": [{"name": "x", "shape": [2]}],
    "states": [{"name": "h", "shape": [2], "initial": "h0", "next": "h2"},
               {"name": "k", "shape": [1], "next": "k"}],
    "weights": {"h0": [2], "w": [2]},
    "operations": [{"op": "mul", "in": ["h", "w"], "out": "h2"}],
    "outputs": [{"name": "y", "value": "x"}]})");
  WeightMap weights;
  weights.Add("h0", {2}, {3, 4});
  weights.Add("w", {2}, {5, 6});
  const auto compiled = CompileOrDie(program, weights);

  EXPECT_EQ(compiled->num_parameters(), 4);
  EXPECT_EQ(compiled->shareable_bytes(), 0);
  EXPECT_THAT(compiled->initial_state(0), ElementsAre(3, 4));
  EXPECT_THAT(compiled->initial_state(1), ElementsAre(0));
}

TEST(CompiledProgramDescriptionTest, RefusesWeightsThatAreMissing) {
  const Program program = ReadOrDie(LstmText(/*inputs=*/2, /*units=*/4));
  WeightMap weights;

  EXPECT_THAT(CompiledProgram::Create(program, weights),
              StatusIs(absl::StatusCode::kInvalidArgument, ::testing::_, "MODEL_WEIGHTS"));
}

std::string NameOf(const ::testing::TestParamInfo<Isa>& info) {
  return std::string(IsaName(info.param));
}

INSTANTIATE_TEST_SUITE_P(Isas, CompiledProgramTest, ::testing::ValuesIn(SupportedIsas()), NameOf);

}  // namespace
}  // namespace rnnserve::testing
