// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests BatchNormalization and Rescaling against numbers from Keras.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/layers/keras_case.h"
#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

TEST(BatchNormalizationTest, ComputesTheSameInTrainingOnlyIfItIsFrozen) {
  const auto reason = [](const Json& config) {
    WeightMap weights;
    for (const char* name : {"gamma", "beta", "moving_mean", "moving_variance"}) {
      weights.AddConstant(name, {2}, 1.0f);
    }
    return (*Build(Object("BatchNormalization", config), Sequences(2), weights))
        ->no_training_reason();
  };

  EXPECT_THAT(reason(Json::object()), HasSubstr("statistics of the whole batch"));
  EXPECT_EQ(reason({{"trainable", false}}), "");
}

class ElementAffineKerasTest : public ::testing::TestWithParam<KerasCase> {};

TEST_P(ElementAffineKerasTest, ComputesWhatKerasComputes) { ExpectWhatKerasComputes(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Cases, ElementAffineKerasTest,
    ::testing::Values(
        KerasCase{"BatchNormalization",
                  Object("BatchNormalization", {{"axis", -1},
                                                {"epsilon", 0.001},
                                                {"center", true},
                                                {"scale", true},
                                                {"renorm", false}}),
                  {Sequences(3)},
                  {2},
                  {{"gamma", {3}}, {"beta", {3}}, {"moving_mean", {3}}, {"moving_variance", {3}}},
                  {{{-0.324917167f, 0.538482904f, -0.394241452f},
                    {-0.224751413f, 0.466362149f, -0.322120726f}},
                   {{-0.124585688f, 0.394241422f, -0.25f},
                    {-0.0244199634f, 0.322120726f, -0.177879289f}}}},
        KerasCase{
            "WithoutGamma",
            Object("BatchNormalization", {{"axis", -1},
                                          {"epsilon", 0.1},
                                          {"center", true},
                                          {"scale", false},
                                          {"renorm", false}}),
            {Sequences(3)},
            {2},
            {{"beta", {3}}, {"moving_mean", {3}}, {"moving_variance", {3}}},
            {{{-0.501592398f, 1.3346523f, 0.292326152f},
              {-0.754777253f, 1.0634892f, 0.0211630762f}},
             {{-1.00796199f, 0.792326093f, -0.25f}, {-1.26114678f, 0.521163106f, -0.521163106f}}}},
        KerasCase{"WithoutBeta",
                  Object("BatchNormalization", {{"axis", -1},
                                                {"epsilon", 0.001},
                                                {"center", false},
                                                {"scale", true},
                                                {"renorm", false}}),
                  {Vectors(3)},
                  {1},
                  {{"gamma", {3}}, {"moving_mean", {3}}, {"moving_variance", {3}}},
                  {{{0.0500828624f, 0.288482875f, -0.144241437f}},
                   {{0.150248617f, 0.216362149f, -0.0721207187f}}}},
        KerasCase{
            "HigherRank",
            Object("BatchNormalization", {{"axis", -1},
                                          {"epsilon", 0.001},
                                          {"center", true},
                                          {"scale", true},
                                          {"renorm", false}}),
            {ValueSpec{Shape{2, 3}, true, std::nullopt}},
            {2},
            {{"gamma", {3}}, {"beta", {3}}, {"moving_mean", {3}}, {"moving_variance", {3}}},
            {{{-0.324917167f, 0.538482904f, -0.394241452f, -0.224751413f, 0.466362149f,
               -0.322120726f},
              {-0.124585688f, 0.394241422f, -0.25f, -0.0244199634f, 0.322120726f, -0.177879289f}},
             {{-1.02607727f, 0.25f, -0.105758578f, -0.925911605f, 0.177879274f, -0.0336378515f},
              {-0.825745881f, 0.105758555f, 0.0384828746f, -0.725580096f, 0.0336378366f,
               -0.682724357f}}}},
        KerasCase{
            "AnotherAxis",
            Object("BatchNormalization", {{"axis", 2},
                                          {"epsilon", 0.001},
                                          {"center", true},
                                          {"scale", true},
                                          {"renorm", false}}),
            {ValueSpec{Shape{3, 2}, true, std::nullopt}},
            {2},
            {{"gamma", {3}}, {"beta", {3}}, {"moving_mean", {3}}, {"moving_variance", {3}}},
            {{{-0.324917167f, -1.02607727f, 0.25f, -0.0384828746f, -0.610603571f, -0.322120726f},
              {-0.124585688f, -0.825745881f, 0.105758555f, -0.182724327f, -0.466362178f,
               -0.177879289f}},
             {{-1.02607727f, -0.625414371f, -0.0384828746f, 0.466362149f, -0.322120726f,
               -0.0336378515f},
              {-0.825745881f, -0.425082922f, -0.182724327f, 0.322120726f, -0.177879289f,
               -0.682724357f}}}},
        KerasCase{"Rescaling",
                  Object("Rescaling", {{"scale", 0.5}, {"offset", 1.5}}),
                  {Sequences(3)},
                  {2},
                  {},
                  {{{1.25f, 2.125f, 1.625f}, {1.125f, 2, 1.5f}},
                   {{1, 1.875f, 1.375f}, {0.875f, 1.75f, 1.25f}}}},
        KerasCase{
            "RescalingByFeature",
            Object("Rescaling", {{"scale", Json::array({0.5, 2.0, -1.0})},
                                 {"offset", Json::array({1.0, 0.0, 3.0})}}),
            {Sequences(3)},
            {2},
            {},
            {{{0.75f, 2.5f, 2.75f}, {0.625f, 2, 3}}, {{0.5f, 1.5f, 3.25f}, {0.375f, 1, 3.5f}}}}),
    CaseName);

TEST(ElementAffineTest, RenormAddsWeightsThatOnlyTrainingNeeds) {
  WeightMap weights;
  for (const char* name : {"gamma", "beta", "moving_mean", "moving_variance", "moving_stddev",
                           "renorm_mean", "renorm_stddev"}) {
    weights.AddConstant(name, {2}, 1.0f);
  }
  const Json config = {{"renorm", true}};
  const auto layer = Build(Object("BatchNormalization", config), Sequences(2), weights);
  ASSERT_THAT(layer, IsOk());
  EXPECT_EQ((*layer)->num_parameters(), 14);

  weights.Remove("renorm_stddev");

  EXPECT_THAT(
      Build(Object("BatchNormalization", config), Sequences(2), weights),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("renorm_stddev"), "MODEL_WEIGHTS"));
}

TEST(ElementAffineTest, RefusesTheTimeAxisAndWrongNumbers) {
  EXPECT_THAT(Build(Object("BatchNormalization", {{"axis", 1}}), Sequences(2)),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("axis 1 is time"),
                       "OPTION_UNSUPPORTED"));
  EXPECT_THAT(Build(Object("BatchNormalization", {{"epsilon", -1}}), Sequences(2)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("found -1"), "MODEL_CONFIG"));
  EXPECT_THAT(
      Build(Object("Rescaling", {{"scale", {1, 2}}}), Sequences(3)),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("a list of 3"), "MODEL_CONFIG"));
}

}  // namespace
}  // namespace rnnserve::testing
