// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the layer rnnserve>Program: several inputs, outputs, states and constants, masks, and runs
// of any length.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "core/layers/layer_registry.h"
#include "tests/core/layers/layer_fixture.h"
#include "tests/support/malloc_counter.h"
#include "tests/support/program_texts.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// A program whose numbers can be checked by eye. It adds up `gain` times its first input and counts
// what its second input says, both from the initial states 0 and 100:
//
//   sum' = sum + gain * a;  count' = count + b[0] + b[1];  outputs: sum' and [count', a]
std::string TwoInputsText() {
  return R"({
    "program_version": 1,
    "inputs": [{"name": "a", "shape": [1]}, {"name": "b", "shape": [2]}],
    "constants": [{"name": "gain", "shape": [1]}],
    "states": [{"name": "sum", "shape": [1], "next": "sum2"},
               {"name": "count", "shape": [1], "initial": "first", "next": "count2"}],
    "weights": {"first": [1]},
    "operations": [
      {"op": "mul", "in": ["gain", "a"], "out": "scaled"},
      {"op": "add", "in": ["sum", "scaled"], "out": "sum2"},
      {"op": "reduce_sum", "in": ["b"], "out": "two", "axes": [0]},
      {"op": "add", "in": ["count", "two"], "out": "count2"},
      {"op": "concat", "in": ["count2", "a"], "out": "both", "axis": 0}],
    "outputs": [{"name": "sum", "value": "sum2"}, {"name": "both", "value": "both"}]})";
}

const std::vector<ValueSpec>& TwoInputs() {
  static const auto& specs = *new std::vector<ValueSpec>{Sequences(1), Sequences(2), Vectors(1)};
  return specs;
}

absl::StatusOr<std::unique_ptr<Layer>> BuildTwoInputs(const std::vector<ValueSpec>& inputs,
                                                      const Json& options = Json::object()) {
  WeightMap weights;
  weights.Add("first", {1}, {100.0f});
  return Build(ProgramLayerObject(TwoInputsText(), options), inputs, weights);
}

std::unique_ptr<Layer> TwoInputsLayer(const Json& options = Json::object()) {
  auto layer = BuildTwoInputs(TwoInputs(), options);
  EXPECT_THAT(layer, IsOk());
  return *std::move(layer);
}

PreparedRun RunInputs(const Layer& layer, const std::vector<RunInput>& inputs,
                      const StateColumns& states = {}) {
  PreparedRun run(layer, inputs, states);
  run.Run();
  return run;
}

TEST(ProgramLayerTest, ReadsSeveralInputsAndGivesSeveralOutputs) {
  const auto layer = TwoInputsLayer();

  const auto run = RunInputs(*layer, {{Scalars({{1, 2}, {3, 4}})},
                                      {{{{1, 1}, {1, 2}}, {{5, 5}, {0, 0}}}},
                                      {Scalars({{10}, {1}})}});

  EXPECT_EQ(run.output(0), Scalars({{10, 30}, {3, 7}}));
  EXPECT_EQ(run.output(1), (Values{{{102, 1}, {105, 2}}, {{110, 3}, {110, 4}}}));
  EXPECT_EQ(run.state(0), (Table{{30}, {7}}));
  EXPECT_EQ(run.state(1), (Table{{105}, {110}}));
}

TEST(ProgramLayerTest, DescribesWhatTheProgramSays) {
  const auto layer = TwoInputsLayer();

  ASSERT_EQ(layer->more_outputs().size(), 1u);
  EXPECT_EQ(layer->output(), Sequences(1));
  EXPECT_EQ(layer->more_outputs()[0], Sequences(2));
  ASSERT_EQ(layer->states().size(), 2u);
  EXPECT_EQ(layer->states()[0].name, "sum");
  EXPECT_EQ(layer->states()[1].name, "count");
  EXPECT_EQ(layer->num_parameters(), 1);
  EXPECT_TRUE(layer->can_stream());
  EXPECT_TRUE(layer->loops_over_time());
}

TEST(ProgramLayerTest, StartsFromTheGivenStates) {
  const auto layer = TwoInputsLayer();

  const auto run = RunInputs(*layer, {{Scalars({{1}})}, {{{{1, 1}}}}, {Scalars({{10}})}},
                             ColumnsOf(*layer, {{{7}}, {{8}}}));

  EXPECT_EQ(run.output(0), Scalars({{17}}));
  EXPECT_EQ(run.output(1), (Values{{{10, 1}}}));
}

TEST(ProgramLayerTest, PutsTheOverlapBeforeAFrame) {
  const std::string text = R"({
    "program_version": 1,
    "inputs": [{"name": "x", "shape": [2], "overlap": 1}],
    "operations": [{"op": "mul", "in": ["x", 10.0], "out": "y"}],
    "outputs": [{"name": "y", "value": "y"}]})";
  const auto layer = Build(ProgramLayerObject(text), Sequences(2));
  ASSERT_THAT(layer, IsOk());

  const auto run = RunLayer(**layer, {{{1, 2}, {3, 4}, {5, 6}}}, {{1, 0, 1}});

  EXPECT_EQ((*layer)->states()[0].name, "x.overlap");
  EXPECT_EQ(run.y(), (Values{{{0, 10, 20}, {0, 10, 20}, {20, 50, 60}}}));
  EXPECT_EQ(run.state(0), (Table{{6}}));
}

TEST(ProgramLayerTest, RefusesTrainingUnlessTheProgramComputesTheSame) {
  EXPECT_THAT(TwoInputsLayer()->no_training_reason(),
              HasSubstr("it runs a program, which describes inference only"));
  EXPECT_EQ(TwoInputsLayer({{"training", "same"}})->no_training_reason(), "");
}

// Checks that the layer gives, with every mask, the bits of a recurrent layer around the same
// program: the outputs, those that masked timesteps repeat, and the states.
void ExpectEqualsRecurrentLayer(const std::string& program, int64_t features, Json options) {
  AnyWeights weights;
  const auto layer = Build(ProgramLayerObject(program, options), Sequences(features), weights);
  ASSERT_THAT(layer, IsOk());
  options["cell"] = ProgramCellObject(program);
  options["return_sequences"] = true;
  const auto recurrent = Build(Object("RNN", options), Sequences(features), weights);
  ASSERT_THAT(recurrent, IsOk());
  const MaskBits masks = EveryMask(4);
  const Values x = Random(16, 4, features, 1);

  const auto run = RunLayer(**layer, x, masks);
  const auto expected = RunLayer(**recurrent, x, masks);
  const auto second = RunLayer(**layer, x, masks, run.state_columns());
  const auto expected_second = RunLayer(**recurrent, x, masks, expected.state_columns());

  EXPECT_EQ(Bits(run.y()), Bits(expected.y()));
  EXPECT_EQ(run.output_mask(), expected.output_mask());
  EXPECT_EQ(Bits(second.y()), Bits(expected_second.y()));
  for (size_t k = 0; k < (*layer)->states().size(); ++k) {
    EXPECT_EQ(Bits(second.state(k)), Bits(expected_second.state(k)));
  }
}

TEST(ProgramLayerMaskTest, MasksActAsInARecurrentLayer) {
  for (const bool zero : {false, true}) {
    SCOPED_TRACE(::testing::Message() << "zero_output_for_mask " << zero);
    ExpectEqualsRecurrentLayer(LstmText(5, 19), 5, {{"zero_output_for_mask", zero}});
    ExpectEqualsRecurrentLayer(GruText(5, 19), 5, {{"zero_output_for_mask", zero}});
    ExpectEqualsRecurrentLayer(MlstmText(2, 9), 18, {{"zero_output_for_mask", zero}});
  }
}

TEST(ProgramLayerMaskTest, ATimestepCountsIfEveryInputSaysSo) {
  // Every pair of masks of four timesteps is in one row, beside the mask that both together give.
  MaskBits masks_a, masks_b, both;
  for (const auto& a : EveryMask(4)) {
    for (const auto& b : EveryMask(4)) {
      masks_a.push_back(a);
      masks_b.push_back(b);
      auto& row = both.emplace_back();
      for (size_t t = 0; t < a.size(); ++t) row.push_back(a[t] & b[t]);
    }
  }
  const auto rows = static_cast<int64_t>(both.size());
  const Values a = Random(rows, 4, 1, 1);
  const Values b = Random(rows, 4, 2, 2);
  const RunInput gain = {Random(rows, 1, 1, 3)};
  for (const bool zero : {false, true}) {
    SCOPED_TRACE(::testing::Message() << "zero_output_for_mask " << zero);
    const auto layer = TwoInputsLayer({{"zero_output_for_mask", zero}});
    const auto expected = RunInputs(*layer, {{a, both}, {b}, gain});

    const auto run = RunInputs(*layer, {{a, masks_a}, {b, masks_b}, gain});
    const auto second_only = RunInputs(*layer, {{a}, {b, both}, gain});

    for (const auto* actual : {&run, &second_only}) {
      EXPECT_EQ(Bits(actual->output(0)), Bits(expected.output(0)));
      EXPECT_EQ(Bits(actual->output(1)), Bits(expected.output(1)));
      EXPECT_EQ(actual->state(0), expected.state(0));
      EXPECT_EQ(actual->state(1), expected.state(1));
      EXPECT_EQ(actual->output_mask(), both);
    }
  }
}

TEST(ProgramLayerMaskTest, MaskedTimestepsRepeatEveryOutputAndKeepEveryState) {
  const std::vector<RunInput> inputs = {{Scalars({{kNaN, 1, kNaN, 2}}), {{0, 1, 0, 1}}},
                                        {{{{9, 9}, {1, 1}, {kNaN, 0}, {0, 0}}}},
                                        {Scalars({{10}})}};

  const auto repeated = RunInputs(*TwoInputsLayer(), inputs);
  const auto zero = RunInputs(*TwoInputsLayer({{"zero_output_for_mask", true}}), inputs);

  EXPECT_EQ(repeated.output(0), Scalars({{0, 10, 10, 30}}));
  EXPECT_EQ(repeated.output(1), (Values{{{0, 0}, {102, 1}, {102, 1}, {102, 2}}}));
  EXPECT_EQ(zero.output(0), Scalars({{0, 10, 0, 30}}));
  EXPECT_EQ(zero.output(1), (Values{{{0, 0}, {102, 1}, {0, 0}, {102, 2}}}));
  EXPECT_EQ(repeated.state(1), (Table{{102}}));
  EXPECT_EQ(zero.state(1), (Table{{102}}));
}

TEST(ProgramLayerMaskTest, WithoutStatesMaskedTimestepsAreComputedToo) {
  const std::string text = R"({
    "program_version": 1,
    "inputs": [{"name": "x", "shape": [1]}],
    "operations": [{"op": "mul", "in": ["x", 10.0], "out": "y"}],
    "outputs": [{"name": "y", "value": "y"}]})";
  const auto layer = Build(ProgramLayerObject(text), Sequences(1));
  ASSERT_THAT(layer, IsOk());

  const auto run = RunLayer(**layer, Scalars({{1, 2, 3}}), {{1, 0, 1}});

  EXPECT_EQ(run.y(), Scalars({{10, 20, 30}}));
  EXPECT_EQ(run.output_mask(), (MaskBits{{1, 0, 1}}));
  EXPECT_FALSE((*layer)->loops_over_time());
}

TEST(ProgramLayerMaskTest, WithoutMasksTheOutputHasNone) {
  const auto run =
      RunInputs(*TwoInputsLayer(), {{Scalars({{1}})}, {{{{1, 1}}}}, {Scalars({{10}})}});

  EXPECT_THAT(run.output_mask(), IsEmpty());
}

TEST(ProgramLayerCarryTest, AMaskedRunRepeatsTheOutputsOfTheRunBefore) {
  const auto layer = TwoInputsLayer();
  const auto first = RunInputs(*layer, {{Scalars({{1}})}, {{{{1, 1}}}}, {Scalars({{10}})}});

  const auto second = RunInputs(*layer, {{Scalars({{2}}), {{0}}}, {{{{1, 1}}}}, {Scalars({{10}})}},
                                first.state_columns());

  EXPECT_EQ(second.output(0), Scalars({{10}}));
  EXPECT_EQ(second.output(1), (Values{{{102, 1}}}));
}

TEST(ProgramLayerCarryTest, SettingTheStatesForgetsTheOutputs) {
  const auto layer = TwoInputsLayer();

  const auto run = RunInputs(*layer, {{Scalars({{2}}), {{0}}}, {{{{1, 1}}}}, {Scalars({{10}})}},
                             ColumnsOf(*layer, {{{7}}, {{8}}}));

  EXPECT_EQ(run.output(0), Scalars({{0}}));
  EXPECT_EQ(run.output(1), (Values{{{0, 0}}}));
  EXPECT_EQ(run.state(0), (Table{{7}}));
}

// A program whose two inputs are projected: much of its work depends on them and on the constant,
// but not on the state.
std::string ProjectedText() {
  return R"({
    "program_version": 1,
    "inputs": [{"name": "a", "shape": [40]}, {"name": "b", "shape": [24]}],
    "constants": [{"name": "c", "shape": [70]}],
    "states": [{"name": "h", "shape": [70], "next": "h2"}],
    "weights": {"wa": [40, 70], "wb": [24, 70], "wh": [70, 70], "wc": [70, 70]},
    "operations": [
      {"op": "dot", "in": ["a", "wa"], "out": "za", "equation": "a,ac->c"},
      {"op": "dot", "in": ["b", "wb"], "out": "zb", "equation": "a,ac->c"},
      {"op": "dot", "in": ["c", "wc"], "out": "zc", "equation": "a,ac->c"},
      {"op": "dot", "in": ["h", "wh"], "out": "zh", "equation": "a,ac->c"},
      {"op": "add", "in": ["za", "zb"], "out": "z1"},
      {"op": "tanh", "in": ["z1"], "out": "z2"},
      {"op": "mul", "in": ["z2", "zc"], "out": "z3"},
      {"op": "add", "in": ["z3", "zh"], "out": "z4"},
      {"op": "tanh", "in": ["z4"], "out": "h2"}],
    "outputs": [{"name": "h", "value": "h2"}, {"name": "z", "value": "z2"}]})";
}

class ProgramLayerInvarianceTest : public ::testing::Test {
 protected:
  static constexpr size_t kRows = 11;
  static constexpr size_t kSteps = 30;  // more than are projected at once

  ProgramLayerInvarianceTest() {
    AnyWeights weights;
    const std::vector<ValueSpec> specs = {Sequences(40), Sequences(24), Vectors(70)};
    auto built = Build(ProgramLayerObject(ProjectedText()), specs, weights);
    EXPECT_THAT(built, IsOk());
    layer_ = *std::move(built);
    MaskBits mask = MaskBits(kRows, std::vector<int>(kSteps, 1));
    for (size_t b = 0; b < kRows; ++b) mask[b][(7 * b) % kSteps] = 0;
    inputs_ = {{Random(kRows, kSteps, 40, 1), mask},
               {Random(kRows, kSteps, 24, 2)},
               {Random(kRows, 1, 70, 3)}};
  }

  // Returns the inputs of rows [first, end) and timesteps [begin_time, end_time).
  std::vector<RunInput> Part(size_t first, size_t end, size_t begin_time, size_t end_time) const {
    std::vector<RunInput> part;
    for (const RunInput& input : inputs_) {
      RunInput rows;
      rows.x.assign(input.x.begin() + first, input.x.begin() + end);
      if (!input.mask.empty()) {
        rows.mask.assign(input.mask.begin() + first, input.mask.begin() + end);
        rows.mask = Slice(rows.mask, begin_time, end_time);
      }
      if (rows.x.front().size() > 1) rows.x = Slice(rows.x, begin_time, end_time);
      part.push_back(std::move(rows));
    }
    return part;
  }

  std::unique_ptr<Layer> layer_;
  std::vector<RunInput> inputs_;
};

TEST_F(ProgramLayerInvarianceTest, ARowAloneEqualsTheRowInABatch) {
  const auto together = RunInputs(*layer_, inputs_);

  for (size_t b = 0; b < kRows; ++b) {
    const auto alone = RunInputs(*layer_, Part(b, b + 1, 0, kSteps));
    EXPECT_EQ(Bits(alone.output(0)[0]), Bits(together.output(0)[b]));
    EXPECT_EQ(Bits(alone.output(1)[0]), Bits(together.output(1)[b]));
    EXPECT_EQ(Bits(alone.state(0)), Bits(Table{together.state(0)[b]}));
  }
}

TEST_F(ProgramLayerInvarianceTest, AnyCutEqualsOneRun) {
  for (const size_t rows : {size_t{1}, size_t{3}, kRows}) {
    const auto whole = RunInputs(*layer_, Part(0, rows, 0, kSteps));
    for (const size_t piece_size : {1, 2, 7, 25}) {
      SCOPED_TRACE(::testing::Message() << rows << " rows, pieces of " << piece_size);
      StateColumns states;
      for (size_t begin = 0; begin < kSteps; begin += piece_size) {
        const size_t end = std::min(begin + piece_size, kSteps);
        const auto piece = RunInputs(*layer_, Part(0, rows, begin, end), states);
        EXPECT_EQ(Bits(piece.output(0)), Bits(Slice(whole.output(0), begin, end)));
        EXPECT_EQ(Bits(piece.output(1)), Bits(Slice(whole.output(1), begin, end)));
        if (end == kSteps) {
          EXPECT_EQ(Bits(piece.state(0)), Bits(whole.state(0)));
        }
        states = piece.state_columns();
      }
    }
  }
}

TEST_F(ProgramLayerInvarianceTest, ARunAllocatesNothing) {
  PreparedRun batch(*layer_, inputs_);
  PreparedRun row(*layer_, Part(0, 1, 0, kSteps));
  PreparedRun step(*layer_, Part(0, 1, 0, 1));

  const MallocCounter allocations;
  batch.Run();
  row.Run();
  step.Run();

  EXPECT_EQ(allocations.count(), 0);
}

struct BadInputs {
  std::string name;
  std::vector<ValueSpec> inputs;
  std::string text;
};

class ProgramLayerErrorTest : public ::testing::TestWithParam<BadInputs> {};

TEST_P(ProgramLayerErrorTest, NamesTheLayerAndTheFault) {
  EXPECT_THAT(
      BuildTwoInputs(GetParam().inputs),
      StatusIs(absl::StatusCode::kInvalidArgument,
               AllOf(HasSubstr("layer 'layer'"), HasSubstr(GetParam().text)), "MODEL_CONFIG"));
}

INSTANTIATE_TEST_SUITE_P(
    All, ProgramLayerErrorTest,
    ::testing::Values(
        BadInputs{"TooFew",
                  {Sequences(1), Sequences(2)},
                  "the program reads 2 inputs and 1 constants; the layer is given 2 tensors"},
        BadInputs{"TooMany",
                  {Sequences(1), Sequences(2), Vectors(1), Vectors(1)},
                  "the layer is given 4 tensors"},
        BadInputs{"OtherShape",
                  {Sequences(1), Sequences(3), Vectors(1)},
                  "input 'b' of the program is [2] at every timestep, found [3]"},
        BadInputs{"InputWithoutTime",
                  {Sequences(1), Vectors(2), Vectors(1)},
                  "input 'b' of the program is given a tensor without a time axis"},
        BadInputs{
            "ConstantWithTime",
            {Sequences(1), Sequences(2), Sequences(1)},
            "constant 'gain' of the program is [1] without time, found [1] at every timestep"},
        BadInputs{"ConstantOfAnotherShape",
                  {Sequences(1), Sequences(2), Vectors(4)},
                  "constant 'gain' of the program is [1] without time, found [4]"},
        BadInputs{"OtherTime",
                  {Sequences(3, {1}), Sequences(4, {2}), Vectors(1)},
                  "the inputs have 3 and 4 timesteps; all must have equally many"}),
    [](const auto& test) { return test.param.name; });

TEST(ProgramLayerTest, CannotProcessInputsOfDifferentLengths) {
  EXPECT_EQ(TwoInputsLayer()->output_time({5, 5, 1}), 5);
  EXPECT_LT(TwoInputsLayer()->output_time({5, 4, 1}), 1);
}

TEST(ProgramLayerTest, TheOutputHasTheLengthThatAnyInputFixes) {
  const auto layer = BuildTwoInputs({Sequences(1), Sequences(6, {2}), Vectors(1)});
  ASSERT_THAT(layer, IsOk());

  EXPECT_EQ((*layer)->output().time, 6);
  EXPECT_EQ((*layer)->more_outputs()[0].time, 6);
}

TEST(ProgramLayerTest, AMissingWeightIsNamed) {
  WeightMap none;

  EXPECT_THAT(Build(ProgramLayerObject(TwoInputsText()), TwoInputs(), none),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'first' of shape [1]"),
                       "MODEL_WEIGHTS"));
}

}  // namespace
}  // namespace rnnserve::testing
