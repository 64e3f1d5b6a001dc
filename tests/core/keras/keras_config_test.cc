// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/keras/keras_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"

// Tests configurations that Keras writes, and those that a damaged or hostile file may hold.

namespace rnnserve {
namespace {

using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Makes the Keras object of a test from a configuration in JSON text.
class KerasConfigTest : public ::testing::Test {
 protected:
  KerasConfig Config(const std::string& config) {
    object_ = {{"class_name", "LSTM"}, {"config", nlohmann::json::parse(config)}};
    return KerasConfig(object_, "layer 'lstm'");
  }

  // Returns the activation under "activation".
  absl::StatusOr<Activation> ActivationOf(const std::string& value) {
    return Config("{\"activation\": " + value + "}").ActivationOr("activation", Activation::kTanh);
  }

  // Returns the activation if "activation" is a serialized layer.
  absl::StatusOr<Activation> ActivationOfLayer(const std::string& class_name,
                                               const std::string& config) {
    return ActivationOf("{\"module\": \"keras.layers\", \"class_name\": \"" + class_name +
                        "\", \"config\": " + config + "}");
  }

  nlohmann::json object_;
};

template <typename... Text>
auto ConfigError(Text... text) {
  return StatusIs(absl::StatusCode::kInvalidArgument,
                  AllOf(HasSubstr("layer 'lstm'"), HasSubstr(text)...), "MODEL_CONFIG");
}

template <typename... Text>
auto OptionUnsupported(Text... text) {
  return StatusIs(absl::StatusCode::kUnimplemented,
                  AllOf(HasSubstr("layer 'lstm'"), HasSubstr(text)...), "OPTION_UNSUPPORTED");
}

TEST_F(KerasConfigTest, ReturnsClassAndName) {
  const KerasConfig config = Config(R"({"name": "lstm_1"})");

  EXPECT_EQ(config.class_name(), "LSTM");
  EXPECT_EQ(config.name(), "lstm_1");
  EXPECT_EQ(config.path(), "layer 'lstm'");
}

TEST_F(KerasConfigTest, TheRegisteredNameIsTheClassNameUnlessThereIsOne) {
  object_ = nlohmann::json::parse(R"({"class_name": "GRU", "registered_name": null})");
  EXPECT_EQ(KerasConfig(object_, "x").registered_name(), "GRU");

  object_ = nlohmann::json::parse(R"({"class_name": "My", "registered_name": "package>My"})");
  EXPECT_EQ(KerasConfig(object_, "x").registered_name(), "package>My");
}

TEST_F(KerasConfigTest, AnythingElseIsAnObjectWithoutClassAndConfiguration) {
  for (const char* text : {"null", "[]", "3", "\"LSTM\"", "{}", R"({"config": [1, 2]})"}) {
    object_ = nlohmann::json::parse(text);
    const KerasConfig config(object_, "layer 'lstm'");

    EXPECT_EQ(config.class_name(), "") << text;
    EXPECT_EQ(config.registered_name(), "") << text;
    EXPECT_EQ(config.name(), "") << text;
    EXPECT_FALSE(config.Has("units")) << text;
    EXPECT_TRUE(config.Raw("units").is_null()) << text;
    EXPECT_THAT(config.PositiveInt("units"), ConfigError("'units'", "null")) << text;
  }
}

TEST_F(KerasConfigTest, HasDistinguishesNullFromAbsent) {
  const KerasConfig config = Config(R"({"bound": null})");

  EXPECT_TRUE(config.Has("bound"));
  EXPECT_FALSE(config.Has("other"));
}

TEST_F(KerasConfigTest, ReadsTypedValues) {
  const KerasConfig config = Config(R"({"b": true, "n": 0.5, "i": 3, "s": "ave"})");

  EXPECT_EQ(*config.Bool("b", false), true);
  EXPECT_EQ(*config.Number("n", 0), 0.5);
  EXPECT_EQ(*config.Number("i", 0), 3.0);
  EXPECT_EQ(*config.String("s", ""), "ave");
  EXPECT_EQ(*config.PositiveInt("i"), 3);
}

TEST_F(KerasConfigTest, AbsentAndNullGiveTheFallback) {
  const KerasConfig config = Config(R"({"null": null})");

  for (const char* key : {"null", "absent"}) {
    EXPECT_EQ(*config.Bool(key, true), true) << key;
    EXPECT_EQ(*config.Number(key, 2.5), 2.5) << key;
    EXPECT_EQ(*config.String(key, "concat"), "concat") << key;
  }
}

TEST_F(KerasConfigTest, AValueOfAnotherTypeIsAnErrorThatShowsIt) {
  const KerasConfig config = Config(R"({"k": [1, 2], "s": "yes"})");

  EXPECT_THAT(config.Bool("s", false), ConfigError("'s' is \"yes\", not a boolean"));
  EXPECT_THAT(config.Number("s", 0), ConfigError("'s' is \"yes\", not a number"));
  EXPECT_THAT(config.String("k", ""), ConfigError("'k' is [1,2], not a string"));
  EXPECT_THAT(config.Object("k"), ConfigError("'k' is [1,2], not a serialized object"));
  EXPECT_THAT(config.Objects("s"), ConfigError("'s' is \"yes\", not a list"));
}

TEST_F(KerasConfigTest, AnErrorShowsOnlyTheBeginningOfALongValue) {
  const KerasConfig config = Config(absl::StrCat("{\"units\": \"", std::string(10000, 'x'), "\"}"));

  const absl::Status status = config.PositiveInt("units").status();

  EXPECT_THAT(status, ConfigError("\"xxx", "..."));
  EXPECT_LT(status.message().size(), 300u);
}

TEST_F(KerasConfigTest, PositiveIntsReadAListOfThatLengthOrOneNumberForAll) {
  EXPECT_THAT(*Config(R"({"k": [3, 1]})").PositiveInts("k", 2), ElementsAre(3, 1));
  EXPECT_THAT(*Config(R"({"k": 3})").PositiveInts("k", 2), ElementsAre(3, 3));
  EXPECT_THAT(*Config(R"({"k": null})").PositiveInts("k", 2, 1), ElementsAre(1, 1));
  for (const char* value : {"[3]", "[3, 0]", "[3, 1.5]", "0", "\"3\"", "null"}) {
    EXPECT_THAT(Config(std::string("{\"k\": ") + value + "}").PositiveInts("k", 2),
                ConfigError("'k'", "2 whole numbers"))
        << value;
  }
}

TEST_F(KerasConfigTest, PositiveIntIsAWholeNumberFromOneToTwoToTheThirtyOne) {
  EXPECT_EQ(*Config(R"({"units": 1})").PositiveInt("units"), 1);
  EXPECT_EQ(*Config(R"({"units": 2147483647})").PositiveInt("units"), 2147483647);
  for (const char* value : {"0", "-1", "2147483648", "18446744073709551615", "1.0", "2.5", "\"3\"",
                            "true", "null", "[3]"}) {
    EXPECT_THAT(Config(std::string("{\"units\": ") + value + "}").PositiveInt("units"),
                ConfigError("'units'", value))
        << value;
  }
  EXPECT_THAT(Config("{}").PositiveInt("units"), ConfigError("'units'"));
}

TEST_F(KerasConfigTest, NestedObjectsKnowTheirPath) {
  const KerasConfig config = Config(R"({"cell": {"class_name": "StackedRNNCells", "config":
      {"cells": [{"class_name": "A"}, {"class_name": "B"}]}}})");

  const auto cell = config.Object("cell");
  ASSERT_THAT(cell, IsOk());
  const auto cells = cell->Objects("cells");
  ASSERT_THAT(cells, IsOk());

  EXPECT_EQ(cell->class_name(), "StackedRNNCells");
  EXPECT_EQ(cell->path(), "layer 'lstm', cell");
  ASSERT_EQ(cells->size(), 2u);
  EXPECT_EQ((*cells)[1].class_name(), "B");
  EXPECT_EQ((*cells)[1].path(), "layer 'lstm', cell, cells[1]");
}

TEST_F(KerasConfigTest, AListMustHoldOnlyObjects) {
  EXPECT_THAT(Config(R"({"cells": [{}, 7]})").Objects("cells"), ConfigError("'cells[1]' is 7"));
}

TEST_F(KerasConfigTest, ReadsActivationsByName) {
  EXPECT_EQ(*ActivationOf("\"relu\""), Activation::kRelu);
  EXPECT_EQ(*ActivationOf("\"swish\""), Activation::kSilu);
  EXPECT_EQ(*ActivationOf("null"), Activation::kLinear);
  EXPECT_EQ(*Config("{}").ActivationOr("activation", Activation::kTanh), Activation::kTanh);
}

TEST_F(KerasConfigTest, ReadsSerializedFunctions) {
  EXPECT_EQ(*ActivationOf(R"({"module": "builtins", "class_name": "function", "config": "gelu"})"),
            Activation::kGelu);
  EXPECT_THAT(ActivationOf(R"({"class_name": "function", "config": "mine>wave"})"),
              ConfigError("'activation'", "'mine>wave'"));
}

TEST_F(KerasConfigTest, DoesNotTakeAFunctionOrLayerOfTheUserForOneOfKeras) {
  EXPECT_THAT(ActivationOf(R"({"class_name": "function", "config": "swish",
                               "registered_name": "__main__>swish"})"),
              OptionUnsupported("'activation'", "'__main__>swish'"));
  EXPECT_THAT(ActivationOf(R"({"class_name": "ReLU", "config": {"max_value": 6.0},
                               "registered_name": "mine>ReLU"})"),
              OptionUnsupported("'activation'", "'mine>ReLU'"));
}

TEST_F(KerasConfigTest, ReadsFunctionsOfTensorFlow) {
  EXPECT_EQ(*ActivationOf(R"({"class_name": "function", "config": "swish",
                              "registered_name": "tensorflow.python.ops.nn_impl>swish"})"),
            Activation::kSilu);
}

TEST_F(KerasConfigTest, ReadsSerializedActivationLayers) {
  EXPECT_EQ(*ActivationOfLayer("Activation", R"({"activation": "softplus"})"),
            Activation::kSoftplus);
  EXPECT_EQ(*ActivationOfLayer("ReLU", R"({"max_value": null, "negative_slope": 0.0,
                                           "threshold": 0.0})"),
            Activation::kRelu);
  EXPECT_EQ(*ActivationOfLayer("ReLU", R"({"max_value": 6.0})"), Activation::kRelu6);
  EXPECT_EQ(*ActivationOfLayer("LeakyReLU", R"({"negative_slope": 0.2})"), Activation::kLeakyRelu);
  EXPECT_EQ(*ActivationOfLayer("LeakyReLU", R"({"negative_slope": 0.20000000298023224})"),
            Activation::kLeakyRelu);
  EXPECT_EQ(*ActivationOfLayer("ELU", R"({"alpha": 1.0})"), Activation::kElu);
  EXPECT_EQ(*ActivationOfLayer("Softmax", R"({"axis": -1})"), Activation::kSoftmax);
}

TEST_F(KerasConfigTest, OptionsThatNoActivationHasAreUnsupported) {
  EXPECT_THAT(ActivationOfLayer("LeakyReLU", "{}"), OptionUnsupported("LeakyReLU"));
  EXPECT_THAT(ActivationOfLayer("ReLU", R"({"threshold": 1.0})"), OptionUnsupported("ReLU"));
  EXPECT_THAT(ActivationOfLayer("ReLU", R"({"max_value": 3.0})"), OptionUnsupported("ReLU"));
  EXPECT_THAT(ActivationOfLayer("ReLU", R"({"negative_slope": 0.1})"), OptionUnsupported("ReLU"));
  EXPECT_THAT(ActivationOfLayer("ELU", R"({"alpha": 0.5})"), OptionUnsupported("ELU"));
  EXPECT_THAT(ActivationOfLayer("Softmax", R"({"axis": 1})"), OptionUnsupported("Softmax"));
}

TEST_F(KerasConfigTest, RejectsAValueThatIsNotAnActivation) {
  EXPECT_THAT(ActivationOf("\"tanhh\""), ConfigError("'activation'", "'tanhh'"));
  EXPECT_THAT(ActivationOf("3"), ConfigError("'activation' is 3"));
  EXPECT_THAT(ActivationOfLayer("Dense", "{}"), ConfigError("activation", "'Dense'"));
  EXPECT_THAT(ActivationOfLayer("ReLU", R"({"threshold": "high"})"), ConfigError("'threshold'"));
}

TEST_F(KerasConfigTest, AcceptsEveryFloatingPointPolicy) {
  EXPECT_THAT(Config("{}").CheckDtypePolicy(), IsOk());
  for (const char* name :
       {"float32", "float64", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16"}) {
    const std::string policy =
        std::string(R"({"class_name": "DTypePolicy", "config": {"name": ")") + name + "\"}}";
    EXPECT_THAT(Config(R"({"dtype": ")" + std::string(name) + "\"}").CheckDtypePolicy(), IsOk());
    EXPECT_THAT(Config(R"({"dtype": )" + policy + "}").CheckDtypePolicy(), IsOk()) << name;
  }
}

TEST_F(KerasConfigTest, OtherPoliciesAreUnsupported) {
  EXPECT_THAT(Config(R"({"dtype": "int8_from_float32"})").CheckDtypePolicy(),
              OptionUnsupported("int8_from_float32"));
  EXPECT_THAT(Config(R"({"dtype": {"config": {}}})").CheckDtypePolicy(), OptionUnsupported("null"));
}

}  // namespace
}  // namespace rnnserve
