// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests TimeDistributed against numbers from Keras, for inner layers of every kind.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/layers/keras_case.h"
#include "tests/core/layers/layer_fixture.h"

namespace rnnserve::testing {
namespace {

Json DistributedLstm(bool return_sequences) {
  return Object("TimeDistributed",
                {{"layer", Object("LSTM", {{"name", "lstm"},
                                           {"return_sequences", return_sequences},
                                           {"return_state", false},
                                           {"go_backwards", false},
                                           {"zero_output_for_mask", false},
                                           {"units", 2},
                                           {"activation", "tanh"},
                                           {"recurrent_activation", "sigmoid"},
                                           {"use_bias", true},
                                           {"unit_forget_bias", true}})}});
}

class TimeDistributedKerasTest : public ::testing::TestWithParam<KerasCase> {};

TEST_P(TimeDistributedKerasTest, ComputesWhatKerasComputes) { ExpectWhatKerasComputes(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Cases, TimeDistributedKerasTest,
    ::testing::Values(
        KerasCase{
            "Lstm",
            DistributedLstm(false),
            {ValueSpec{Shape{3, 2}, true, std::nullopt}},
            {2},
            {{"layer/kernel", {2, 8}}, {"layer/recurrent_kernel", {2, 8}}, {"layer/bias", {8}}},
            {{{-0.0477247201f, 0.173563272f}, {-0.0755971745f, 0.178235978f}},
             {{-0.0405502245f, 0.1729583f}, {0.156538099f, 0.0405245535f}}}},
        KerasCase{
            "LstmSequence",
            DistributedLstm(true),
            {ValueSpec{Shape{3, 2}, true, std::nullopt}},
            {2},
            {{"layer/kernel", {2, 8}}, {"layer/recurrent_kernel", {2, 8}}, {"layer/bias", {8}}},
            {{{0.122058257f, 0.0169716943f, -0.0316350274f, 0.14105624f, -0.0477247201f,
               0.173563272f},
              {0.0844392926f, -0.0200934634f, -0.0507906787f, 0.122678563f, -0.0755971745f,
               0.178235978f}},
             {{-0.0302269328f, 0.111514017f, 0.10019248f, 0.097647287f, -0.0405502245f, 0.1729583f},
              {-0.0473190583f, 0.124857046f, 0.0510162003f, 0.0545721576f, 0.156538099f,
               0.0405245535f}}}},
        KerasCase{
            "Conv",
            Object("TimeDistributed",
                   {{"layer", Object("Conv1D", {{"name", "conv1d_11"},
                                                {"filters", 2},
                                                {"kernel_size", Json::array({2})},
                                                {"strides", Json::array({1})},
                                                {"padding", "valid"},
                                                {"data_format", "channels_last"},
                                                {"dilation_rate", Json::array({1})},
                                                {"groups", 1},
                                                {"activation", "linear"},
                                                {"use_bias", true}})}}),
            {ValueSpec{Shape{3, 2}, true, std::nullopt}},
            {2},
            {{"layer/kernel", {2, 2, 2}}, {"layer/bias", {2}}},
            {{{-0.53125f, 1.09375f, -0.40625f, 0.53125f},
              {-0.15625f, 0.78125f, -0.03125f, 0.21875f}},
             {{-0.8125f, -0.21875f, -0.34375f, 0.9375f}, {-0.4375f, -0.53125f, 0.03125f, -0.75f}}}},
        KerasCase{"Pooling",
                  Object("TimeDistributed",
                         {{"layer", Object("MaxPooling1D", {{"name", "max_pooling1d_3"},
                                                            {"pool_size", Json::array({2})},
                                                            {"padding", "valid"},
                                                            {"strides", Json::array({2})},
                                                            {"data_format", "channels_last"}})}}),
                  {ValueSpec{Shape{4, 2}, true, std::nullopt}},
                  {2},
                  {},
                  {{{0.25f, 1.25f, 1, 0.75f}, {0.5f, -0.5f, 1.25f, 1}},
                   {{0.75f, -0.25f, -0.5f, 1.25f}, {1, 0, -0.25f, 0.75f}}}},
        KerasCase{
            "GlobalPooling",
            Object("TimeDistributed", {{"layer", Object("GlobalAveragePooling1D",
                                                        {{"name", "global_average_pooling1d_4"},
                                                         {"data_format", "channels_last"},
                                                         {"keepdims", false}})}}),
            {ValueSpec{Shape{3, 2}, true, std::nullopt}},
            {2},
            {},
            {{{0.25f, 0.166666672f}, {-0.25f, -0.333333343f}},
             {{0.166666672f, 0.0833333358f}, {-0.333333343f, 0.5f}}}},
        KerasCase{
            "Flatten",
            Object("TimeDistributed",
                   {{"layer", Object("Flatten",
                                     {{"name", "flatten_2"}, {"data_format", "channels_last"}})}}),
            {ValueSpec{Shape{3, 2}, true, std::nullopt}},
            {2},
            {},
            {{{-0.5f, 1.25f, 0.25f, -0.75f, 1, 0}, {-1, 0.75f, -0.25f, -1.25f, 0.5f, -0.5f}},
             {{1.25f, 0.25f, -0.75f, 1, 0, -1}, {0.75f, -0.25f, -1.25f, 0.5f, -0.5f, 1.25f}}}},
        KerasCase{
            "DenseOfHigherRank",
            Object("TimeDistributed",
                   {{"layer", Object("Dense", {{"name", "dense_2"},
                                               {"units", 2},
                                               {"activation", "linear"},
                                               {"use_bias", true},
                                               {"quantization_config", nullptr}})}}),
            {ValueSpec{Shape{2, 3}, true, std::nullopt}},
            {2},
            {{"layer/kernel", {3, 2}}, {"layer/bias", {2}}},
            {{{-0.53125f, 0.71875f, -0.34375f, 0.4375f}, {-0.15625f, 0.15625f, 0.03125f, -0.125f}},
             {{-0.8125f, 0.28125f, -0.625f, 0}, {-0.4375f, -0.28125f, -0.59375f, 0.8125f}}}},
        KerasCase{"BatchNormalization",
                  Object("TimeDistributed",
                         {{"layer", Object("BatchNormalization", {{"name", "batch_normalization_5"},
                                                                  {"axis", -1},
                                                                  {"epsilon", 0.001},
                                                                  {"center", true},
                                                                  {"scale", true},
                                                                  {"renorm", false}})}}),
                  {Sequences(2)},
                  {3},
                  {{"layer/gamma", {2}},
                   {"layer/beta", {2}},
                   {"layer/moving_mean", {2}},
                   {"layer/moving_variance", {2}}},
                  {{{-0.324917167f, 0.538482904f},
                    {-0.625414371f, -0.0384828746f},
                    {-0.925911605f, 0.177879274f}},
                   {{-0.124585688f, 0.394241422f},
                    {-0.425082922f, -0.182724327f},
                    {-0.725580096f, 0.0336378366f}}}},
        KerasCase{"Nested",
                  Object("TimeDistributed",
                         {{"layer", Object("GroupNormalization", {{"name", "group_normalization_5"},
                                                                  {"groups", 1},
                                                                  {"axis", -1},
                                                                  {"epsilon", 0.001},
                                                                  {"center", true},
                                                                  {"scale", true}})}}),
                  {ValueSpec{Shape{2, 2}, true, std::nullopt}},
                  {2},
                  {{"layer/gamma", {2}}, {"layer/beta", {2}}},
                  {{{-0.104137063f, 0.631214499f, -0.465287656f, -0.0108309835f},
                    {-0.766246438f, 0.189808235f, 0.196821779f, 0.430575311f}},
                   {{-0.449904174f, -0.09955284f, -0.899329305f, 0.200063884f},
                    {-0.766246438f, 0.189808235f, 0.196821779f, 0.430575311f}}}},
        KerasCase{
            "RepeatVector",
            Object("TimeDistributed",
                   {{"layer", Object("RepeatVector", {{"name", "repeat_vector_1"}, {"n", 2}})}}),
            {Sequences(3)},
            {2},
            {},
            {{{-0.5f, 1.25f, 0.25f, -0.5f, 1.25f, 0.25f}, {-0.75f, 1, 0, -0.75f, 1, 0}},
             {{-1, 0.75f, -0.25f, -1, 0.75f, -0.25f},
              {-1.25f, 0.5f, -0.5f, -1.25f, 0.5f, -0.5f}}}}),
    CaseName);

}  // namespace
}  // namespace rnnserve::testing
