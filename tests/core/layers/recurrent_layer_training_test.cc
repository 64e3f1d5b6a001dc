// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests which timesteps, halves and cells of recurrent layers share a dropout mask. The weights
// make the mask visible in the output.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/layers/recurrent_layer.h"
#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

constexpr int64_t kUnits = 16;

// Returns the options of a layer whose output is its input after dropout, with the weights of
// AddIdentity.
Json Transparent() {
  return {{"units", kUnits},
          {"activation", "linear"},
          {"use_bias", false},
          {"dropout", 0.5},
          {"return_sequences", true}};
}

class RecurrentTrainingTest : public ::testing::Test {
 protected:
  void AddIdentity(const std::string& prefix) {
    std::vector<float> identity(kUnits * kUnits, 0.0f);
    for (size_t i = 0; i < kUnits; ++i) identity[i * kUnits + i] = 1.0f;
    weights_.Add(prefix + "kernel", {kUnits, kUnits}, identity);
    weights_.AddConstant(prefix + "recurrent_kernel", {kUnits, kUnits}, 0.0f);
  }

  // Returns the output for an input of ones, for each seed.
  Values Train(const Json& object, const std::vector<uint64_t>& seeds) {
    const auto layer = Build(object, Sequences(kUnits), weights_);
    EXPECT_THAT(layer, IsOk());
    return TrainLayer(**layer, Counting(static_cast<int64_t>(seeds.size()), 4, kUnits, 1.0f, 0.0f),
                      seeds)
        .y();
  }

  WeightMap weights_;
};

TEST_F(RecurrentTrainingTest, ASequenceHasOneMask) {
  AddIdentity("");

  const Values y = Train(Object("SimpleRNN", Transparent()), {1, 2});

  EXPECT_EQ(y[0], std::vector(4, y[0][0]));
  EXPECT_THAT(y[0][0], ::testing::Contains(0.0f));
  EXPECT_THAT(y[0][0], ::testing::Contains(2.0f));
  EXPECT_NE(y[0], y[1]);
}

TEST_F(RecurrentTrainingTest, TheHalvesOfABidirectionalHaveSeparateMasks) {
  AddIdentity("forward/");
  AddIdentity("backward/");
  const Json pair = Object("Bidirectional", {{"layer", Object("SimpleRNN", Transparent())}});

  const std::vector<float> both = Train(pair, {1})[0][0];

  EXPECT_NE(std::vector<float>(both.begin(), both.begin() + kUnits),
            std::vector<float>(both.begin() + kUnits, both.end()));
}

// Both masks together keep a quarter of the values, which are scaled twice.
TEST_F(RecurrentTrainingTest, TheCellsOfAStackHaveSeparateMasks) {
  AddIdentity("cells/0/");
  AddIdentity("cells/1/");
  const Json cell = Object("SimpleRNNCell", Transparent());
  const Json stack = Object("StackedRNNCells", {{"cells", {cell, cell}}});

  const auto y = Train(Object("RNN", {{"cell", stack}, {"return_sequences", true}}), {1})[0][0];

  int num_kept = 0;
  for (const float value : y) {
    EXPECT_TRUE(value == 0.0f || value == 4.0f) << value;
    if (value != 0.0f) ++num_kept;
  }
  EXPECT_GT(num_kept, 0);
  EXPECT_LT(num_kept, 8);
}

}  // namespace
}  // namespace rnnserve::testing
