// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests descriptions that are refused before any weight is read, each with the text that gives the
// reason.

#include "core/model/graph.h"

#include <gtest/gtest.h>

#include "core/model/limits.h"
#include "tests/core/model/keras_json.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Values;

absl::StatusOr<Shape> InputShapeOf(const Json& model) {
  static const LayerRegistry* const registry = new LayerRegistry(LayerRegistry::BuiltIn());
  auto description = ReadGraph(KerasConfig(model, "model"), *registry);
  if (!description.ok()) return description.status();
  return description->inputs.front().spec.shape;
}

Json Input(Json batch_shape, Json config = Json::object()) {
  config["batch_shape"] = std::move(batch_shape);
  return LayerJson("InputLayer", "x", std::move(config));
}

Json Gru(const std::string& name = "gru") { return LayerJson("GRU", name, {{"units", 2}}); }

TEST(ReadGraphTest, NamesTheInputAndTheLayers) {
  const Json model = SequentialJson({Input({nullptr, 29, 12}), Gru("first"), Gru("second")});
  const LayerRegistry registry = LayerRegistry::BuiltIn();

  const auto description = ReadGraph(KerasConfig(model, "model"), registry);

  ASSERT_THAT(description, IsOk());
  EXPECT_EQ(description->inputs.front().spec.shape, Shape({12}));
  ASSERT_EQ(description->layers.size(), 2);
  EXPECT_EQ(description->layers[1].name, "second");
  EXPECT_EQ(description->layers[1].config.path(), "layer 'second'");
}

TEST(ReadGraphTest, AcceptsTokenIdsOfAnyIntegerType) {
  for (const char* dtype : {"float32", "int32", "int64", "uint8"}) {
    const auto shape = InputShapeOf(SequentialJson(
        {Input({nullptr, nullptr}, {{"dtype", dtype}}),
         LayerJson("Embedding", "embedding", {{"input_dim", 3}, {"output_dim", 2}})}));
    ASSERT_THAT(shape, IsOk()) << dtype;
    EXPECT_EQ(*shape, Shape()) << dtype;
  }
}

TEST(ReadGraphTest, NamesAllUnsupportedLayersAndCellsAtOnce) {
  const Json model = SequentialJson(
      {InputJson(3), LayerJson("Conv9D", "conv"), Gru(),
       LayerJson("TimeDistributed", "each", {{"layer", LayerJson("Flutter", "flat")}}),
       LayerJson("RNN", "stack",
                 {{"cell", LayerJson("StackedRNNCells", "cells",
                                     {{"cells",
                                       {LayerJson("GRUCell", "known", {{"units", 2}}),
                                        LayerJson("PeepholeCell", "odd")}}})}})});

  EXPECT_THAT(
      InputShapeOf(model),
      StatusIs(absl::StatusCode::kUnimplemented,
               AllOf(HasSubstr("layer 'conv' (Conv9D)"), HasSubstr("layer 'each', layer (Flutter)"),
                     HasSubstr("layer 'stack', cell, cells[1] (PeepholeCell)"),
                     HasSubstr("core/program/PROGRAMS.md"), HasSubstr("core/cells/CUSTOM_CELLS.md"),
                     Not(HasSubstr("GRU"))),
               "LAYER_UNSUPPORTED"));
}

TEST(ReadGraphTest, NamesAnUnsupportedCell) {
  Json cell = LayerJson("LSTMCell", "cell", {{"units", 2}});
  cell["registered_name"] = "mine>LSTMCell";

  EXPECT_THAT(
      InputShapeOf(SequentialJson({InputJson(3), LayerJson("RNN", "rnn", {{"cell", cell}})})),
      StatusIs(absl::StatusCode::kUnimplemented,
               AllOf(HasSubstr("layer 'rnn', cell (mine>LSTMCell)"),
                     HasSubstr("rnnserve>ProgramCell"), HasSubstr("--cell-plugin")),
               "CELL_UNSUPPORTED"));
}

TEST(ReadGraphTest, LooksIntoBothDirections) {
  const Json model = SequentialJson(
      {InputJson(3),
       LayerJson("Bidirectional", "both",
                 {{"layer", Gru()}, {"backward_layer", LayerJson("ConvLSTM9D", "back")}})});

  EXPECT_THAT(InputShapeOf(model), StatusIs(absl::StatusCode::kUnimplemented,
                                            HasSubstr("layer 'both', backward_layer (ConvLSTM9D)"),
                                            "LAYER_UNSUPPORTED"));
}

TEST(ReadGraphTest, RefusesAnotherKindOfModel) {
  EXPECT_THAT(
      InputShapeOf(LayerJson("Subclass", "model")),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("'Subclass'"), "MODEL_UNSUPPORTED"));
}

TEST(ReadGraphTest, RefusesAnotherDtypeOfTheModelAndOfACell) {
  Json model = SequentialJson({InputJson(3), Gru()});
  model["config"]["dtype"] = "int8";
  const Json cell = LayerJson("GRUCell", "cell", {{"units", 2}, {"dtype", "int8_from_float32"}});

  EXPECT_THAT(InputShapeOf(model),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("int8"), "OPTION_UNSUPPORTED"));
  EXPECT_THAT(
      InputShapeOf(SequentialJson({InputJson(3), LayerJson("RNN", "rnn", {{"cell", cell}})})),
      StatusIs(absl::StatusCode::kUnimplemented,
               AllOf(HasSubstr("layer 'rnn', cell"), HasSubstr("int8_from_float32")),
               "OPTION_UNSUPPORTED"));
}

TEST(ReadGraphTest, AcceptsAsManyLayersAsAllowedAndNoMore) {
  std::vector<Json> layers = {InputJson(3)};
  for (int i = 0; i < kLayersMax; ++i) layers.push_back(Gru("gru_" + std::to_string(i)));

  EXPECT_THAT(InputShapeOf(SequentialJson(layers)), IsOk());
  layers.push_back(Gru());
  EXPECT_THAT(InputShapeOf(SequentialJson(layers)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("257 layers; at most 256"),
                       "MODEL_TOO_LARGE"));
}

struct Refused {
  const char* name;
  Json model;
  const char* reason;
  const char* text;
};

class ReadGraphRefusesTest : public ::testing::TestWithParam<Refused> {};

TEST_P(ReadGraphRefusesTest, WithAReason) {
  EXPECT_THAT(InputShapeOf(GetParam().model),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().text),
                       std::string(GetParam().reason)));
}

Json WithInput(Json batch_shape) { return SequentialJson({Input(std::move(batch_shape)), Gru()}); }

Json WithLayer(Json layer) { return SequentialJson({InputJson(3), std::move(layer)}); }

INSTANTIATE_TEST_SUITE_P(
    , ReadGraphRefusesTest,
    Values(
        Refused{"NoLayers", LayerJson("Sequential", "m"), "MODEL_CONFIG", "'layers' is null"},
        Refused{"OnlyAnInput", SequentialJson({InputJson(3)}), "MODEL_CONFIG", "no layers"},
        Refused{"LayerIsANumber", SequentialJson({InputJson(3), 7}), "MODEL_CONFIG", "layers[1]"},
        Refused{"NoInput", SequentialJson({Gru(), Gru("b")}), "MODEL_CONFIG",
                "layer 'gru': the first layer is a GRU"},
        Refused{"NoBatchShape", SequentialJson({LayerJson("InputLayer", "x"), Gru()}),
                "MODEL_CONFIG", "layer 'x': 'batch_shape' is null"},
        Refused{"BatchShapeOfOneAxis", WithInput({nullptr}), "MODEL_CONFIG",
                "'batch_shape' is [null]"},
        Refused{"UnknownFeatures", WithInput({nullptr, nullptr, nullptr}), "MODEL_CONFIG",
                "extent 2 must be a number"},
        Refused{"NoFeatures", WithInput({nullptr, nullptr, 0}), "MODEL_CONFIG", "extent 2"},
        Refused{"NegativeFeatures", WithInput({nullptr, nullptr, -12}), "MODEL_CONFIG", "extent 2"},
        Refused{"FractionalFeatures", WithInput({nullptr, nullptr, 1.5}), "MODEL_CONFIG",
                "extent 2"},
        Refused{"TooManyFeatures", WithInput({nullptr, nullptr, 1 << 20, 2}), "MODEL_TOO_LARGE",
                "more than 1048576 values"},
        Refused{"FeaturesOverflow",
                WithInput({nullptr, nullptr, 18446744073709551615u, 18446744073709551615u}),
                "MODEL_TOO_LARGE", "more than 1048576 values"},
        Refused{"NoName", WithLayer(LayerJson("GRU", "", {{"units", 2}})), "MODEL_CONFIG",
                "no name"},
        Refused{"LongName", WithLayer(Gru(std::string(257, 'n'))), "MODEL_CONFIG",
                "257 bytes; at most 256"},
        Refused{"ControlCharacterInName", WithLayer(Gru("a\nb")), "MODEL_CONFIG",
                "control character"},
        Refused{"NameTwice", SequentialJson({InputJson(3), Gru(), Gru()}), "MODEL_CONFIG",
                "layer 'gru': two layers have this name"},
        Refused{"TooManyUnits", WithLayer(LayerJson("GRU", "gru", {{"units", (1 << 20) + 1}})),
                "MODEL_TOO_LARGE", "layer 'gru': 'units' is 1048577; at most 1048576"},
        Refused{"NegativeUnits", WithLayer(LayerJson("GRU", "gru", {{"units", -1}})),
                "MODEL_CONFIG", "'units' is -1"},
        Refused{"TooManyTokens",
                WithLayer(LayerJson("Embedding", "e",
                                    {{"input_dim", (1 << 24) + 1}, {"output_dim", 2}})),
                "MODEL_TOO_LARGE", "'input_dim' is 16777217; at most 16777216"},
        Refused{"CellIsAString", WithLayer(LayerJson("RNN", "rnn", {{"cell", "GRUCell"}})),
                "MODEL_CONFIG", "'cell' is \"GRUCell\""}),
    [](const auto& tested) { return std::string(tested.param.name); });

class ReadGraphInputOptionTest : public ::testing::TestWithParam<Json> {};

TEST_P(ReadGraphInputOptionTest, IsUnsupported) {
  EXPECT_THAT(
      InputShapeOf(SequentialJson({Input({nullptr, nullptr, 3}, GetParam()), Gru()})),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("layer 'x'"), "OPTION_UNSUPPORTED"));
}

INSTANTIATE_TEST_SUITE_P(, ReadGraphInputOptionTest,
                         Values(Json{{"sparse", true}}, Json{{"ragged", true}},
                                Json{{"dtype", "int32"}}, Json{{"dtype", "string"}}));

}  // namespace
}  // namespace rnnserve::testing
