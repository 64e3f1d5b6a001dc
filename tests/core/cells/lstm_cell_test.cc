// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/lstm_cell.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/cells/cell_run.h"
#include "tests/support/status_matchers.h"

// Compares the equations with numbers worked out by hand, with linear activations so that every
// gate is visible, and then with the numbers that Keras' own tests expect.

namespace rnnserve {
namespace {

using ::rnnserve::testing::CellRun;
using ::rnnserve::testing::CountingSequences;
using ::rnnserve::testing::CreateCell;
using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::Serialized;
using ::rnnserve::testing::WeightMap;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::FloatNear;

class LstmCellTest : public ::testing::Test {
 protected:
  // Makes a cell with weights for 1 feature and 1 unit. The gates are in the order i, f, c, o.
  std::unique_ptr<Cell> Small(const nlohmann::json& config) {
    weights_.Add("kernel", {1, 4}, {1, 2, 3, 4});
    weights_.Add("recurrent_kernel", {1, 4}, {10, 20, 30, 40});
    weights_.Add("bias", {4}, {0.5f, 1, 1.5f, 2});
    nlohmann::json all = {
        {"units", 1}, {"activation", "linear"}, {"recurrent_activation", "linear"}};
    all.update(config);
    auto cell = CreateCell(Serialized("LSTMCell", all), {1}, weights_);
    EXPECT_THAT(cell, IsOk());
    return *std::move(cell);
  }

  // Makes a cell with the constant weights of Keras' tests, where the bias of the forget gate is
  // one.
  std::unique_ptr<Cell> Constant(int64_t features, int64_t units, const nlohmann::json& config,
                                 float forget_bias) {
    weights_.AddConstant("kernel", {features, 4 * units}, 0.01f);
    weights_.AddConstant("recurrent_kernel", {units, 4 * units}, 0.02f);
    std::vector<float> bias(static_cast<size_t>(4 * units), 0.03f);
    std::fill_n(bias.begin() + units, units, forget_bias);
    weights_.Add("bias", {4 * units}, bias);
    nlohmann::json all = {{"units", units}};
    all.update(config);
    auto cell = CreateCell(Serialized("LSTMCell", all), {features}, weights_);
    EXPECT_THAT(cell, IsOk());
    return *std::move(cell);
  }

  // Expects these last outputs for 3 rows of 6 timesteps of 4 features, one value for each row.
  void ExpectLastOutputs(const Cell& cell, const std::vector<float>& expected) {
    const auto x = CountingSequences(3, 6, 4);
    CellRun run(cell, 3);
    for (size_t t = 0; t < 6; ++t) run.Step({x[0][t], x[1][t], x[2][t]});
    for (size_t b = 0; b < 3; ++b) {
      EXPECT_THAT(run.y(static_cast<int64_t>(b)), Each(FloatNear(expected[b], 2e-6f))) << b;
    }
  }

  WeightMap weights_;
};

TEST_F(LstmCellTest, HasTheStatesHAndC) {
  const auto cell = Small(nlohmann::json::object());

  ASSERT_EQ(cell->states().size(), 2u);
  EXPECT_EQ(cell->states()[0].name, "h");
  EXPECT_EQ(cell->states()[1].name, "c");
  EXPECT_EQ(cell->states()[1].shape, Shape({1}));
}

// i = 2 + 30 + 0.5, f = 4 + 60 + 1, g = 6 + 90 + 1.5, o = 8 + 120 + 2;
// c' = 65 * 5 + 32.5 * 97.5 = 3493.75, h' = 130 * c'.
TEST_F(LstmCellTest, EveryGateIsInItsPlace) {
  const auto cell = Small(nlohmann::json::object());
  CellRun run(*cell, 1);
  run.set_state(0, 0, {3});
  run.set_state(0, 1, {5});

  run.Step({{2}});

  EXPECT_THAT(run.state(0, 1), ElementsAre(3493.75f));
  EXPECT_THAT(run.state(0, 0), ElementsAre(454187.5f));
  EXPECT_THAT(run.y(0), ElementsAre(454187.5f));
}

// i = 32, f = 64, g = 96, o = 128; c' = 64 * 5 + 32 * 96 = 3392.
TEST_F(LstmCellTest, HasNoBiasWithoutUseBias) {
  const auto cell = Small({{"use_bias", false}});
  CellRun run(*cell, 1);
  run.set_state(0, 0, {3});
  run.set_state(0, 1, {5});

  run.Step({{2}});

  EXPECT_THAT(run.state(0, 1), ElementsAre(3392));
  EXPECT_THAT(run.state(0, 0), ElementsAre(434176));
}

// As above with x = -2 and h = 0: i = -1.5, f = -3, g = -4.5, o = -6. The activation applies to the
// candidate and to the output only: g becomes 0, c' = -3 * -5 = 15, h' = -6 * 15.
TEST_F(LstmCellTest, TheActivationAppliesToCandidateAndOutput) {
  const auto cell = Small({{"activation", "relu"}});
  CellRun run(*cell, 1);
  run.set_state(0, 1, {-5});

  run.Step({{-2}});
  EXPECT_THAT(run.state(0, 1), ElementsAre(15));
  EXPECT_THAT(run.state(0, 0), ElementsAre(-90));

  // c' = -3 * 5 = -15, and relu makes it 0.
  run.set_state(0, 0, {0});
  run.set_state(0, 1, {5});
  run.Step({{-2}});
  EXPECT_THAT(run.state(0, 1), ElementsAre(-15));
  EXPECT_THAT(run.y(0), ElementsAre(0));
}

// With x = 2 and h = c = 0 all gates are above 1, so hard_tanh makes each one 1.
TEST_F(LstmCellTest, TheRecurrentActivationAppliesToTheOtherGates) {
  const auto cell = Small({{"recurrent_activation", "hard_tanh"}});
  CellRun run(*cell, 1);

  run.Step({{2}});

  EXPECT_THAT(run.state(0, 1), ElementsAre(7.5f));
  EXPECT_THAT(run.y(0), ElementsAre(7.5f));
}

TEST_F(LstmCellTest, HasTheLastOutputsOfKeras) {
  const auto cell = Constant(4, 3, nlohmann::json::object(), 1.0f);

  ExpectLastOutputs(*cell, {0.6288687f, 0.86899155f, 0.9460773f});
}

TEST_F(LstmCellTest, HasTheLastOutputsOfKerasWithTheSameBiasForAllGates) {
  const auto cell = Constant(4, 3, nlohmann::json::object(), 0.03f);

  ExpectLastOutputs(*cell, {0.57019705f, 0.8661914f, 0.9459622f});
}

TEST_F(LstmCellTest, HasTheLastOutputsOfKerasWithoutBias) {
  const auto cell = Constant(4, 3, {{"use_bias", false}}, 1.0f);

  ExpectLastOutputs(*cell, {0.54986924f, 0.86226785f, 0.9443936f});
}

TEST_F(LstmCellTest, HasTheLastOutputsOfKerasAfterAnInitialState) {
  const auto cell = Constant(3, 2, nlohmann::json::object(), 1.0f);
  const auto x = CountingSequences(2, 4, 3);
  CellRun run(*cell, 2);
  for (size_t k = 0; k < 2; ++k) {
    run.set_state(0, k, {0, 1});
    run.set_state(1, k, {2, 3});
  }

  for (size_t t = 0; t < 4; ++t) run.Step({x[0][t], x[1][t]});

  EXPECT_THAT(run.y(0), ElementsAre(FloatNear(0.20574439f, 2e-6f), FloatNear(0.3558822f, 2e-6f)));
  EXPECT_THAT(run.y(1), ElementsAre(FloatNear(0.64930826f, 2e-6f), FloatNear(0.66276f, 2e-6f)));
}

}  // namespace
}  // namespace rnnserve
