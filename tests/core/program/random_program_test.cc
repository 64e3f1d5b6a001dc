// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests the reader, the writer and the interpreter on random programs, and the promises of
// MakeRandomProgram that other tests rely on.

#include "tests/support/random_program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/program/read_program.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

constexpr unsigned kSeeds = 150;

// Runs some steps. Returns the outputs of all of them.
std::vector<std::vector<std::vector<float>>> RunSteps(const Program& program,
                                                      RandomProgram& random) {
  const auto interpreter = ProgramInterpreter::Create(program, random.weights);
  EXPECT_THAT(interpreter, IsOk());
  std::vector<std::vector<std::vector<float>>> outputs;
  auto states = MakeRandomRow(random, 0).states;
  for (unsigned step = 0; step < 5; ++step) {
    ProgramInterpreter::Row row = MakeRandomRow(random, step);
    row.states = states;
    auto result = interpreter->Run(row);
    states = std::move(result.next_states);
    outputs.push_back(std::move(result.outputs));
  }
  outputs.push_back(std::move(states));
  return outputs;
}

TEST(RandomProgramTest, ReadsBackWhatItWrote) {
  for (unsigned seed = 0; seed < kSeeds; ++seed) {
    RandomProgram random = MakeRandomProgram(seed);
    const nlohmann::json text = WriteProgram(random.program);

    // Through the characters of a file, as a bundle has it.
    const auto read = ReadProgram(nlohmann::json::parse(text.dump()), "program");

    ASSERT_THAT(read, IsOk()) << "seed " << seed;
    ASSERT_EQ(WriteProgram(*read), text) << "seed " << seed;
    ASSERT_EQ(RunSteps(*read, random), RunSteps(random.program, random)) << "seed " << seed;
  }
}

TEST(RandomProgramTest, StaysFinite) {
  for (unsigned seed = 0; seed < kSeeds; ++seed) {
    RandomProgram random = MakeRandomProgram(seed);
    for (const auto& outputs : RunSteps(random.program, random)) {
      for (const std::vector<float>& output : outputs) {
        for (const float value : output) ASSERT_TRUE(std::isfinite(value)) << "seed " << seed;
      }
    }
  }
}

TEST(RandomProgramTest, HasEveryOperation) {
  std::set<absl::string_view> missing;
  for (int i = 0; i < kNumOpCodes; ++i) missing.insert(OpCodeName(static_cast<OpCode>(i)));
  for (unsigned seed = 0; seed < kSeeds; ++seed) {
    for (const Program::Operation& operation : MakeRandomProgram(seed).program.operations) {
      missing.erase(OpCodeName(operation.code));
    }
  }

  EXPECT_THAT(missing, ::testing::IsEmpty());
}

TEST(RandomProgramTest, DependsOnTheSeedAlone) {
  EXPECT_EQ(WriteProgram(MakeRandomProgram(7).program), WriteProgram(MakeRandomProgram(7).program));
  EXPECT_NE(WriteProgram(MakeRandomProgram(7).program), WriteProgram(MakeRandomProgram(8).program));
}

}  // namespace
}  // namespace rnnserve::testing
