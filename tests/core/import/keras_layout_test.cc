// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests the names of the groups in the weight files that Keras writes.

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

TEST_P(ToSnakeCaseTest, MatchesKeras) {
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

std::string Line(const VariableGroup& group) {
  std::string line = group.path + ":";
  for (const auto& variable : group.variables) line += " " + variable.name;
  return line;
}

// Returns "path: names" for every group of a model that has variables.
std::vector<std::string> GroupsOfModel(const Json& model,
                                       GroupNaming naming = GroupNaming::kLayers) {
  std::vector<std::string> lines;
  const auto groups = VariableGroups(model, LayerRegistry::BuiltIn(), naming);
  for (const VariableGroup& group : groups.value()) {
    if (!group.variables.empty()) lines.push_back(Line(group));
  }
  return lines;
}

// Returns the same as GroupsOfModel, for a model of one layer.
std::vector<std::string> GroupsOf(const Json& layer) {
  return GroupsOfModel(SequentialJson({InputJson(1), layer}));
}

Json FunctionalJson(const std::string& name, std::vector<Json> layers) {
  return LayerJson("Functional", name, {{"layers", std::move(layers)}});
}

TEST(VariableGroupsTest, OfALayerWithItsOwnCell) {
  EXPECT_THAT(GroupsOf(LayerJson("LSTM", "x")),
              ElementsAre("layers/lstm/cell/vars: x/kernel x/recurrent_kernel x/bias"));
  EXPECT_THAT(GroupsOf(LayerJson("GRU", "x", {{"use_bias", false}})),
              ElementsAre("layers/gru/cell/vars: x/kernel x/recurrent_kernel"));
}

TEST(VariableGroupsTest, OfAStackOfCells) {
  Json minimal = LayerJson("MinimalRNNCell", "b");
  minimal["registered_name"] = "rnnserve>MinimalRNNCell";
  const Json stack = LayerJson(
      "StackedRNNCells", "s",
      {{"cells",
        {LayerJson("GRUCell", "a"), minimal, LayerJson("GRUCell", "c", {{"use_bias", false}})}}});

  EXPECT_THAT(
      GroupsOf(LayerJson("RNN", "x", {{"cell", stack}})),
      ElementsAre(
          "layers/rnn/cell/cells/gru_cell/vars: x/cells/0/kernel x/cells/0/recurrent_kernel "
          "x/cells/0/bias",
          "layers/rnn/cell/cells/minimal_rnn_cell/vars: x/cells/1/kernel "
          "x/cells/1/recurrent_kernel",
          "layers/rnn/cell/cells/gru_cell_1/vars: x/cells/2/kernel x/cells/2/recurrent_kernel"));
}

TEST(VariableGroupsTest, OfBothDirections) {
  const Json layer = LayerJson("SimpleRNN", "f", {{"use_bias", false}});

  EXPECT_THAT(
      GroupsOf(LayerJson("Bidirectional", "x", {{"layer", layer}, {"backward_layer", layer}})),
      ElementsAre("layers/bidirectional/forward_layer/cell/vars: x/forward/kernel "
                  "x/forward/recurrent_kernel",
                  "layers/bidirectional/backward_layer/cell/vars: x/backward/kernel "
                  "x/backward/recurrent_kernel"));
}

TEST(VariableGroupsTest, OfALayerForEachTimestep) {
  EXPECT_THAT(GroupsOf(LayerJson("TimeDistributed", "x", {{"layer", LayerJson("Dense", "d")}})),
              ElementsAre("layers/time_distributed/layer/vars: x/layer/kernel x/layer/bias"));
}

TEST(VariableGroupsTest, OfANormalization) {
  EXPECT_THAT(GroupsOf(LayerJson("LayerNormalization", "x")),
              ElementsAre("layers/layer_normalization/vars: x/gamma x/beta"));
  EXPECT_THAT(GroupsOf(LayerJson("LayerNormalization", "x", {{"scale", false}})),
              ElementsAre("layers/layer_normalization/vars: x/beta"));
  EXPECT_THAT(
      GroupsOf(LayerJson("LayerNormalization", "x", {{"rms_scaling", true}, {"scale", false}})),
      ElementsAre("layers/layer_normalization/vars: x/gamma"));
}

TEST(VariableGroupsTest, OfOtherLayersWithVariables) {
  EXPECT_THAT(
      GroupsOf(LayerJson("BatchNormalization", "x", {{"center", false}})),
      ElementsAre("layers/batch_normalization/vars: x/gamma x/moving_mean x/moving_variance"));
  EXPECT_THAT(GroupsOf(LayerJson("ConvLSTM1D", "x")),
              ElementsAre("layers/conv_lstm1d/cell/vars: x/kernel x/recurrent_kernel x/bias"));
  EXPECT_THAT(GroupsOf(LayerJson("Conv1D", "x")),
              ElementsAre("layers/conv1d/vars: x/kernel x/bias"));
  EXPECT_THAT(GroupsOf(LayerJson("PReLU", "x")), ElementsAre("layers/p_re_lu/vars: x/alpha"));
}

TEST(VariableGroupsTest, OfALayerWithoutWeights) {
  EXPECT_THAT(GroupsOf(LayerJson("Dropout", "x")), ElementsAre());
}

TEST(VariableGroupsTest, CountTheInputsOfAFunctionalButNotItsOperations) {
  Json operation = LayerJson("Concatenate", "concatenate");
  operation["module"] = "keras.src.ops.numpy";
  const Json model =
      FunctionalJson("m", {InputJson(1), LayerJson("Dense", "a"), operation,
                           LayerJson("Concatenate", "cat"), LayerJson("Dense", "b")});

  const auto groups = VariableGroups(model, LayerRegistry::BuiltIn(), GroupNaming::kLayers);

  ASSERT_THAT(groups, IsOk());
  std::vector<std::string> lines;
  for (const VariableGroup& group : *groups) lines.push_back(Line(group));
  EXPECT_THAT(lines,
              ElementsAre("vars:", "layers/input_layer/vars:", "layers/dense/vars: a/kernel a/bias",
                          "layers/concatenate/vars:", "layers/dense_1/vars: b/kernel b/bias"));
}

TEST(VariableGroupsTest, StartCountingAgainInAModelInTheModel) {
  const Json inner = SequentialJson({InputJson(1), LayerJson("Dense", "d")}, "in");
  const Json model = FunctionalJson(
      "m", {InputJson(1), LayerJson("Dense", "a"), inner,
            FunctionalJson("f", {InputJson(1), LayerJson("Dense", "d")}), LayerJson("Dense", "b")});

  EXPECT_THAT(GroupsOfModel(model),
              ElementsAre("layers/dense/vars: a/kernel a/bias",
                          "layers/sequential/layers/dense/vars: in/d/kernel in/d/bias",
                          "layers/functional/layers/dense/vars: f/d/kernel f/d/bias",
                          "layers/dense_1/vars: b/kernel b/bias"));
}

TEST(VariableGroupsTest, OfALayerWithTwoPlacesAreAtTheFirst) {
  Json shared = LayerJson("Dense", "d", {{"use_bias", false}});
  shared["shared_object_id"] = 17;
  const Json model =
      FunctionalJson("m", {InputJson(1), shared, FunctionalJson("f", {InputJson(1), shared})});

  EXPECT_THAT(GroupsOfModel(model),
              ElementsAre("layers/dense/vars: d/kernel", "layers/dense/vars: f/d/kernel"));
}

TEST(VariableGroupsTest, CountLayersWithWeightsTwiceInTheFirstFormat) {
  const Json dense = LayerJson("Dense", "a", {{"use_bias", false}});
  const Json other = LayerJson("Dense", "b", {{"use_bias", false}});
  const Json model = SequentialJson({InputJson(1), dense, LayerJson("Dropout", "x"), other});

  EXPECT_THAT(GroupsOfModel(model, GroupNaming::kCheckpointDependencies),
              ElementsAre("_layer_checkpoint_dependencies/dense/vars: a/kernel",
                          "_layer_checkpoint_dependencies/dense_2/vars: b/kernel"));
}

TEST(LegacyVariablesTest, PutTrainedVariablesFirst) {
  Json frozen = LayerJson("Dense", "d", {{"trainable", false}, {"use_bias", false}});
  const Json inner = SequentialJson(
      {InputJson(1), LayerJson("BatchNormalization", "n"), frozen, LayerJson("PReLU", "p")}, "in");

  const auto variables = LegacyVariablesOf(
      SequentialJson({InputJson(1), LayerJson("Dropout", "x"), inner}), LayerRegistry::BuiltIn());

  ASSERT_THAT(variables, IsOk());
  ASSERT_EQ(variables->size(), 1u);
  EXPECT_EQ(variables->front().layer, "in");
  EXPECT_THAT(variables->front().names,
              ElementsAre("in/n/gamma", "in/n/beta", "in/p/alpha", "in/n/moving_mean",
                          "in/n/moving_variance", "in/d/kernel"));
}

TEST(VariableGroupsTest, OfAnUnknownClassAreAnError) {
  EXPECT_THAT(VariableGroups(SequentialJson({InputJson(1), LayerJson("Mystery", "x")}),
                             LayerRegistry::BuiltIn(), GroupNaming::kLayers),
              StatusIs(absl::StatusCode::kUnimplemented,
                       ::testing::HasSubstr("layer 'x': the weights of class 'Mystery'"),
                       "LAYER_UNSUPPORTED"));
}

TEST(VariableGroupsTest, RefuseAnOptionThatIsNotABoolean) {
  const Json layer = LayerJson("GRU", "x", {{"use_bias", "yes"}});

  EXPECT_THAT(VariableGroups(SequentialJson({InputJson(1), layer}), LayerRegistry::BuiltIn(),
                             GroupNaming::kLayers),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       ::testing::AllOf(::testing::HasSubstr("layer 'x'"),
                                        ::testing::HasSubstr("'use_bias'")),
                       "MODEL_CONFIG"));
}

}  // namespace
}  // namespace rnnserve::testing
