// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/gru_cell.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/cells/cell_run.h"
#include "tests/support/status_matchers.h"

// Compares both forms of the GRU with numbers worked out by hand, with linear activations so that
// every gate is visible, and then with the numbers that Keras' own tests expect.

namespace rnnserve {
namespace {

using ::rnnserve::testing::CellRun;
using ::rnnserve::testing::CountingSequences;
using ::rnnserve::testing::CreateCell;
using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::Serialized;
using ::rnnserve::testing::StatusIs;
using ::rnnserve::testing::WeightMap;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;

class GruCellTest : public ::testing::Test {
 protected:
  // Makes a cell with weights for 1 feature and 1 unit. The gates are in the order z, r, h.
  std::unique_ptr<Cell> Small(const nlohmann::json& config) {
    weights_.Add("kernel", {1, 3}, {1, 2, 3});
    weights_.Add("recurrent_kernel", {1, 3}, {1, -1, 2});
    if (config.value("reset_after", true)) {
      weights_.Add("bias", {2, 3}, {0.5f, 1, 1.5f, 0.25f, 0.5f, 1});
    } else {
      weights_.Add("bias", {3}, {0.5f, 1, 1.5f});
    }
    nlohmann::json all = {
        {"units", 1}, {"activation", "linear"}, {"recurrent_activation", "linear"}};
    all.update(config);
    auto cell = CreateCell(Serialized("GRUCell", all), {1}, weights_);
    EXPECT_THAT(cell, IsOk());
    return *std::move(cell);
  }

  // Returns the output for x = 2 and h = 3.
  float OutputOf(const Cell& cell) {
    CellRun run(cell, 1);
    run.set_state(0, 0, {3});
    run.Step({{2}});
    EXPECT_EQ(run.state(0, 0), run.y(0));
    return run.y(0)[0];
  }

  // Makes a cell with the constant weights of Keras' tests.
  std::unique_ptr<Cell> Constant(int64_t features, int64_t units, const nlohmann::json& config) {
    weights_.AddConstant("kernel", {features, 3 * units}, 0.01f);
    weights_.AddConstant("recurrent_kernel", {units, 3 * units}, 0.02f);
    const Shape bias =
        config.value("reset_after", true) ? Shape({2, 3 * units}) : Shape({3 * units});
    weights_.AddConstant("bias", bias, 0.03f);
    nlohmann::json all = {{"units", units}};
    all.update(config);
    auto cell = CreateCell(Serialized("GRUCell", all), {features}, weights_);
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

TEST_F(GruCellTest, HasOneState) {
  const auto cell = Small(nlohmann::json::object());

  ASSERT_EQ(cell->states().size(), 1u);
  EXPECT_EQ(cell->states()[0].name, "h");
}

// The input contributes 2.5 to z, 5 to r and 7.5 to h; the state contributes 3.25, -2.5 and 7. So
// z = 5.75, r = 2.5, hh = 7.5 + 2.5 * 7 = 25, h' = 5.75 * 3 - 4.75 * 25.
TEST_F(GruCellTest, ResetsAfterTheProductByDefault) {
  EXPECT_EQ(OutputOf(*Small(nlohmann::json::object())), -101.5f);
}

// z = 2 + 3, r = 4 - 3, hh = 6 + 1 * 6, h' = 5 * 3 - 4 * 12.
TEST_F(GruCellTest, HasNeitherBiasWithoutUseBias) {
  EXPECT_EQ(OutputOf(*Small({{"use_bias", false}})), -33.0f);
}

// z = 2.5 + 3, r = 5 - 3, hh = 7.5 + (2 * 3) * 2, h' = 5.5 * 3 - 4.5 * 19.5.
TEST_F(GruCellTest, ResetsBeforeTheProductWithoutResetAfter) {
  EXPECT_EQ(OutputOf(*Small({{"reset_after", false}})), -71.25f);
}

TEST_F(GruCellTest, HasNoBiasWithoutUseBiasAndResetAfter) {
  EXPECT_EQ(OutputOf(*Small({{"reset_after", false}, {"use_bias", false}})), -33.0f);
}

// z = 5.75 and r = 2.5 as with the default options, but hard_tanh limits both to 1, so h' is h.
TEST_F(GruCellTest, AnOpenUpdateGateKeepsTheState) {
  EXPECT_EQ(OutputOf(*Small({{"recurrent_activation", "hard_tanh"}})), 3.0f);
}

// hh = hard_tanh(25) = 1, so h' = 5.75 * 3 - 4.75.
TEST_F(GruCellTest, TheActivationAppliesToTheCandidate) {
  EXPECT_EQ(OutputOf(*Small({{"activation", "hard_tanh"}})), 12.5f);
}

TEST_F(GruCellTest, RejectsAResetAfterThatIsNotABoolean) {
  EXPECT_THAT(CreateCell(Serialized("GRUCell", {{"units", 1}, {"reset_after", 2}}), {1}, weights_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'reset_after' is 2"),
                       "MODEL_CONFIG"));
}

TEST_F(GruCellTest, HasTheLastOutputsOfKeras) {
  ExpectLastOutputs(*Constant(4, 3, nlohmann::json::object()),
                    {0.5217289f, 0.6371659f, 0.39384964f});
}

TEST_F(GruCellTest, HasTheLastOutputsOfKerasWithoutResetAfter) {
  ExpectLastOutputs(*Constant(4, 3, {{"reset_after", false}}),
                    {0.51447755f, 0.6426879f, 0.40208298f});
}

TEST_F(GruCellTest, HasTheLastOutputsOfKerasWithoutBias) {
  ExpectLastOutputs(*Constant(4, 3, {{"use_bias", false}}), {0.49988455f, 0.64701194f, 0.4103359f});
}

TEST_F(GruCellTest, HasTheLastOutputsOfKerasAfterAnInitialState) {
  const auto cell = Constant(3, 2, nlohmann::json::object());
  const auto x = CountingSequences(2, 4, 3);
  CellRun run(*cell, 2);
  run.set_state(0, 0, {0, 1});
  run.set_state(1, 0, {2, 3});

  for (size_t t = 0; t < 4; ++t) run.Step({x[0][t], x[1][t]});

  EXPECT_THAT(run.y(0), ElementsAre(FloatNear(0.23774096f, 2e-6f), FloatNear(0.33508456f, 2e-6f)));
  EXPECT_THAT(run.y(1), ElementsAre(FloatNear(0.83659905f, 2e-6f), FloatNear(1.0227708f, 2e-6f)));
}

}  // namespace
}  // namespace rnnserve
