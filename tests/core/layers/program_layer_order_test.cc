// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests in which order rnnserve>Program runs the timesteps, and which of its outputs have a time
// axis.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/layers/layer_registry.h"
#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

// sum' = sum + x, which is the output.
constexpr char kSum[] = R"({
  "program_version": 1,
  "inputs": [{"name": "x", "shape": [1]}],
  "states": [{"name": "s", "shape": [1], "next": "sum"}],
  "operations": [
    {"op": "add", "in": ["s", "x"], "out": "sum"}],
  "outputs": [{"name": "sum", "value": "sum"}]})";

// Two outputs: x and 2 x.
constexpr char kTwo[] = R"({
  "program_version": 1,
  "inputs": [{"name": "x", "shape": [1]}],
  "operations": [{"op": "add", "in": ["x", "x"], "out": "twice"}],
  "outputs": [{"name": "once", "value": "x"}, {"name": "twice", "value": "twice"}]})";

// y = x + x, without states.
constexpr char kTwice[] = R"({
  "program_version": 1,
  "inputs": [{"name": "x", "shape": [1]}],
  "operations": [{"op": "add", "in": ["x", "x"], "out": "y"}],
  "outputs": [{"name": "y", "value": "y"}]})";

absl::StatusOr<std::unique_ptr<Layer>> BuildProgram(const char* text, const Json& options,
                                                    const ValueSpec& input = Sequences(1)) {
  Json config = {{"name", "layer"}, {"program", Json::parse(text)}};
  config.update(options);
  WeightMap weights;
  Json object = Object("Program", config);
  object["registered_name"] = "rnnserve>Program";
  return Build(object, std::vector<ValueSpec>{input}, weights);
}

TEST(ProgramLayerOrderTest, GoesBackwardsAndKeepsTheOrderOfTheInputs) {
  const auto layer = BuildProgram(kSum, {{"go_backwards", true}});

  ASSERT_TRUE(layer.ok()) << layer.status();
  PreparedRun run(**layer, Scalars({{1, 20, 300}, {4, 5, 6}}));
  run.Run();
  EXPECT_EQ(run.y(), Scalars({{321, 320, 300}, {15, 11, 6}}));
  EXPECT_EQ(run.state(0), (Table{{321}, {15}}));
  EXPECT_FALSE((*layer)->can_stream());
}

TEST(ProgramLayerOrderTest, MaskedTimestepsAtTheEndComeFirst) {
  const auto layer = BuildProgram(kSum, {{"go_backwards", true}, {"zero_output_for_mask", true}});

  ASSERT_TRUE(layer.ok()) << layer.status();
  PreparedRun run(**layer, Scalars({{1, 20, 300}}), {{1, 1, 0}});
  run.Run();
  EXPECT_EQ(run.y(), Scalars({{21, 20, 0}}));
}

TEST(ProgramLayerOrderTest, LastOutputsHaveNoTimeAxis) {
  const auto layer = BuildProgram(kSum, {{"last_outputs", {"sum"}}});
  const auto backwards = BuildProgram(kTwice, {{"last_outputs", {"y"}}, {"go_backwards", true}});

  ASSERT_TRUE(layer.ok()) << layer.status();
  EXPECT_FALSE((*layer)->output().has_time);
  EXPECT_TRUE((*layer)->can_stream());
  PreparedRun run(**layer, Scalars({{1, 20, 300}, {4, 5, 6}}));
  run.Run();
  EXPECT_EQ(run.y(), Scalars({{321}, {15}}));
  PreparedRun first(**backwards, Scalars({{1, 20, 300}}));
  first.Run();
  EXPECT_EQ(first.y(), Scalars({{2}}));
}

TEST(ProgramLayerOrderTest, OutputsWithTimeComeFirst) {
  const auto layer = BuildProgram(kTwo, {{"last_outputs", {"twice"}}});

  ASSERT_TRUE(layer.ok()) << layer.status();
  EXPECT_TRUE((*layer)->output().has_time);
  EXPECT_FALSE((*layer)->more_outputs()[0].has_time);
  EXPECT_THAT(
      BuildProgram(kTwo, {{"last_outputs", {"once"}}}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is not 'twice'"), "MODEL_CONFIG"));
  EXPECT_THAT(
      BuildProgram(kTwo, {{"last_outputs", "twice"}}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("last_outputs"), "MODEL_CONFIG"));
}

TEST(ProgramLayerOrderTest, RunsOnceWithoutATimeAxis) {
  const auto layer = BuildProgram(kTwice, Json::object(), Vectors(1));

  ASSERT_TRUE(layer.ok()) << layer.status();
  EXPECT_FALSE((*layer)->output().has_time);
  PreparedRun run(**layer, Scalars({{3}, {4}}));
  run.Run();
  EXPECT_EQ(run.y(), Scalars({{6}, {8}}));
  EXPECT_THAT(BuildProgram(kSum, Json::object(), Vectors(1)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("without a time axis"),
                       "MODEL_CONFIG"));
}

}  // namespace
}  // namespace rnnserve::testing
