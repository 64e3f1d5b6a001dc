// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests which parts of the JSON that Keras 3 writes are kept in a bundle.

#include "core/import/keras_config_cleaner.h"

#include <gtest/gtest.h>

#include "tests/core/model/keras_json.h"

namespace rnnserve::testing {
namespace {

TEST(RegisteredNameOfTest, HasTheModuleOfAnUnregisteredClass) {
  EXPECT_EQ(RegisteredNameOf({{"class_name", "LSTM"}, {"module", "keras.layers"}}), "LSTM");
  EXPECT_EQ(RegisteredNameOf({{"class_name", "LSTM"}, {"module", "mine"}}), "mine>LSTM");
  EXPECT_EQ(RegisteredNameOf({{"class_name", "LSTM"}, {"registered_name", "pkg>LSTM"}}),
            "pkg>LSTM");
}

TEST(RegisteredNameOfTest, HasMainForAClassOfTheScriptThatSavedIt) {
  const Json of_script = Json::parse(
      R"({"module": null, "class_name": "LSTM", "registered_name": "LSTM", "config": {}})");

  EXPECT_EQ(RegisteredNameOf(of_script), "__main__>LSTM");
}

TEST(RegisteredNameOfTest, IsTheClassNameInFormatsWithoutModules) {
  EXPECT_EQ(RegisteredNameOf({{"class_name", "LSTM"}}), "LSTM");
}

TEST(CleanKerasConfigTest, KeepsTheHistoryOfATensor) {
  const Json tensor = Json::parse(R"({"class_name": "__keras_tensor__", "config":
      {"shape": [null, 3], "dtype": "float32", "keras_history": ["x", 0, 1]}})");

  EXPECT_EQ(CleanKerasConfig(tensor), Json::parse(R"({"class_name": "__keras_tensor__",
      "config": {"keras_history": ["x", 0, 1]}})"));
}

TEST(CleanKerasConfigTest, MovesTheNumberThatIsComparedWith) {
  const Json object = Json::parse(R"({"module": "keras.src.ops.numpy", "class_name": "NotEqual",
      "config": {"name": "not_equal", "dtype": "float32"}, "registered_name": "NotEqual",
      "name": "not_equal", "inbound_nodes": [{"args": ["tensor", -1.0], "kwargs": {}}]})");

  EXPECT_EQ(CleanKerasConfig(object), Json::parse(R"({"class_name": "NotEqual",
      "config": {"name": "not_equal", "dtype": "float32", "value": -1.0},
      "inbound_nodes": [{"args": ["tensor"], "kwargs": {}}]})"));
}

TEST(CleanKerasConfigTest, CountsTheCallsOfAModelFromZero) {
  Json model = LayerJson("Functional", "m",
                         {{"layers", {LayerJson("Functional", "f"), SequentialJson({}, "s")}}});
  model["config"]["output_layers"] = Json::parse(R"([["f", 1, 0], {"a": ["s", 1, 0]}])");

  EXPECT_EQ(CleanKerasConfig(model)["config"]["output_layers"],
            Json::parse(R"([["f", 0, 0], {"a": ["s", 1, 0]}])"));
}

TEST(CleanKerasConfigTest, KeepsTheKeyOfAFrozenLayer) {
  const Json frozen = Json::parse(R"({"trainable": false, "units": 3})");

  EXPECT_EQ(CleanKerasConfig(frozen), frozen);
  EXPECT_EQ(CleanKerasConfig(Json::parse(R"({"trainable": true, "units": 3})")),
            Json::parse(R"({"units": 3})"));
}

TEST(CleanKerasConfigTest, UnwrapsScalarsAndPolicies) {
  const Json config = Json::parse(R"({"mask_value": {"class_name": "__numpy__",
      "config": {"value": 2.0, "dtype": "float32"}},
      "dtype": {"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}})");

  EXPECT_EQ(CleanKerasConfig(config),
            Json::parse(R"({"mask_value": 2.0, "dtype": "mixed_float16"})"));
}

TEST(CleanKerasConfigTest, FindsTheRegisteredNameInAnOldClassName) {
  EXPECT_EQ(CleanKerasConfig(LayerJson("pkg>Cell", "c")),
            Json::parse(R"({"class_name": "Cell", "registered_name": "pkg>Cell",
                            "config": {"name": "c"}})"));
}

}  // namespace
}  // namespace rnnserve::testing
