// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the layers that change their input only in training. The goldens show that their
// distributions are those of Keras.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int64_t kFeatures = 12;

// Returns the output for one row of ones, with the given seed.
Values OfOnes(const Layer& layer, uint64_t seed, int64_t time = 3) {
  return TrainLayer(layer, Counting(1, time, kFeatures, 1.0f, 0.0f), {seed}).y();
}

class NoiseTest : public ::testing::TestWithParam<std::string> {
 protected:
  const absl::StatusOr<std::unique_ptr<Layer>> layer_ =
      Build(Object(GetParam(), {{"rate", 0.5}, {"stddev", 0.5}}), Sequences(kFeatures));
};

TEST_P(NoiseTest, HandsOnInputAndMaskAtInference) {
  const Values x = Random(1, 2, kFeatures, 1);

  const auto run = RunLayer(**layer_, x, {{1, 0}});

  EXPECT_EQ(run.y(), x);
  EXPECT_EQ(run.output_mask(), (MaskBits{{1, 0}}));
  EXPECT_EQ((*layer_)->output_shape(), Shape({kFeatures}));
  EXPECT_EQ((*layer_)->class_name(), GetParam());
  EXPECT_THAT((*layer_)->no_training_reason(), IsEmpty());
}

TEST_P(NoiseTest, ARowDependsOnlyOnItsSeed) {
  const Values row = Random(1, 3, kFeatures, 1);

  const Values y = TrainLayer(**layer_, {row[0], row[0], row[0]}, {1, 2, 1}).y();

  EXPECT_EQ(y[0], y[2]);
  EXPECT_NE(y[0], y[1]);
  EXPECT_EQ(TrainLayer(**layer_, row, {2}).y()[0], y[1]);
  EXPECT_NE(y[0], row[0]);
}

TEST_P(NoiseTest, OnlySpatialDropoutIsTheSameAtEveryTimestep) {
  const Values y = OfOnes(**layer_, 1);

  EXPECT_EQ(y[0][0] == y[0][1], GetParam() == "SpatialDropout1D");
}

TEST_P(NoiseTest, ARateOfZeroChangesNothing) {
  const auto layer =
      Build(Object(GetParam(), {{"rate", 0.0}, {"stddev", 0.0}}), Sequences(kFeatures));

  EXPECT_EQ(OfOnes(**layer, 1), Counting(1, 3, kFeatures, 1.0f, 0.0f));
}

INSTANTIATE_TEST_SUITE_P(All, NoiseTest,
                         ::testing::Values("Dropout", "SpatialDropout1D", "GaussianDropout",
                                           "GaussianNoise", "AlphaDropout"),
                         [](const auto& test) { return test.param; });

TEST(DropoutTest, ScalesWhatItKeepsAndDropsAllWithARateOfOne) {
  const auto half = Build(Object("Dropout", {{"rate", 0.5}}), Sequences(kFeatures));
  const auto all = Build(Object("Dropout", {{"rate", 1.0}}), Sequences(kFeatures));

  const std::vector<float> kept = OfOnes(**half, 1, 1)[0][0];

  EXPECT_THAT(kept, Contains(2.0f));
  EXPECT_THAT(kept, Contains(0.0f));
  EXPECT_EQ(OfOnes(**all, 1), Counting(1, 3, kFeatures, 0.0f, 0.0f));
}

TEST(DropoutTest, NoiseShapeSharesAlongAxes) {
  const auto by_timestep =
      Build(Object("Dropout", {{"rate", 0.5}, {"noise_shape", {nullptr, nullptr, 1}}}),
            Sequences(kFeatures));
  const auto by_feature =
      Build(Object("Dropout", {{"rate", 0.5}, {"noise_shape", {nullptr, 1, kFeatures}}}),
            Sequences(kFeatures));

  const Values timesteps = OfOnes(**by_timestep, 1, 8);
  const Values features = OfOnes(**by_feature, 1, 8);

  for (size_t t = 0; t < 8; ++t) {
    EXPECT_EQ(timesteps[0][t], std::vector<float>(kFeatures, timesteps[0][t][0])) << t;
    EXPECT_EQ(features[0][t], features[0][0]) << t;
  }
  EXPECT_NE(timesteps[0], std::vector(8, timesteps[0][0]));
  EXPECT_THAT(features[0][0], Contains(0.0f));
  EXPECT_THAT(features[0][0], Contains(2.0f));
}

TEST(DropoutTest, InATimeDistributedEachTimestepHasItsOwnNumbers) {
  const Json inner = Object("SpatialDropout1D", {{"rate", 0.5}});
  const auto layer =
      Build(Object("TimeDistributed", {{"layer", inner}}), Sequences(2, Shape({3, kFeatures})));
  ASSERT_THAT(layer, IsOk());

  const Values y = TrainLayer(**layer, Counting(1, 2, 3 * kFeatures, 1.0f, 0.0f), {1}).y();

  EXPECT_NE(y[0][0], y[0][1]);
}

struct Refusal {
  std::string name;
  Json layer;
  std::string text;
};

class NoTrainingTest : public ::testing::TestWithParam<Refusal> {};

TEST_P(NoTrainingTest, TheLayerGivesTheReason) {
  const auto layer = Build(GetParam().layer, Sequences(kFeatures));
  ASSERT_THAT(layer, IsOk());

  EXPECT_THAT((*layer)->no_training_reason(), HasSubstr(GetParam().text));
}

INSTANTIATE_TEST_SUITE_P(
    Noise, NoTrainingTest,
    ::testing::Values(
        Refusal{"AlphaRateOne", Object("AlphaDropout", {{"rate", 1.0}}), "rate of 1"},
        Refusal{"GaussianRateOne", Object("GaussianDropout", {{"rate", 1.0}}), "rate of 1"},
        Refusal{"SharedByRows",
                Object("Dropout", {{"rate", 0.5}, {"noise_shape", {1, nullptr, nullptr}}}),
                "[1,null,null]"},
        Refusal{"OtherRank", Object("Dropout", {{"rate", 0.5}, {"noise_shape", {nullptr, 1}}}),
                "[null,1]"},
        Refusal{"OtherExtent",
                Object("Dropout", {{"rate", 0.5}, {"noise_shape", {nullptr, nullptr, 5}}}),
                "[null,null,5]"},
        Refusal{"Inside",
                Object("TimeDistributed", {{"layer", Object("AlphaDropout", {{"rate", 1.0}})}}),
                "rate of 1"}),
    [](const auto& test) { return test.param.name; });

TEST(NoiseErrorTest, RefusesARateOutsideTheUnitInterval) {
  EXPECT_THAT(Build(Object("Dropout", {{"rate", 1.5}}), Sequences(2)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("layer 'layer': rate must be between 0 and 1, found 1.5"),
                       "MODEL_CONFIG"));
  EXPECT_THAT(Build(Object("GaussianNoise", {{"stddev", -1}}), Sequences(2)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("stddev"), "MODEL_CONFIG"));
}

TEST(NoiseErrorTest, SpatialDropoutNeedsATimeAxis) {
  EXPECT_THAT(
      Build(Object("SpatialDropout1D", {{"rate", 0.5}}), Vectors(2)),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("expected ndim=3"), "MODEL_CONFIG"));
  EXPECT_THAT(Build(Object("Dropout", {{"rate", 0.5}}), Vectors(2)), IsOk());
}

}  // namespace
}  // namespace rnnserve::testing
