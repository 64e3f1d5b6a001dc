// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/minimal_rnn_cell.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/cells/cell_run.h"
#include "tests/support/status_matchers.h"

// Tests the example cell of the Keras documentation, which is found only by its registered name.

namespace rnnserve {
namespace {

using ::rnnserve::testing::CellRun;
using ::rnnserve::testing::CreateCell;
using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::Serialized;
using ::rnnserve::testing::StatusIs;
using ::rnnserve::testing::WeightMap;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(MinimalRnnCellTest, AddsInputAndState) {
  WeightMap weights;
  weights.Add("kernel", {2, 2}, {1, 2, 3, 4});
  weights.Add("recurrent_kernel", {2, 2}, {1, 5, 0, -1});
  const auto cell = CreateCell(Serialized("rnnserve>MinimalRNNCell", {{"units", 2}}), {2}, weights);
  ASSERT_THAT(cell, IsOk());
  CellRun run(**cell, 1);

  run.Step({{1, 1}});
  EXPECT_THAT(run.y(0), ElementsAre(4, 6));

  run.Step({{1, 1}});
  EXPECT_THAT(run.y(0), ElementsAre(8, 20));
  EXPECT_THAT(run.state(0, 0), ElementsAre(8, 20));
}

TEST(MinimalRnnCellTest, IsFoundByItsRegisteredNameAlone) {
  WeightMap weights;
  weights.AddConstant("kernel", {1, 1}, 2);
  weights.AddConstant("recurrent_kernel", {1, 1}, 3);
  nlohmann::json object = Serialized("MinimalRNNCell", {{"units", 1}});

  // Anybody's class may have this name and compute something else.
  EXPECT_THAT(
      CreateCell(object, {1}, weights),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("MinimalRNNCell"), "CELL_UNSUPPORTED"));

  object["registered_name"] = "rnnserve>MinimalRNNCell";
  EXPECT_THAT(CreateCell(object, {1}, weights), IsOk());
}

TEST(MinimalRnnCellTest, RejectsWrongOptionsAndInputs) {
  WeightMap weights;

  EXPECT_THAT(CreateCell(Serialized("rnnserve>MinimalRNNCell", {{"units", -1}}), {1}, weights),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("layer 'rnn'"), HasSubstr("-1")), "MODEL_CONFIG"));
  EXPECT_THAT(CreateCell(Serialized("rnnserve>MinimalRNNCell", {{"units", 1}}), {2, 2}, weights),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("[2, 2]"), "MODEL_CONFIG"));
  EXPECT_THAT(CreateCell(Serialized("rnnserve>MinimalRNNCell", {{"units", 1}, {"dtype", "int8"}}),
                         {1}, weights),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("int8"), "OPTION_UNSUPPORTED"));
}

}  // namespace
}  // namespace rnnserve
