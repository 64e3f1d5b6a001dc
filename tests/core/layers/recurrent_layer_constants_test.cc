// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests RecurrentLayer with several inputs: the sequence and the constants of its cell. The cell
// here adds up gain * x + offset, so that every number can be checked by eye.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "core/layers/layer_registry.h"
#include "core/layers/recurrent_layer.h"
#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// A cell with s' = s + gain x + offset and y = s'. Its constants are gain [1] and offset [1]; a
// test can make it take more.
class ScalingCell final : public Cell {
 public:
  explicit ScalingCell(size_t num_constants)
      : Cell({.input = {1},
              .output = {1},
              .states = {{"s", {1}}},
              .constants = std::vector<Shape>(num_constants, Shape({1}))}) {}

  int64_t num_parameters() const override { return 0; }
  void Step(const CellStep& step) const override {
    for (int64_t b = 0; b < step.x.cols; ++b) {
      const float scaled =
          step.constants[0].column(b)[0] * step.x.column(b)[0] + step.constants[1].column(b)[0];
      const float sum = step.state[0].column(b)[0] + scaled;
      step.y.column(b)[0] = sum;
      step.next_state[0].column(b)[0] = sum;
    }
  }
};

absl::StatusOr<std::unique_ptr<Layer>> BuildScaling(const std::vector<ValueSpec>& inputs,
                                                    size_t num_constants = 2) {
  CellRegistry cells;
  cells.Register("mine>Scaling", [num_constants](const auto&, const auto&, const auto&, auto&) {
    return absl::StatusOr<std::unique_ptr<Cell>>(std::make_unique<ScalingCell>(num_constants));
  });
  Json cell = Object("Scaling");
  cell["registered_name"] = "mine>Scaling";
  const Json layer = Object("RNN", {{"cell", cell}, {"return_sequences", true}});
  const LayerRegistry registry = LayerRegistry::BuiltIn(std::move(cells));
  WeightMap none;
  return registry.Create(KerasConfig(layer, "layer 'layer'"), inputs, none);
}

TEST(RecurrentLayerConstantsTest, EveryTimestepOfARowReadsItsConstants) {
  const auto layer = BuildScaling({Sequences(1), Vectors(1), Vectors(1)});
  ASSERT_THAT(layer, IsOk());
  PreparedRun run(
      **layer,
      {{Scalars({{1, 2, 3}, {1, 2, 3}})}, {Scalars({{10}, {100}})}, {Scalars({{1}, {2}})}});

  run.Run();

  EXPECT_EQ(run.y(), Scalars({{11, 32, 63}, {102, 304, 606}}));
  EXPECT_EQ(run.state(0), (Table{{63}, {606}}));
}

TEST(RecurrentLayerConstantsTest, WorkTogetherWithAMask) {
  const auto layer = BuildScaling({Sequences(1), Vectors(1), Vectors(1)});
  ASSERT_THAT(layer, IsOk());
  PreparedRun run(**layer,
                  {{Scalars({{1, 2, 3}}), {{1, 0, 1}}}, {Scalars({{10}})}, {Scalars({{0}})}});

  run.Run();

  EXPECT_EQ(run.y(), Scalars({{10, 10, 40}}));
}

TEST(RecurrentLayerConstantsTest, CanStream) {
  const auto layer = BuildScaling({Sequences(1), Vectors(1), Vectors(1)});
  ASSERT_THAT(layer, IsOk());
  const std::vector<RunInput> constants = {{Scalars({{10}})}, {Scalars({{1}})}};
  PreparedRun first(**layer, {{Scalars({{1, 2}})}, constants[0], constants[1]});
  first.Run();
  PreparedRun second(**layer, {{Scalars({{3}})}, constants[0], constants[1]},
                     first.state_columns());

  second.Run();

  EXPECT_TRUE((*layer)->can_stream());
  EXPECT_EQ(second.y(), Scalars({{63}}));
}

TEST(RecurrentLayerConstantsTest, RefusesAnotherNumberOfConstants) {
  EXPECT_THAT(
      BuildScaling({Sequences(1), Vectors(1)}),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("layer 'layer': the cell takes 2 constants, found 1"), "MODEL_CONFIG"));
  const std::vector<ValueSpec> inputs = {Sequences(1), Vectors(2)};
  WeightMap weights;
  weights.AddConstant("kernel", {1, 1}, 1.0f);
  weights.AddConstant("recurrent_kernel", {1, 1}, 1.0f);
  weights.AddConstant("bias", {1}, 1.0f);
  const Json simple = Object("SimpleRNN", {{"units", 1}});
  EXPECT_THAT(
      LayerRegistry::BuiltIn().Create(KerasConfig(simple, "layer 'layer'"), inputs, weights),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("takes 0 constants, found 1"),
               "MODEL_CONFIG"));
}

TEST(RecurrentLayerConstantsTest, RefusesAConstantOfAnotherShape) {
  EXPECT_THAT(
      BuildScaling({Sequences(1), Vectors(1), Vectors(3)}),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("constant 1 of the cell is [1] without time, found [3]"), "MODEL_CONFIG"));
}

TEST(RecurrentLayerConstantsTest, RefusesASequenceAsAConstant) {
  EXPECT_THAT(BuildScaling({Sequences(1), Sequences(1), Vectors(1)}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("constant 0"), HasSubstr("found [1] at every timestep")),
                       "MODEL_CONFIG"));
}

TEST(RecurrentLayerConstantsTest, LimitsTheNumberOfConstants) {
  std::vector<ValueSpec> inputs(18, Vectors(1));
  inputs[0] = Sequences(1);

  EXPECT_THAT(
      BuildScaling(inputs, 17),
      StatusIs(absl::StatusCode::kUnimplemented,
               AllOf(HasSubstr("17 constants"), HasSubstr("at most 16")), "OPTION_UNSUPPORTED"));
}

}  // namespace
}  // namespace rnnserve::testing
