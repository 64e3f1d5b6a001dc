// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests layers that work on the last axis against numbers from Keras, for timesteps with more than
// one axis.

#include "core/layers/last_axis_layer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/layers/keras_case.h"
#include "tests/core/layers/layer_fixture.h"

namespace rnnserve::testing {
namespace {

class LastAxisKerasTest : public ::testing::TestWithParam<KerasCase> {};

TEST_P(LastAxisKerasTest, ComputesWhatKerasComputes) { ExpectWhatKerasComputes(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Cases, LastAxisKerasTest,
    ::testing::Values(
        KerasCase{
            "Dense",
            Object("Dense", {{"units", 3},
                             {"activation", "tanh"},
                             {"use_bias", true},
                             {"quantization_config", nullptr}}),
            {ValueSpec{Shape{2, 2}, true, std::nullopt}},
            {2},
            {{"kernel", {2, 3}}, {"bias", {3}}},
            {{{0.27406159f, -0.03123983f, 0.462117136f, -0.635148942f, 0.385284007f, -0.596373558f},
              {-0.635148942f, 0.462117136f, -0.462117136f, 0.27406159f, -0.0934763029f,
               0.3583574f}},
             {{-0.635148942f, 0.330821097f, -0.670967102f, -0.635148942f, 0.411570042f,
               -0.554599702f},
              {-0.635148942f, 0.486335993f, -0.411570042f, 0.27406159f, -0.062418744f,
               0.411570042f}}}},
        KerasCase{
            "DenseSoftmax",
            Object("Dense", {{"units", 3},
                             {"activation", "softmax"},
                             {"use_bias", true},
                             {"quantization_config", nullptr}}),
            {ValueSpec{Shape{2, 2}, true, std::nullopt}},
            {2},
            {{"kernel", {2, 3}}, {"bias", {3}}},
            {{{0.336006165f, 0.245827362f, 0.418166459f, 0.190749124f, 0.606199443f, 0.203051403f},
              {0.173179105f, 0.604454517f, 0.222366408f, 0.358992368f, 0.246731624f, 0.394276023f}},
             {{0.203051403f, 0.606199443f, 0.190749124f, 0.184773818f, 0.605850041f, 0.209376186f},
              {0.16756098f, 0.603410304f, 0.229028732f, 0.347436398f, 0.246369287f,
               0.406194329f}}}},
        KerasCase{"LayerNormalization",
                  Object("LayerNormalization", {{"axis", Json::array({-1})},
                                                {"epsilon", 0.001},
                                                {"center", true},
                                                {"scale", true},
                                                {"rms_scaling", false}}),
                  {ValueSpec{Shape{2, 3}, true, std::nullopt}},
                  {2},
                  {{"gamma", {3}}, {"beta", {3}}},
                  {{{0.0605051219f, 0.569370389f, -0.220966309f, 0.0605051219f, 0.569370389f,
                     -0.220966324f},
                    {0.0605050921f, 0.569370389f, -0.220966339f, 0.0605050921f, 0.569370389f,
                     -0.220966324f}},
                   {{-0.833935261f, 0.25f, 0.0559568405f, -0.833935261f, 0.25f, 0.0559568405f},
                    {-0.833935261f, 0.25f, 0.0559568405f, -0.418550521f, -0.0693704039f,
                     -0.540336728f}}}},
        KerasCase{
            "Softmax",
            Object("Softmax", {{"axis", -1}}),
            {ValueSpec{Shape{2, 3}, true, std::nullopt}},
            {2},
            {},
            {{{0.112719201f, 0.648654222f, 0.238626584f, 0.112719201f, 0.648654222f, 0.238626584f},
              {0.112719201f, 0.648654222f, 0.238626584f, 0.112719201f, 0.648654222f, 0.238626584f}},
             {{0.665240884f, 0.244728476f, 0.0900305659f, 0.665240884f, 0.244728476f,
               0.0900305659f},
              {0.665240884f, 0.244728476f, 0.0900305659f, 0.286953956f, 0.10556446f,
               0.607481539f}}}},
        KerasCase{"Activation",
                  Object("Activation", {{"activation", "log_softmax"}}),
                  {ValueSpec{Shape{2, 3}, true, std::nullopt}},
                  {2},
                  {},
                  {{{-2.18285561f, -0.432855487f, -1.43285549f, -2.18285561f, -0.432855487f,
                     -1.43285549f},
                    {-2.18285561f, -0.432855487f, -1.43285549f, -2.18285561f, -0.432855487f,
                     -1.43285549f}},
                   {{-0.407605946f, -1.40760589f, -2.40760589f, -0.407605946f, -1.40760589f,
                     -2.40760589f},
                    {-0.407605946f, -1.40760589f, -2.40760589f, -1.24843347f, -2.24843335f,
                     -0.498433441f}}}},
        KerasCase{
            "Relu",
            Object("ReLU", {{"max_value", nullptr}, {"negative_slope", 0.25}, {"threshold", 0.0}}),
            {ValueSpec{Shape{2, 2}, true, std::nullopt}},
            {2},
            {},
            {{{-0.125f, 1.25f, 0.25f, -0.1875f}, {1, 0, -0.25f, 0.75f}},
             {{-0.0625f, -0.3125f, 0.5f, -0.125f}, {1.25f, 0.25f, -0.1875f, 1}}}},
        KerasCase{"Elu",
                  Object("ELU", {{"alpha", 1.0}}),
                  {ValueSpec{Shape{2, 2}, true, std::nullopt}},
                  {2},
                  {},
                  {{{-0.393469334f, 1.25f, 0.25f, -0.527633429f}, {1, 0, -0.63212055f, 0.75f}},
                   {{-0.221199214f, -0.713495195f, 0.5f, -0.393469334f},
                    {1.25f, 0.25f, -0.527633429f, 1}}}}),
    CaseName);

}  // namespace
}  // namespace rnnserve::testing
