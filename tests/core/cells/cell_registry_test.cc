// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/cell_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/status_macros.h"
#include "tests/core/cells/cell_run.h"
#include "tests/support/status_matchers.h"

// Tests the registry, and the promise that a custom cell can have every feature that Keras allows:
// several states, one of them of a higher rank, an output that is not a state, its own initial
// values, and external constants.

namespace rnnserve {
namespace {

using ::rnnserve::testing::CellRun;
using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::Serialized;
using ::rnnserve::testing::StatusIs;
using ::rnnserve::testing::WeightMap;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A cell that keeps the last two inputs in one state [2, features], newest first, and counts
// timesteps in another state, which starts at one. Its output is [newest, sum of both * gain,
// count].
class WindowCell final : public Cell {
 public:
  static absl::StatusOr<std::unique_ptr<Cell>> Create(const CellRegistry& /*registry*/,
                                                      const KerasConfig& config,
                                                      const Shape& input_shape,
                                                      WeightSource& /*weights*/) {
    RNNSERVE_ASSIGN_OR_RETURN(const int64_t gains, config.PositiveInt("gains"));
    return std::unique_ptr<Cell>(new WindowCell(input_shape[0], gains));
  }

  int64_t num_parameters() const override { return 0; }

  void InitialState(int state_index, absl::Span<float> value) const override {
    std::fill(value.begin(), value.end(), state_index == 0 ? -1.0f : 1.0f);
  }

  void Step(const CellStep& step) const override {
    const int64_t features = input_size();
    for (int64_t b = 0; b < step.x.cols; ++b) {
      const float* x = step.x.column(b);
      const float* window = step.state[0].column(b);
      float* y = step.y.column(b);
      for (int64_t i = 0; i < features; ++i) {
        step.next_state[0].column(b)[i] = x[i];
        step.next_state[0].column(b)[features + i] = window[i];
        y[i] = x[i];
        y[features + i] = (x[i] + window[i]) * step.constants[0].column(b)[0];
      }
      y[2 * features] = step.state[1].column(b)[0];
      step.next_state[1].column(b)[0] = step.state[1].column(b)[0] + 1.0f;
    }
  }

 private:
  WindowCell(int64_t features, int64_t gains)
      : Cell({.input = {features},
              .output = {2 * features + 1},
              .states = {{"window", {2, features}}, {"count", {}}},
              .constants = {{gains}}}) {}
};

class CellRegistryTest : public ::testing::Test {
 protected:
  CellRegistryTest() { registry_.Register("mine>WindowCell", WindowCell::Create); }

  absl::StatusOr<std::unique_ptr<Cell>> Create(const nlohmann::json& object,
                                               const Shape& input_shape) {
    return registry_.Create(KerasConfig(object, "layer 'rnn'"), input_shape, weights_);
  }

  static nlohmann::json Window(int gains) {
    nlohmann::json object = Serialized("WindowCell", {{"gains", gains}});
    object["registered_name"] = "mine>WindowCell";
    return object;
  }

  CellRegistry registry_ = CellRegistry::BuiltIn();
  WeightMap weights_;
};

TEST_F(CellRegistryTest, BuiltInHoldsTheCellsOfKeras) {
  const CellRegistry registry = CellRegistry::BuiltIn();

  for (const char* name :
       {"SimpleRNNCell", "LSTMCell", "GRUCell", "ConvLSTM1DCell", "ConvLSTM2DCell",
        "ConvLSTM3DCell", "StackedRNNCells", "rnnserve>MinimalRNNCell"}) {
    EXPECT_TRUE(registry.Contains(name)) << name;
  }
  EXPECT_FALSE(registry.Contains("mine>WindowCell"));
}

TEST_F(CellRegistryTest, NamesAnUnknownCell) {
  EXPECT_THAT(
      Create(Serialized("PeepholeCell", {}), {2}),
      StatusIs(absl::StatusCode::kUnimplemented,
               AllOf(HasSubstr("layer 'rnn'"), HasSubstr("'PeepholeCell'")), "CELL_UNSUPPORTED"));
}

TEST_F(CellRegistryTest, ACustomClassIsNotMistakenForABuiltInOneOfTheSameName) {
  nlohmann::json object = Serialized("LSTMCell", {{"units", 1}});
  object["registered_name"] = "theirs>LSTMCell";

  EXPECT_THAT(Create(object, {2}), StatusIs(absl::StatusCode::kUnimplemented,
                                            HasSubstr("'theirs>LSTMCell'"), "CELL_UNSUPPORTED"));
}

TEST_F(CellRegistryTest, CreatesACellFromTheOptionsOfItsLayer) {
  weights_.AddRandom("kernel", {2, 4}, 1);
  weights_.AddRandom("recurrent_kernel", {1, 4}, 2);
  weights_.AddRandom("bias", {4}, 3);
  const nlohmann::json layer = Serialized("LSTM", {{"units", 1}, {"return_sequences", true}});

  const auto cell = registry_.Create("LSTMCell", KerasConfig(layer, "layer 'lstm'"), {2}, weights_);

  ASSERT_THAT(cell, IsOk());
  EXPECT_EQ((*cell)->states().size(), 2u);
}

TEST_F(CellRegistryTest, RegisteringANameAgainReplacesTheCell) {
  registry_.Register("LSTMCell", WindowCell::Create);

  const auto cell = Create(Serialized("LSTMCell", {{"gains", 1}}), {3});

  ASSERT_THAT(cell, IsOk());
  EXPECT_EQ((*cell)->output_size(), 7);
}

TEST_F(CellRegistryTest, ListsTheWeightsInTheOrderOfKeras) {
  const nlohmann::json with_bias = Serialized("LSTM", {{"units", 1}});
  const nlohmann::json without_bias = Serialized("LSTM", {{"units", 1}, {"use_bias", false}});
  const nlohmann::json wrong = Serialized("LSTM", {{"use_bias", 3}});

  EXPECT_THAT(*registry_.VariableNames("LSTMCell", KerasConfig(with_bias, "")),
              ElementsAre("kernel", "recurrent_kernel", "bias"));
  EXPECT_THAT(*registry_.VariableNames("LSTMCell", KerasConfig(without_bias, "")),
              ElementsAre("kernel", "recurrent_kernel"));
  EXPECT_THAT(
      registry_.VariableNames("LSTMCell", KerasConfig(wrong, "layer 'l'")),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'use_bias'"), "MODEL_CONFIG"));
  EXPECT_THAT(
      registry_.VariableNames("PeepholeCell", KerasConfig(with_bias, "layer 'l'")),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("'PeepholeCell'"), "CELL_UNSUPPORTED"));
}

TEST_F(CellRegistryTest, ACustomCellListsItsWeights) {
  registry_.Register("mine>WindowCell", WindowCell::Create,
                     {{"scale", "use_scale"}, {"shift", ""}});
  const nlohmann::json object = Window(1);

  EXPECT_THAT(*registry_.VariableNames("mine>WindowCell", KerasConfig(object, "")),
              ElementsAre("scale", "shift"));
}

TEST_F(CellRegistryTest, MergeAddsAllCellsOrNone) {
  CellRegistry other;
  other.Register("b>Cell", WindowCell::Create);
  other.Register("mine>WindowCell", WindowCell::Create);

  EXPECT_THAT(registry_.Merge(other), StatusIs(absl::StatusCode::kInvalidArgument,
                                               HasSubstr("'mine>WindowCell'"), "PLUGIN_LOAD"));
  EXPECT_FALSE(registry_.Contains("b>Cell"));

  CellRegistry empty;
  EXPECT_THAT(empty.Merge(other), IsOk());
  EXPECT_THAT(empty.Names(), ElementsAre("b>Cell", "mine>WindowCell"));
}

TEST_F(CellRegistryTest, PassesOnTheErrorsOfTheFactory) {
  EXPECT_THAT(Create(Window(0), {2}), StatusIs(absl::StatusCode::kInvalidArgument,
                                               HasSubstr("'gains' is 0"), "MODEL_CONFIG"));
}

TEST_F(CellRegistryTest, ACustomCellMayHaveAnyStatesOutputAndConstants) {
  const auto cell = Create(Window(1), {2});
  ASSERT_THAT(cell, IsOk());
  EXPECT_EQ((*cell)->states()[0].shape, Shape({2, 2}));
  EXPECT_EQ((*cell)->output_size(), 5);
  EXPECT_EQ((*cell)->scratch_size(64), 0);
  CellRun run(**cell, 2);
  run.add_constant({std::vector<float>{10}, std::vector<float>{100}});

  run.Step({{1, 2}, {3, 4}});
  EXPECT_THAT(run.y(0), ElementsAre(1, 2, 0, 10, 1));
  EXPECT_THAT(run.y(1), ElementsAre(3, 4, 200, 300, 1));

  run.Step({{5, 6}, {7, 8}});
  EXPECT_THAT(run.y(0), ElementsAre(5, 6, 60, 80, 2));
  EXPECT_THAT(run.y(1), ElementsAre(7, 8, 1000, 1200, 2));
  EXPECT_THAT(run.state(0, 0), ElementsAre(5, 6, 1, 2));
  EXPECT_THAT(run.state(0, 1), ElementsAre(3));
}

TEST_F(CellRegistryTest, AStackGivesEveryCellItsInitialStateAndTheConstants) {
  const auto cell = Create(Serialized("StackedRNNCells", {{"cells", {Window(1), Window(1)}}}), {1});
  ASSERT_THAT(cell, IsOk());
  ASSERT_EQ((*cell)->constants().size(), 1u);
  CellRun run(**cell, 1);
  run.add_constant({std::vector<float>{10}});

  EXPECT_THAT(run.state(0, 2), ElementsAre(-1, -1, -1, -1, -1, -1));
  EXPECT_THAT(run.state(0, 3), ElementsAre(1));
  run.Step({std::vector<float>{2}});

  EXPECT_THAT(run.y(0), ElementsAre(2, 10, 1, 10, 90, 0, 1));
}

TEST_F(CellRegistryTest, AStackRejectsCellsWithDifferentConstants) {
  EXPECT_THAT(Create(Serialized("StackedRNNCells", {{"cells", {Window(1), Window(2)}}}), {1}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("cells[1]"), HasSubstr("constants")), "MODEL_CONFIG"));
}

}  // namespace
}  // namespace rnnserve
