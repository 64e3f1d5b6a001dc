// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/cell_dropout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/core/cells/cell_run.h"
#include "tests/support/status_matchers.h"

// Tests where the dropout of cells acts and where it does not, with cells whose weights make the
// mask visible. The golden tests compare the distributions with those of Keras.

namespace rnnserve {
namespace {

using ::rnnserve::testing::CellRun;
using ::rnnserve::testing::CreateCell;
using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::Serialized;
using ::rnnserve::testing::WeightMap;
using ::testing::Each;
using ::testing::ElementsAre;

using Json = nlohmann::json;

TEST(DropColumnTest, DropsTheShareAndScalesTheRest) {
  constexpr int kCount = 100'000;
  const std::vector<float> ones(kCount, 1.0f);
  std::vector<float> y(kCount);

  DropColumn(0.3, /*key=*/7, kCount, ones.data(), y.data());

  int num_dropped = 0;
  for (const float value : y) {
    if (value == 0.0f) ++num_dropped;
    EXPECT_TRUE(value == 0.0f || value == static_cast<float>(1.0 / 0.7)) << value;
  }
  // The tolerance is 5 standard deviations of the binomial distribution.
  EXPECT_NEAR(num_dropped, 0.3 * kCount, 5 * std::sqrt(0.3 * 0.7 * kCount));
}

TEST(DropColumnTest, DropsEverythingWithARateOfOne) {
  float values[] = {1, -2, 3};

  DropColumn(1.0, /*key=*/7, 3, values, values);

  EXPECT_THAT(values, Each(0.0f));
}

// The three kinds of cell, with 20 units and 20 features.
class CellDropoutTest : public ::testing::TestWithParam<const char*> {
 protected:
  static constexpr int64_t kUnits = 20;

  std::unique_ptr<Cell> Random(Json config) {
    const std::string name = GetParam();
    const int64_t gates = name == "LSTMCell" ? 4 : name == "GRUCell" ? 3 : 1;
    weights_.AddRandom("kernel", {kUnits, gates * kUnits}, 1);
    weights_.AddRandom("recurrent_kernel", {kUnits, gates * kUnits}, 2);
    config["units"] = kUnits;
    config["use_bias"] = false;
    auto cell = CreateCell(Serialized(name, config), {kUnits}, weights_);
    EXPECT_THAT(cell, IsOk());
    return *std::move(cell);
  }

  // Returns the output after three steps with the same input, one row for each seed.
  static std::vector<std::vector<float>> Run(const Cell& cell, const TrainingRun* training,
                                             int64_t batch) {
    CellRun run(cell, batch);
    run.set_training(training);
    const std::vector<float> x(kUnits, 0.5f);
    for (int i = 0; i < 3; ++i) run.Step(std::vector(static_cast<size_t>(batch), x));
    EXPECT_EQ(run.allocations(), 0);
    std::vector<std::vector<float>> y;
    for (int64_t b = 0; b < batch; ++b) y.push_back(run.y(b));
    return y;
  }

  WeightMap weights_;
};

TEST_P(CellDropoutTest, DoesNothingInInferenceAndTakesNoScratchWithoutARate) {
  const auto plain = Random(Json::object());
  const auto dropping = Random({{"dropout", 0.5}, {"recurrent_dropout", 0.5}});
  const uint64_t seeds[] = {1};
  const TrainingRun training{seeds};

  EXPECT_EQ(Run(*dropping, nullptr, 1), Run(*plain, nullptr, 1));
  EXPECT_EQ(Run(*plain, &training, 1), Run(*plain, nullptr, 1));
  EXPECT_NE(Run(*dropping, &training, 1), Run(*plain, nullptr, 1));
  EXPECT_GT(dropping->scratch_size(1), plain->scratch_size(1));
}

TEST_P(CellDropoutTest, ARowDependsOnItsSeedAlone) {
  const auto cell = Random({{"dropout", 0.5}, {"recurrent_dropout", 0.5}});
  const uint64_t seeds[] = {1, 2, 1, 3};
  const uint64_t alone[] = {3};
  const TrainingRun training{seeds};
  const TrainingRun training_alone{alone};

  const auto together = Run(*cell, &training, 4);

  EXPECT_EQ(together[0], together[2]);
  EXPECT_NE(together[0], together[1]);
  EXPECT_EQ(Run(*cell, &training_alone, 1)[0], together[3]);
}

TEST_P(CellDropoutTest, DependsOnThePartOfTheModel) {
  const auto cell = Random({{"dropout", 0.5}});
  const uint64_t seeds[] = {1};
  const TrainingRun training{seeds};
  const TrainingRun other = training.Part(1);

  EXPECT_NE(Run(*cell, &training, 1), Run(*cell, &other, 1));
}

INSTANTIATE_TEST_SUITE_P(Cells, CellDropoutTest,
                         ::testing::Values("SimpleRNNCell", "LSTMCell", "GRUCell"),
                         [](const auto& test) { return test.param; });

// y is the input after dropout, because K is the identity and R is zero.
TEST(CellMaskTest, TheSameElementsAreDroppedAtEveryTimestep) {
  constexpr int64_t kUnits = 8;
  std::vector<float> identity(kUnits * kUnits, 0.0f);
  for (size_t i = 0; i < kUnits; ++i) identity[i * kUnits + i] = 1.0f;
  WeightMap weights;
  weights.Add("kernel", {kUnits, kUnits}, identity);
  weights.AddConstant("recurrent_kernel", {kUnits, kUnits}, 0.0f);
  const auto cell = CreateCell(
      Serialized(
          "SimpleRNNCell",
          {{"units", kUnits}, {"activation", "linear"}, {"use_bias", false}, {"dropout", 0.5}}),
      {kUnits}, weights);
  ASSERT_THAT(cell, IsOk());
  const uint64_t seeds[] = {5};
  const TrainingRun training{seeds};
  CellRun run(**cell, 1);
  run.set_training(&training);

  run.Step({std::vector<float>(kUnits, 1.0f)});
  const std::vector<float> first = run.y(0);
  run.Step({std::vector<float>(kUnits, 1.0f)});

  EXPECT_EQ(run.y(0), first);
  EXPECT_THAT(first, ::testing::Contains(0.0f));
  EXPECT_THAT(first, ::testing::Contains(2.0f));
}

// z is 1 because of its bias, so h' = h with and without dropout.
TEST(CellMaskTest, GruKeepsTheStateWithoutDropout) {
  WeightMap weights;
  weights.AddConstant("kernel", {1, 6}, 0.0f);
  weights.AddConstant("recurrent_kernel", {2, 6}, 0.0f);
  weights.Add("bias", {6}, {100, 100, 0, 0, 0, 0});
  const auto cell = CreateCell(
      Serialized("GRUCell", {{"units", 2}, {"reset_after", false}, {"recurrent_dropout", 0.9}}),
      {1}, weights);
  ASSERT_THAT(cell, IsOk());
  const uint64_t seeds[] = {5};
  const TrainingRun training{seeds};
  CellRun run(**cell, 1);
  run.set_training(&training);
  run.set_state(0, 0, {3, 4});

  run.Step({{1}});

  EXPECT_THAT(run.state(0, 0), ElementsAre(3, 4));
}

// Each gate has the value of the input that the gate sees after dropout. With linear activations
// and c = 0, c' = i g.
class GateMaskTest : public ::testing::Test {
 protected:
  // Returns how many of 200 units have i g = 4 with a dropout of 0.5: those where neither is
  // dropped.
  static int NumFours(Json config) {
    constexpr int64_t kUnits = 200;
    std::vector<float> kernel(kUnits * 4 * kUnits, 0.0f);
    for (size_t unit = 0; unit < kUnits; ++unit) {
      for (size_t gate = 0; gate < 4; ++gate) {
        kernel[(unit * 4 + gate) * kUnits + unit] = 1.0f;
      }
    }
    WeightMap weights;
    weights.Add("kernel", {kUnits, 4 * kUnits}, kernel);
    weights.AddConstant("recurrent_kernel", {kUnits, 4 * kUnits}, 0.0f);
    config.update({{"units", kUnits},
                   {"activation", "linear"},
                   {"recurrent_activation", "linear"},
                   {"use_bias", false},
                   {"dropout", 0.5}});
    const auto cell = CreateCell(Serialized("LSTMCell", config), {kUnits}, weights);
    EXPECT_THAT(cell, IsOk());
    const uint64_t seeds[] = {5};
    const TrainingRun training{seeds};
    CellRun run(**cell, 1);
    run.set_training(&training);
    run.Step({std::vector<float>(kUnits, 1.0f)});
    const std::vector<float> c = run.state(0, 1);
    return static_cast<int>(std::count(c.begin(), c.end(), 4.0f));
  }
};

// The ranges of 5 standard deviations around 100 and 50 do not overlap.
TEST_F(GateMaskTest, GatesShareAMaskUnlessRecurrentDropoutOrImplementationOneIsSet) {
  EXPECT_NEAR(NumFours(Json::object()), 100, 5 * std::sqrt(200 * 0.25));
  EXPECT_NEAR(NumFours({{"recurrent_dropout", 0.1}}), 50, 5 * std::sqrt(200 * 0.25 * 0.75));
  EXPECT_NEAR(NumFours({{"implementation", 1}}), 50, 5 * std::sqrt(200 * 0.25 * 0.75));
  EXPECT_GT(NumFours(Json::object()), 75);
  EXPECT_LT(NumFours({{"recurrent_dropout", 0.1}}), 75);
  EXPECT_LT(NumFours({{"implementation", 1}}), 75);
}

TEST(CellDropoutErrorTest, RejectsARateThatIsNotANumber) {
  WeightMap weights;
  weights.AddConstant("kernel", {1, 1}, 0.0f);
  weights.AddConstant("recurrent_kernel", {1, 1}, 0.0f);
  weights.AddConstant("bias", {1}, 0.0f);

  EXPECT_THAT(
      CreateCell(Serialized("SimpleRNNCell", {{"units", 1}, {"dropout", "much"}}), {1}, weights),
      ::rnnserve::testing::StatusIs(absl::StatusCode::kInvalidArgument,
                                    ::testing::HasSubstr("dropout"), "MODEL_CONFIG"));
}

}  // namespace
}  // namespace rnnserve
