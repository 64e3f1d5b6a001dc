// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/simple_rnn_cell.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/cells/cell_run.h"
#include "tests/support/status_matchers.h"

// Compares the equation with numbers worked out by hand, then with those that Keras' own tests
// expect.

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

class SimpleRnnCellTest : public ::testing::Test {
 protected:
  // Makes a cell with weights for 2 features and 2 units.
  std::unique_ptr<Cell> Small(const nlohmann::json& config) {
    weights_.Add("kernel", {2, 2}, {1, 2, 3, 4});
    weights_.Add("recurrent_kernel", {2, 2}, {1, 5, 0, -1});
    weights_.Add("bias", {2}, {0.5f, -20});
    nlohmann::json all = config;
    all["units"] = 2;
    auto cell = CreateCell(Serialized("SimpleRNNCell", all), {2}, weights_);
    EXPECT_THAT(cell, IsOk());
    return *std::move(cell);
  }

  // Makes a cell with the constant weights of Keras' tests.
  std::unique_ptr<Cell> Constant(int64_t features, int64_t units) {
    weights_.AddConstant("kernel", {features, units}, 0.01f);
    weights_.AddConstant("recurrent_kernel", {units, units}, 0.02f);
    weights_.AddConstant("bias", {units}, 0.03f);
    auto cell = CreateCell(Serialized("SimpleRNNCell", {{"units", units}}), {features}, weights_);
    EXPECT_THAT(cell, IsOk());
    return *std::move(cell);
  }

  WeightMap weights_;
};

TEST_F(SimpleRnnCellTest, HasOneStateOfUnits) {
  const auto cell = Small({});

  ASSERT_EQ(cell->states().size(), 1u);
  EXPECT_EQ(cell->states()[0].name, "h");
  EXPECT_EQ(cell->states()[0].shape, Shape({2}));
}

// x K = [4, 6], h R = [2, 10 - 3].
TEST_F(SimpleRnnCellTest, AddsInputStateAndBias) {
  const auto cell = Small({{"activation", "linear"}});
  CellRun run(*cell, 1);
  run.set_state(0, 0, {2, 3});

  run.Step({{1, 1}});

  EXPECT_THAT(run.y(0), ElementsAre(6.5f, -7));
  EXPECT_THAT(run.state(0, 0), ElementsAre(6.5f, -7));
}

TEST_F(SimpleRnnCellTest, AppliesTheActivation) {
  const auto cell = Small({{"activation", "relu"}});
  CellRun run(*cell, 1);
  run.set_state(0, 0, {2, 3});

  run.Step({{1, 1}});

  EXPECT_THAT(run.y(0), ElementsAre(6.5f, 0));
  EXPECT_THAT(run.state(0, 0), ElementsAre(6.5f, 0));
}

TEST_F(SimpleRnnCellTest, HasNoBiasWithoutUseBias) {
  const auto cell = Small({{"activation", "linear"}, {"use_bias", false}});
  CellRun run(*cell, 1);
  run.set_state(0, 0, {2, 3});

  run.Step({{1, 1}});

  EXPECT_THAT(run.y(0), ElementsAre(6, 13));
}

TEST_F(SimpleRnnCellTest, HasTheLastOutputsOfKeras) {
  const auto cell = Constant(4, 4);
  const auto x = CountingSequences(2, 3, 4);
  CellRun run(*cell, 2);

  for (size_t t = 0; t < 3; ++t) run.Step({x[0][t], x[1][t]});

  EXPECT_THAT(run.y(0), Each(FloatNear(0.405432f, 2e-6f)));
  EXPECT_THAT(run.y(1), Each(FloatNear(0.73605347f, 2e-6f)));
}

TEST_F(SimpleRnnCellTest, HasTheLastOutputsOfKerasAfterAnInitialState) {
  const auto cell = Constant(3, 4);
  const auto x = CountingSequences(2, 4, 3);
  CellRun run(*cell, 2);
  run.set_state(0, 0, {0, 1, 2, 3});
  run.set_state(1, 0, {4, 5, 6, 7});

  for (size_t t = 0; t < 4; ++t) run.Step({x[0][t], x[1][t]});

  EXPECT_THAT(run.y(0), Each(FloatNear(0.33621645f, 2e-6f)));
  EXPECT_THAT(run.y(1), Each(FloatNear(0.6262637f, 2e-6f)));
}

}  // namespace
}  // namespace rnnserve
