// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Compares the ConvLSTM1D layer with Keras 3.15 (TensorFlow) for masks, directions and states, and
// tests that its bits are the same however a run is cut. The options of the cell have their own
// tests.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/layers/layer_registry.h"
#include "tests/core/layers/layer_fixture.h"
#include "tests/support/malloc_counter.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

// Adds weight k, whose element i is ((i (7 + 4 k) + 3 k) mod 23 - 11) / 40.
void AddPattern(const std::string& name, const Shape& shape, int k, WeightMap& weights) {
  std::vector<float> values;
  for (int i = 0; i < *shape.NumElements(); ++i) {
    values.push_back(static_cast<float>(((i * (7 + 4 * k) + 3 * k) % 23 - 11) / 40.0));
  }
  weights.Add(name, shape, values);
}

// Returns a layer of two filters for an input of two positions and one channel.
std::unique_ptr<Layer> Line(const Json& options = Json::object()) {
  WeightMap weights;
  AddPattern("kernel", {2, 1, 8}, 0, weights);
  AddPattern("recurrent_kernel", {2, 2, 8}, 1, weights);
  AddPattern("bias", {8}, 2, weights);
  Json config = {{"filters", 2},
                 {"kernel_size", {2}},
                 {"padding", "same"},
                 {"return_sequences", true},
                 {"return_state", true}};
  config.update(options);
  auto layer = Build(Object("ConvLSTM1D", config), ValueSpec{{2, 1}, true, std::nullopt}, weights);
  EXPECT_THAT(layer, IsOk());
  return *std::move(layer);
}

// Returns the input [2, 3, 2], whose element i is (5 i mod 19 - 9) / 9.
Values Input() {
  Values x(2, Table(3, std::vector<float>(2)));
  int i = 0;
  for (auto& row : x) {
    for (auto& timestep : row) {
      for (float& value : timestep) value = static_cast<float>((i++ * 5 % 19 - 9) / 9.0);
    }
  }
  return x;
}

const MaskBits kMask = {{1, 1, 0}, {0, 1, 1}};
const std::vector<float> kZeros(4, 0.0f);
// The outputs of two of the timesteps of each row, in the forward direction.
const Table kFirstRow = {{0.0718095973f, -0.0410915315f, 0.0611200966f, 0.00455024745f},
                         {0.0835916176f, 0.0471413843f, 0.0581520312f, 0.0141688166f}};
const Table kSecondRow = {{0.0681486651f, -0.0186083913f, 0.0542116426f, 0.00618884526f},
                          {0.0792834610f, 0.0751995966f, 0.0479148887f, 0.0160364620f}};

TEST(ConvLstmLayerTest, HasTheShapesOfKeras) {
  const auto layer = Line();

  EXPECT_EQ(layer->output_shape(), Shape({2, 2}));
  EXPECT_TRUE(layer->returns_state());
  EXPECT_TRUE(layer->can_stream());
  ASSERT_EQ(layer->states().size(), 2u);
  EXPECT_EQ(layer->states()[1].shape, Shape({2, 2}));
  const LayerRegistry registry = LayerRegistry::BuiltIn();
  const LayerTraits* const traits = registry.TraitsOf("ConvLSTM3D");
  ASSERT_NE(traits, nullptr);
  EXPECT_TRUE(traits->fits_bidirectional);
}

TEST(ConvLstmLayerTest, MasksAsKeras) {
  const auto run = RunLayer(*Line(), Input(), kMask);

  EXPECT_THAT(run.y(), NearValues({{kFirstRow[0], kFirstRow[1], kFirstRow[1]},
                                   {kZeros, kSecondRow[0], kSecondRow[1]}}));
  EXPECT_THAT(run.state(0), NearTable({kFirstRow[1], kSecondRow[1]}));
  EXPECT_THAT(run.state(1),
              NearTable({{0.194188356f, 0.0857836977f, 0.120327175f, 0.0274367593f},
                         {0.181692243f, 0.139509365f, 0.0966544151f, 0.0317408554f}}));
  EXPECT_EQ(run.output_mask(), kMask);
}

TEST(ConvLstmLayerTest, ZeroesMaskedOutputsAsKeras) {
  const auto run = RunLayer(*Line({{"zero_output_for_mask", true}}), Input(), kMask);

  EXPECT_THAT(run.y(), NearValues({{kFirstRow[0], kFirstRow[1], kZeros},
                                   {kZeros, kSecondRow[0], kSecondRow[1]}}));
}

TEST(ConvLstmLayerTest, GoesBackwardsAsKeras) {
  const auto layer = Line({{"go_backwards", true}});

  const auto run = RunLayer(*layer, Input(), kMask);

  const Table first = {{0.0538330600f, 0.0667955875f, 0.0257607475f, 0.0117388656f},
                       {0.0991877243f, -0.0154538928f, 0.0713794529f, 0.0101248948f}};
  const Table second = {{0.0503908321f, 0.0857643187f, 0.0186959058f, 0.0128838541f},
                        {0.0947654918f, 0.0161177516f, 0.0620742701f, 0.0124405874f}};
  EXPECT_THAT(run.y(),
              NearValues({{kZeros, first[0], first[1]}, {second[0], second[1], second[1]}}));
  EXPECT_THAT(run.state(0), NearTable({first[1], second[1]}));
  EXPECT_FALSE(layer->can_stream());
}

TEST(ConvLstmLayerTest, OneRunAndManyGiveTheSameBits) {
  const auto layer = Line();
  const auto whole = RunLayer(*layer, Input(), kMask);

  StateColumns states;
  for (size_t t = 0; t < 3; ++t) {
    const auto run = RunLayer(*layer, Slice(Input(), t, t + 1), Slice(kMask, t, t + 1), states);
    EXPECT_EQ(Bits(run.y()), Bits(Slice(whole.y(), t, t + 1))) << t;
    states = run.state_columns();
  }
}

TEST(ConvLstmLayerTest, ARunAllocatesNothing) {
  const auto layer = Line();
  PreparedRun run(*layer, Input(), kMask);
  const MallocCounter counter;

  run.Run();

  EXPECT_EQ(counter.count(), 0);
}

TEST(ConvLstmLayerTest, RefusesAnotherNumberOfAxes) {
  WeightMap none;

  EXPECT_THAT(Build(Object("ConvLSTM2D", {{"filters", 1}, {"kernel_size", 1}}),
                    ValueSpec{{2, 1}, true, std::nullopt}, none),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("layer 'layer': it reads 2 spatial axes"), "MODEL_CONFIG"));
}

}  // namespace
}  // namespace rnnserve::testing
