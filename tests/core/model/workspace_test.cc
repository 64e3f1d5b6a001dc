// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Where a workspace keeps what, and how large it says it is.

#include "core/model/workspace.h"

#include <gtest/gtest.h>

#include <limits>
#include <optional>

#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

TEST(WorkspaceTest, KeepsTheTimestepsOfARowTogether) {
  const ModelPtr model = ForecasterModel();
  Workspace workspace(*model, 4, {5});
  workspace.SetBatch(3);
  workspace.SetTimes({2});

  const Sequence input = workspace.input();

  EXPECT_EQ(input.rows, 2);
  EXPECT_EQ(input.batch, 3);
  EXPECT_EQ(input.time, 2);
  EXPECT_EQ(input.At(1).column(2), input.data + (2 * 2 + 1) * kColumnQuantum);
}

TEST(WorkspaceTest, HasAStateBlockForEachRow) {
  const ModelPtr model = ForecasterModel();
  Workspace workspace(*model, 4, {1});

  const Columns states = workspace.states();

  EXPECT_EQ(states.rows, model->state_layout().size);
  EXPECT_EQ(states.column(3) - states.column(2), model->state_layout().size);
}

TEST(WorkspaceTest, DropsTheTimeBehindTheLastRecurrentLayer) {
  const ModelPtr model = ClassifierModel();
  Workspace workspace(*model, 2, {5});

  EXPECT_EQ(workspace.value(0).time, 5);  // the input
  EXPECT_EQ(workspace.value(1).time, 5);  // masking
  EXPECT_EQ(workspace.value(2).time, 1);  // lstm
  EXPECT_EQ(workspace.value(3).time, 1);  // dense
}

TEST(WorkspaceTest, CountsEveryTimestepUntilAMaskIsWritten) {
  const ModelPtr model = ClassifierModel();
  Workspace workspace(*model, 2, {3});

  for (int i = 0; i < 6; ++i) EXPECT_EQ(workspace.mask()[i], 1) << i;
}

TEST(WorkspaceTest, BytesGrowWithTheBatch) {
  const ModelPtr model = ForecasterModel();
  const std::optional<int64_t> bytes = Workspace::Bytes(*model, 2, {3});

  ASSERT_TRUE(bytes.has_value());
  // Input, two GRUs and a Dense: one padded column each, two for 20 units.
  EXPECT_GE(*bytes, 2 * 3 * 5 * kColumnQuantum * static_cast<int64_t>(sizeof(float)) +
                        2 * model->state_layout().bytes());
  EXPECT_EQ(Workspace::Bytes(*model, 4, {3}), 2 * *bytes);
}

TEST(WorkspaceTest, BytesAreNothingIfTheyOverflow) {
  const ModelPtr model = ForecasterModel();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

  EXPECT_EQ(Workspace::Bytes(*model, kMax, {1}), std::nullopt);
  EXPECT_EQ(Workspace::Bytes(*model, int64_t{1} << 32, {int64_t{1} << 32}), std::nullopt);
}

}  // namespace
}  // namespace rnnserve::testing
