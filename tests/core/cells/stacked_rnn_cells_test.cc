// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/stacked_rnn_cells.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/core/cells/cell_run.h"
#include "tests/support/status_matchers.h"

// Tests that a stack behaves like its cells one after another, with their states in order. The
// cells have their own tests. cell_registry_test.cc tests constants in a stack, with its custom
// cell.

namespace rnnserve {
namespace {

using ::rnnserve::testing::CellRun;
using ::rnnserve::testing::CountingSequences;
using ::rnnserve::testing::CreateCell;
using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::Serialized;
using ::rnnserve::testing::StatusIs;
using ::rnnserve::testing::WeightMap;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

nlohmann::json Stack(const std::vector<nlohmann::json>& cells) {
  return Serialized("StackedRNNCells", {{"name", "stack"}, {"cells", cells}});
}

nlohmann::json Minimal(int units) {
  return Serialized("rnnserve>MinimalRNNCell", {{"units", units}});
}

void AddMinimalWeights(WeightMap& weights, const std::string& scope, int64_t input, int64_t units) {
  weights.AddConstant(scope + "/kernel", {input, units}, 1.0f);
  weights.AddConstant(scope + "/recurrent_kernel", {units, units}, 1.0f);
}

std::vector<std::string> StateNames(const Cell& cell) {
  std::vector<std::string> names;
  for (const StateSpec& state : cell.states()) names.push_back(state.name);
  return names;
}

// This is Keras' own test of RNN([cell of 3 units, cell of 2 units]) with all weights one.
TEST(StackedRnnCellsTest, HasTheOutputsAndStatesOfKeras) {
  WeightMap weights;
  AddMinimalWeights(weights, "cells/0", 4, 3);
  AddMinimalWeights(weights, "cells/1", 3, 2);
  const auto cell = CreateCell(Stack({Minimal(3), Minimal(2)}), {4}, weights);
  ASSERT_THAT(cell, IsOk());
  const auto x = CountingSequences(2, 3, 4);
  CellRun run(**cell, 2);

  std::vector<float> first_row;
  std::vector<float> second_row;
  for (size_t t = 0; t < 3; ++t) {
    run.Step({x[0][t], x[1][t]});
    first_row.push_back(run.y(0)[0]);
    second_row.push_back(run.y(1)[1]);
  }

  EXPECT_THAT(first_row, ElementsAre(18, 156, 786));
  EXPECT_THAT(second_row, ElementsAre(162, 1020, 4386));
  EXPECT_THAT(run.state(0, 0), ElementsAre(158, 158, 158));
  EXPECT_THAT(run.state(1, 0), ElementsAre(782, 782, 782));
  EXPECT_THAT(run.state(0, 1), ElementsAre(786, 786));
}

TEST(StackedRnnCellsTest, NamesTheStatesAfterTheCells) {
  WeightMap weights;
  weights.AddRandom("cells/0/kernel", {2, 12}, 1);
  weights.AddRandom("cells/0/recurrent_kernel", {3, 12}, 2);
  weights.AddRandom("cells/0/bias", {12}, 3);
  AddMinimalWeights(weights, "cells/1/cells/0", 3, 4);
  AddMinimalWeights(weights, "cells/1/cells/1", 4, 5);
  const auto cell =
      CreateCell(Stack({Serialized("LSTMCell", {{"units", 3}}), Stack({Minimal(4), Minimal(5)})}),
                 {2}, weights);
  ASSERT_THAT(cell, IsOk());

  EXPECT_THAT(StateNames(**cell), ElementsAre("0/h", "0/c", "1/0/h", "1/1/h"));
  EXPECT_EQ((*cell)->states()[3].shape, Shape({5}));
  EXPECT_EQ((*cell)->input_shape(), Shape({2}));
  EXPECT_EQ((*cell)->output_shape(), Shape({5}));
  EXPECT_EQ((*cell)->num_parameters(), 72 + 28 + 45);
}

// Compares the stack with its cells run one by one, for widths that need padding.
TEST(StackedRnnCellsTest, BehavesLikeItsCellsOneAfterAnother) {
  WeightMap weights;
  weights.AddRandom("cells/0/kernel", {5, 4 * 17}, 1);
  weights.AddRandom("cells/0/recurrent_kernel", {17, 4 * 17}, 2);
  weights.AddRandom("cells/0/bias", {4 * 17}, 3);
  weights.AddRandom("cells/1/kernel", {17, 3 * 3}, 4);
  weights.AddRandom("cells/1/recurrent_kernel", {3, 3 * 3}, 5);
  weights.AddRandom("cells/1/bias", {2, 3 * 3}, 6);
  const nlohmann::json lstm_config = Serialized("LSTMCell", {{"units", 17}});
  const nlohmann::json gru_config = Serialized("GRUCell", {{"units", 3}});
  const auto stack = CreateCell(Stack({lstm_config, gru_config}), {5}, weights);
  ASSERT_THAT(stack, IsOk());
  const CellRegistry registry = CellRegistry::BuiltIn();
  ScopedWeights lstm_weights(weights, "cells/0");
  ScopedWeights gru_weights(weights, "cells/1");
  const auto lstm = registry.Create(KerasConfig(lstm_config, ""), {5}, lstm_weights);
  const auto gru = registry.Create(KerasConfig(gru_config, ""), {17}, gru_weights);
  ASSERT_THAT(lstm, IsOk());
  ASSERT_THAT(gru, IsOk());
  CellRun stack_run(**stack, 3);
  CellRun lstm_run(**lstm, 3);
  CellRun gru_run(**gru, 3);

  for (const auto& x : CountingSequences(4, 3, 5)) {
    stack_run.Step(x);
    lstm_run.Step(x);
    gru_run.Step({lstm_run.y(0), lstm_run.y(1), lstm_run.y(2)});
    for (int64_t b = 0; b < 3; ++b) {
      EXPECT_EQ(stack_run.y(b), gru_run.y(b));
      EXPECT_EQ(stack_run.state(b, 0), lstm_run.state(b, 0));
      EXPECT_EQ(stack_run.state(b, 1), lstm_run.state(b, 1));
      EXPECT_EQ(stack_run.state(b, 2), gru_run.state(b, 0));
    }
  }
}

TEST(StackedRnnCellsTest, RejectsAnEmptyStack) {
  WeightMap weights;

  EXPECT_THAT(CreateCell(Stack({}), {2}, weights),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("layer 'rnn'"), HasSubstr("'cells'")), "MODEL_CONFIG"));
}

TEST(StackedRnnCellsTest, NamesTheCellThatIsWrong) {
  WeightMap weights;
  AddMinimalWeights(weights, "cells/0", 2, 3);

  EXPECT_THAT(CreateCell(Stack({Minimal(3), Serialized("ConvCell", {})}), {2}, weights),
              StatusIs(absl::StatusCode::kUnimplemented,
                       AllOf(HasSubstr("layer 'rnn', cells[1]"), HasSubstr("'ConvCell'")),
                       "CELL_UNSUPPORTED"));
  EXPECT_THAT(CreateCell(Stack({Minimal(3), Minimal(0)}), {2}, weights),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("cells[1]"), "MODEL_CONFIG"));
  EXPECT_THAT(
      CreateCell(Stack({Minimal(3), Minimal(4)}), {2}, weights),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'cells/1/kernel'"), "MODEL_WEIGHTS"));
}

}  // namespace
}  // namespace rnnserve
