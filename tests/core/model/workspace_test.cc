// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests the layout of a workspace and its size.

#include "core/model/workspace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

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

TEST(WorkspaceTest, DropsTheTimeAfterTheLastRecurrentLayer) {
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

// Returns the outputs for one row of ones.
std::vector<float> OfOnes(const Model& model, Workspace& workspace) {
  const auto initial = model.initial_state();
  std::copy(initial.begin(), initial.end(), workspace.states().column(0));
  for (int64_t t = 0; t < workspace.input().time; ++t) {
    std::fill_n(workspace.input().At(t).column(0), workspace.input().rows, 1.0f);
  }
  model.RunSequencePart(workspace);
  model.RunTail(workspace);
  const ConstSequence output = model.output(workspace);
  std::vector<float> values;
  for (int64_t t = 0; t < output.time; ++t) {
    values.insert(values.end(), output.At(t).column(0), output.At(t).column(0) + output.rows);
  }
  return values;
}

// Returns the outputs of a run of `batch` rows of `time` timesteps in this workspace.
std::vector<float> RunIn(Workspace& workspace, const Model& model, int64_t batch, int64_t time) {
  workspace.SetBatch(batch);
  workspace.SetTimes({time});
  const Sequence input = workspace.input();
  std::vector<float> outputs;
  for (int64_t b = 0; b < batch; ++b) {
    std::copy(model.initial_state().begin(), model.initial_state().end(),
              workspace.states().column(b));
    for (int64_t t = 0; t < time; ++t) {
      for (int64_t i = 0; i < input.rows; ++i) {
        input.At(t).column(b)[i] = 0.1f * static_cast<float>((b + 3 * t + i) % 7);
      }
    }
  }
  model.RunSequencePart(workspace);
  model.RunTail(workspace);
  const ConstSequence output = model.output(workspace);
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t t = 0; t < output.time; ++t) {
      const float* const column = output.At(t).column(b);
      outputs.insert(outputs.end(), column, column + output.rows);
    }
  }
  return outputs;
}

TEST(WorkspaceTest, HasRoomForARunSmallerThanItsSize) {
  // A small batch projects many timesteps together; a large one does not project.
  const ModelPtr model = StackedGruModel(48);
  Workspace large(*model, 64, {40});
  for (const int64_t batch : {1, 8, 9, 64}) {
    Workspace exact(*model, batch, {30});
    EXPECT_EQ(RunIn(large, *model, batch, 30), RunIn(exact, *model, batch, 30)) << batch;
  }
}

TEST(WorkspaceTest, HasRoomForEachOfItsSizes) {
  // Many rows of one timestep need different scratch from few rows of many timesteps.
  const ModelPtr model = StackedGruModel(48);
  const std::vector<Workspace::Extent> extents = {{64, {1}}, {2, {24}}, {8, {8}}};
  Workspace workspace(*model, extents);
  EXPECT_EQ(workspace.input().batch, 64);
  EXPECT_EQ(workspace.input().time, 1);

  for (const auto& [batch, times] : extents) {
    Workspace exact(*model, batch, times);
    EXPECT_EQ(RunIn(workspace, *model, batch, times[0]), RunIn(exact, *model, batch, times[0]))
        << batch;
  }
}

TEST(WorkspaceTest, IsRandomOnlyInTraining) {
  const ModelPtr model = DropoutModel();
  Workspace workspace(*model, 1, {4});
  const std::vector<float> inference = OfOnes(*model, workspace);

  workspace.SetTraining({1});
  const std::vector<float> first = OfOnes(*model, workspace);
  workspace.SetTraining({2});
  const std::vector<float> second = OfOnes(*model, workspace);
  workspace.SetTraining({1});

  EXPECT_EQ(OfOnes(*model, workspace), first);
  EXPECT_NE(first, second);
  EXPECT_NE(first, inference);
  workspace.SetTraining({});
  EXPECT_EQ(OfOnes(*model, workspace), inference);
}

// Two equal layers in a row keep half of the values if they share a mask, and a quarter if they do
// not.
TEST(WorkspaceTest, EachLayerHasItsOwnRandomNumbers) {
  const ModelPtr model = DropoutModel();
  Workspace workspace(*model, 1, {4});
  workspace.SetTraining({1});
  OfOnes(*model, workspace);
  const ConstSequence once = workspace.value(2);
  const ConstSequence twice = workspace.value(3);

  int num_kept_once = 0;
  int num_kept_twice = 0;
  for (int64_t t = 0; t < 4; ++t) {
    num_kept_once += static_cast<int>((once.At(t).vector(0).array() != 0.0f).count());
    num_kept_twice += static_cast<int>((twice.At(t).vector(0).array() != 0.0f).count());
  }

  EXPECT_GT(num_kept_twice, 0);
  EXPECT_LT(num_kept_twice, num_kept_once);
}

TEST(WorkspaceTest, BytesGrowWithTheBatch) {
  const ModelPtr model = ForecasterModel();
  const std::optional<int64_t> bytes = Workspace::Bytes(*model, 2, {3});

  ASSERT_TRUE(bytes.has_value());
  // The input, two GRUs and a Dense layer have one quantum per timestep each, or two for 20 units.
  EXPECT_GE(*bytes, 2 * 3 * 5 * kColumnQuantum * static_cast<int64_t>(sizeof(float)) +
                        2 * model->state_layout().bytes());
  EXPECT_EQ(*bytes, 2 * *Workspace::Bytes(*model, 1, {3}));
  // This is less than twice as much, because runs of a batch this large are not projected.
  EXPECT_GT(*Workspace::Bytes(*model, 4, {3}), *bytes);
}

TEST(WorkspaceTest, HasNoNumberOfBytesIfItOverflows) {
  const ModelPtr model = ForecasterModel();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

  EXPECT_EQ(Workspace::Bytes(*model, kMax, {1}), std::nullopt);
  EXPECT_EQ(Workspace::Bytes(*model, int64_t{1} << 32, {int64_t{1} << 32}), std::nullopt);
}

}  // namespace
}  // namespace rnnserve::testing
