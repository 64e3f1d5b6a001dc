// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests which axis is the batch, and which shapes an input has for one row.

#include "core/import/onnx/input_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "tests/core/import/onnx/onnx_file.h"

namespace rnnserve::testing {
namespace {

absl::StatusOr<InputPlan::Input> Plan(const Axes& axes, const OnnxOptions& options = {}) {
  onnx::ModelProto model = EmptyOnnx();
  AddInput(*model.mutable_graph(), "x", axes);
  absl::StatusOr<InputPlan> plan = PlanInputs(Read(model).graph, options, {}, TimeAxes());
  if (!plan.ok()) return plan.status();
  return plan->inputs.at(0);
}

TEST(InputPlanTest, TakesTheAxisNamedBatch) {
  const auto input = *Plan({"2", "batch", "128"});

  EXPECT_EQ(input.batch_axis, 1);
  EXPECT_EQ(input.shape, (Shape{2, 1, 128}));
}

TEST(InputPlanTest, TakesTheOnlyOpenAxis) {
  EXPECT_EQ(Plan({"2", "", "128"})->batch_axis, 1);
  EXPECT_EQ(Plan({"seq_len", "576"})->batch_axis, 0);
}

TEST(InputPlanTest, TakesTheOnlyAxisOfOne) {
  EXPECT_EQ(Plan({"1", "2", "128", "2"})->batch_axis, 0);
  EXPECT_EQ(Plan({"48"})->batch_axis, -1);
}

TEST(InputPlanTest, TakesAnyAxisOfOneIfTheRowIsTheSame) {
  EXPECT_EQ(Plan({"1", "1", "128"})->batch_axis, 0);
}

TEST(InputPlanTest, RefusesTwoAxesThatGiveDifferentRows) {
  EXPECT_THAT(Plan({"1", "5", "1"}), IsError(absl::StatusCode::kInvalidArgument, "ONNX_SHAPES",
                                             "--batch-axis x=0 or --batch-axis x=2"));
  OnnxOptions options;
  options.batch_axis["x"] = 2;
  EXPECT_EQ(Plan({"1", "5", "1"}, options)->batch_axis, 2);
}

TEST(InputPlanTest, RefusesOpenAxesAndNamesTheFlag) {
  EXPECT_THAT(Plan({"batch", "frames", "80"}),
              IsError(absl::StatusCode::kInvalidArgument, "ONNX_SHAPES", "--set frames="));
  EXPECT_THAT(Plan({"1", "time", "80"}),
              IsError(absl::StatusCode::kInvalidArgument, "ONNX_SHAPES", "--set time="));
  EXPECT_THAT(Plan({"", ""}),
              IsError(absl::StatusCode::kInvalidArgument, "ONNX_SHAPES", "--shape x="));
}

TEST(InputPlanTest, OptionsSetExtents) {
  OnnxOptions options;
  options.set["frames"] = {3};
  EXPECT_EQ(Plan({"batch", "frames", "80"}, options)->shape, (Shape{1, 3, 80}));
  options = {};
  options.shape["x"] = {1, 576};
  EXPECT_EQ(Plan({"", ""}, options)->shape, (Shape{1, 576}));
}

TEST(InputPlanTest, RefusesOptionsThatContradictTheFile) {
  OnnxOptions options;
  options.shape["x"] = {1, 3};
  EXPECT_THAT(Plan({"1", "2"}, options),
              IsError(absl::StatusCode::kInvalidArgument, "MODEL_CONFIG", "[1, 2]"));
  options = {};
  options.batch_axis["x"] = 7;
  EXPECT_THAT(Plan({"1", "2"}, options),
              IsError(absl::StatusCode::kInvalidArgument, "MODEL_CONFIG", "'batch_axis'"));
}

TEST(InputPlanTest, RefusesAFixedBatch) {
  OnnxOptions options;
  options.batch_axis["x"] = 0;
  EXPECT_THAT(Plan({"4", "2"}, options),
              IsError(absl::StatusCode::kInvalidArgument, "ONNX_SHAPES", "fixed at 4"));
}

// An option whose name is none of the file's, as a flag.
class UnknownNameTest : public ::testing::TestWithParam<std::pair<std::string, std::string>> {};

TEST_P(UnknownNameTest, IsRefusedWithTheOptionAndTheNamesThatThereAre) {
  const auto& [flag, value] = GetParam();
  OnnxOptions options;
  ASSERT_TRUE(AddOnnxFlag(flag, value, options).ok());
  std::string key = flag;
  std::replace(key.begin(), key.end(), '-', '_');

  const auto plan = Plan({"1", "2"}, options);

  EXPECT_THAT(plan, IsError(absl::StatusCode::kInvalidArgument, "MODEL_CONFIG",
                            "'" + key + "' names 'nothing'"));
  EXPECT_THAT(plan.status().message(), ::testing::HasSubstr("there are 'x'"));
}

INSTANTIATE_TEST_SUITE_P(Flags, UnknownNameTest,
                         ::testing::Values(std::pair("set", "nothing=3"),
                                           std::pair("shape", "nothing=1,2"),
                                           std::pair("batch-axis", "nothing=0"),
                                           std::pair("time-axis", "nothing=0"),
                                           std::pair("initial-state", "nothing=h.npy"),
                                           std::pair("overlap", "nothing=3")));

TEST(InputPlanTest, AnOutputHasTheBatchAxisOfItsSymbol) {
  const OnnxModel model = Read(Accumulator());

  EXPECT_EQ(*OutputBatchAxis(model.graph.outputs[1], Shape{1, 1, 2}, {}, {"batch"}), 1);
}

}  // namespace
}  // namespace rnnserve::testing
