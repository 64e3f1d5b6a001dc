// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The names that Keras gives groups, as seen in its files.

#include "core/import/keras_layout.h"

#include <gtest/gtest.h>

#include "tests/core/model/keras_json.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Values;

struct SnakeCase {
  const char* class_name;
  const char* snake_case;
};

class ToSnakeCaseTest : public ::testing::TestWithParam<SnakeCase> {};

TEST_P(ToSnakeCaseTest, IsThatOfKeras) {
  EXPECT_EQ(ToSnakeCase(GetParam().class_name), GetParam().snake_case);
}

INSTANTIATE_TEST_SUITE_P(
    , ToSnakeCaseTest,
    Values(SnakeCase{"LSTM", "lstm"}, SnakeCase{"GRUCell", "gru_cell"},
           SnakeCase{"SimpleRNN", "simple_rnn"}, SnakeCase{"SimpleRNNCell", "simple_rnn_cell"},
           SnakeCase{"StackedRNNCells", "stacked_rnn_cells"},
           SnakeCase{"ConvLSTM1D", "conv_lstm1d"}, SnakeCase{"TimeDistributed", "time_distributed"},
           SnakeCase{"ReLU", "re_lu"}, SnakeCase{"LeakyReLU", "leaky_re_lu"},
           SnakeCase{"MinimalRNNCell", "minimal_rnn_cell"}, SnakeCase{"My_Layer", "my__layer"},
           SnakeCase{"pkg>A", "pkg_a"}, SnakeCase{"", ""}));

TEST(GroupNamesTest, CountsTheClassesOfOneList) {
  GroupNames names;

  EXPECT_EQ(names.Next("GRU"), "gru");
  EXPECT_EQ(names.Next("Dense"), "dense");
  EXPECT_EQ(names.Next("GRU"), "gru_1");
  EXPECT_EQ(names.Next("GRU"), "gru_2");
  EXPECT_EQ(names.Next("Dense"), "dense_1");
}

// "path: names" of every group that has any.
std::vector<std::string> GroupsOf(const Json& layer) {
  const auto groups = VariableGroups(KerasConfig(layer, "layer"), {"layers/x", "x", "x"});
  std::vector<std::string> lines;
  for (const VariableGroup& group : groups.value()) {
    std::string line = group.path + ":";
    for (const std::string& name : group.names) line += " " + name;
    if (!group.names.empty()) lines.push_back(line);
  }
  return lines;
}

TEST(VariableGroupsTest, OfALayerWithItsOwnCell) {
  EXPECT_THAT(GroupsOf(LayerJson("LSTM", "x")),
              ElementsAre("layers/x/cell/vars: x/kernel x/recurrent_kernel x/bias"));
  EXPECT_THAT(GroupsOf(LayerJson("GRU", "x", {{"use_bias", false}})),
              ElementsAre("layers/x/cell/vars: x/kernel x/recurrent_kernel"));
}

TEST(VariableGroupsTest, OfAStackOfCells) {
  const Json stack = LayerJson("StackedRNNCells", "s",
                               {{"cells",
                                 {LayerJson("GRUCell", "a"), LayerJson("MinimalRNNCell", "b"),
                                  LayerJson("GRUCell", "c", {{"use_bias", false}})}}});

  EXPECT_THAT(
      GroupsOf(LayerJson("RNN", "x", {{"cell", stack}})),
      ElementsAre(
          "layers/x/cell/cells/gru_cell/vars: x/cells/0/kernel x/cells/0/recurrent_kernel "
          "x/cells/0/bias",
          "layers/x/cell/cells/minimal_rnn_cell/vars: x/cells/1/kernel x/cells/1/recurrent_kernel",
          "layers/x/cell/cells/gru_cell_1/vars: x/cells/2/kernel x/cells/2/recurrent_kernel"));
}

TEST(VariableGroupsTest, OfBothDirections) {
  const Json layer = LayerJson("SimpleRNN", "f", {{"use_bias", false}});

  EXPECT_THAT(
      GroupsOf(LayerJson("Bidirectional", "x", {{"layer", layer}, {"backward_layer", layer}})),
      ElementsAre(
          "layers/x/forward_layer/cell/vars: x/forward/kernel x/forward/recurrent_kernel",
          "layers/x/backward_layer/cell/vars: x/backward/kernel x/backward/recurrent_kernel"));
}

TEST(VariableGroupsTest, OfALayerForEachTimestep) {
  EXPECT_THAT(GroupsOf(LayerJson("TimeDistributed", "x", {{"layer", LayerJson("Dense", "d")}})),
              ElementsAre("layers/x/layer/vars: x/layer/kernel x/layer/bias"));
}

TEST(VariableGroupsTest, OfANormalization) {
  EXPECT_THAT(GroupsOf(LayerJson("LayerNormalization", "x")),
              ElementsAre("layers/x/vars: x/gamma x/beta"));
  EXPECT_THAT(GroupsOf(LayerJson("LayerNormalization", "x", {{"scale", false}})),
              ElementsAre("layers/x/vars: x/beta"));
  EXPECT_THAT(
      GroupsOf(LayerJson("LayerNormalization", "x", {{"rms_scaling", true}, {"scale", false}})),
      ElementsAre("layers/x/vars: x/gamma"));
}

TEST(VariableGroupsTest, OfALayerWithoutWeights) {
  EXPECT_THAT(GroupsOf(LayerJson("Dropout", "x")), ElementsAre());
}

TEST(VariableGroupsTest, RefuseAnOptionThatIsNoBoolean) {
  const Json layer = LayerJson("GRU", "x", {{"use_bias", "yes"}});

  EXPECT_THAT(VariableGroups(KerasConfig(layer, "layer 'x'"), {"layers/x", "x", "x"}),
              StatusIs(absl::StatusCode::kInvalidArgument, ::testing::HasSubstr("'use_bias'"),
                       "MODEL_CONFIG"));
}

}  // namespace
}  // namespace rnnserve::testing
