// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Converts models from the format of Keras 2 and compares them with what Keras 3 would write.

#include "core/import/keras2_config.h"

#include <gtest/gtest.h>

#include "tests/core/model/keras_json.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<Json> TryToConvert(const Json& model) {
  return ConvertKeras2Config(model, LayerRegistry::BuiltIn());
}

Json Convert(const Json& model) { return TryToConvert(model).value(); }

// Returns the config of the only layer after the InputLayer.
Json ConvertLayer(const Json& layer) {
  return Convert(SequentialJson({InputJson(1), layer}))["config"]["layers"][1]["config"];
}

Json Tensor(const std::string& layer, int call, int tensor) {
  return LayerJson("__keras_tensor__", "", {{"keras_history", {layer, call, tensor}}});
}

// Returns a tensor without the name that LayerJson adds.
Json TensorOf(const std::string& layer, int call, int tensor) {
  Json json = Tensor(layer, call, tensor);
  json["config"].erase("name");
  return json;
}

TEST(Keras2ConfigTest, MakesAnInputLayerOutOfTheShapeOfTheFirstLayer) {
  Json bare = {{"class_name", "Sequential"}};
  bare["config"] = Json::array(
      {LayerJson("GRU", "gru", {{"batch_input_shape", {nullptr, nullptr, 3}}, {"units", 2}})});

  EXPECT_EQ(Convert(bare)["config"], Json::parse(R"({"name": "sequential", "layers": [
      {"class_name": "InputLayer", "config": {"name": "gru_input", "batch_shape": [null, null, 3]}},
      {"class_name": "GRU", "config": {"name": "gru", "units": 2, "reset_after": false}}]})"));
}

TEST(Keras2ConfigTest, RenamesOptions) {
  EXPECT_EQ(ConvertLayer(LayerJson(
                "LSTM", "x", {{"time_major", false}, {"recurrent_activation", "hard_sigmoid"}})),
            Json({{"name", "x"}, {"recurrent_activation", "hard_sigmoid_v1"}}));
  EXPECT_EQ(ConvertLayer(LayerJson("LeakyReLU", "x", {{"alpha", 0.2}})),
            Json({{"name", "x"}, {"negative_slope", 0.2}}));
  EXPECT_EQ(ConvertLayer(LayerJson("BatchNormalization", "x", {{"axis", Json::array({2})}})),
            Json({{"name", "x"}, {"axis", 2}}));
}

TEST(Keras2ConfigTest, CompletesABidirectional) {
  const Json config = ConvertLayer(LayerJson(
      "Bidirectional", "x",
      {{"layer", LayerJson("SimpleRNN", "r", {{"return_sequences", true}, {"units", 2}})}}));

  EXPECT_EQ(config["layer"]["config"],
            Json::parse(R"({"name": "r", "return_sequences": true, "units": 2,
                            "zero_output_for_mask": true})"));
  EXPECT_EQ(config["backward_layer"]["config"],
            Json::parse(R"({"name": "r", "return_sequences": true, "units": 2,
                            "zero_output_for_mask": true, "go_backwards": true})"));
}

TEST(Keras2ConfigTest, RefusesATimeMajorLayer) {
  EXPECT_THAT(
      TryToConvert(SequentialJson({InputJson(1), LayerJson("GRU", "g", {{"time_major", true}})})),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("layer 'g': 'time_major'"),
               "OPTION_UNSUPPORTED"));
}

// A Functional with the inputs "x" and "h" and a layer "front" before the recurrent layer "r".
class Keras2FunctionalTest : public ::testing::Test {
 protected:
  Keras2FunctionalTest() {
    Json front = LayerJson("Masking", "front", {{"mask_value", 9.0}});
    front["inbound_nodes"] = Json::parse(R"([[["x", 0, 0, {}]]])");
    Json recurrent = LayerJson("GRU", "r", {{"reset_after", true}});
    recurrent["inbound_nodes"] =
        Json::parse(R"([[["front", 0, 0, {}], ["h", 0, 0, {}], ["h", 0, 0, {}]]])");
    layers_ = {LayerJson("InputLayer", "x"), LayerJson("InputLayer", "h"), front, recurrent};
  }

  absl::StatusOr<Json> Layers() {
    const auto model = TryToConvert(LayerJson("Model", "m", {{"layers", layers_}}));
    if (!model.ok()) return model.status();
    return (*model)["config"]["layers"];
  }

  std::vector<Json> layers_;
};

TEST_F(Keras2FunctionalTest, MovesStatesAndConstantsOutOfTheInputs) {
  layers_[2]["class_name"] = "Dense";
  layers_[3]["config"]["num_constants"] = 1;

  const auto layers = Layers();

  ASSERT_THAT(layers, IsOk());
  Json call = {{"args", Json::array({TensorOf("front", 0, 0)})}};
  call["kwargs"] = {{"initial_state", Json::array({TensorOf("h", 0, 0)})},
                    {"constants", Json::array({TensorOf("h", 0, 0)})}};
  EXPECT_EQ((*layers)[3]["inbound_nodes"], Json::array({call}));
}

TEST_F(Keras2FunctionalTest, AddsTheMaskToACallWithAnInitialState) {
  const auto layers = Layers();

  ASSERT_THAT(layers, IsOk());
  ASSERT_EQ(layers->size(), 6u);
  EXPECT_EQ((*layers)[3]["inbound_nodes"][0]["kwargs"]["mask"], TensorOf("front_mask_0_any", 0, 0));
  EXPECT_EQ((*layers)[4]["class_name"], "NotEqual");
  EXPECT_EQ((*layers)[4]["inbound_nodes"][0]["args"], Json::array({TensorOf("x", 0, 0), 9.0}));
  EXPECT_EQ((*layers)[5]["inbound_nodes"][0]["args"],
            Json::array({TensorOf("front_mask_0", 0, 0)}));
}

TEST_F(Keras2FunctionalTest, RefusesAMaskThatALayerChanges) {
  Json merge = LayerJson("Add", "add");
  merge["inbound_nodes"] = Json::parse(R"([[["front", 0, 0, {}], ["front", 0, 0, {}]]])");
  layers_.push_back(merge);
  layers_[3]["inbound_nodes"][0][0][0] = "add";

  EXPECT_THAT(Layers(),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("layer 'add': a mask through a Add"), "OPTION_UNSUPPORTED"));
}

TEST_F(Keras2FunctionalTest, CountsTheCallsOfModelsFromZero) {
  layers_[2] = SequentialJson({InputJson(1), LayerJson("Dense", "d")}, "front");
  layers_[2]["inbound_nodes"] = Json::parse(R"([[["x", 0, 0, {}]]])");
  layers_[3]["inbound_nodes"][0][0][1] = 1;

  const auto layers = Layers();

  ASSERT_THAT(layers, IsOk());
  EXPECT_EQ((*layers)[3]["inbound_nodes"][0]["args"][0], TensorOf("front", 0, 0));
}

TEST_F(Keras2FunctionalTest, RefusesAnInvalidCall) {
  layers_[3]["inbound_nodes"] = Json::parse(R"([[["front", "zero", 0]]])");

  EXPECT_THAT(Layers(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("layer 'r': an entry of 'inbound_nodes'"), "MODEL_CONFIG"));
}

}  // namespace
}  // namespace rnnserve::testing
