// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests which factory LayerRegistry uses to build a layer, and what the registry itself refuses.

#include "core/layers/layer_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

// A custom layer that doubles its input. Its class has the name of a built-in one.
class DoublingLayer final : public Layer {
 public:
  DoublingLayer(const KerasConfig& config, const ValueSpec& input) : Layer(config, input) {}

  void Run(const LayerRun& run) const override {
    for (int64_t t = 0; t < run.x.time; ++t) {
      for (int64_t b = 0; b < run.x.batch; ++b) {
        run.y.At(t).padded(b) = 2.0f * run.x.At(t).padded(b);
      }
    }
  }
};

TEST(LayerRegistryTest, PrefersTheRegisteredNameToTheClassName) {
  LayerRegistry registry = LayerRegistry::BuiltIn();
  registry.Register("mine>Dense",
                    [](const auto&, const auto& config, const ValueSpec& input, auto&) {
                      return absl::StatusOr<std::unique_ptr<Layer>>(
                          std::make_unique<DoublingLayer>(config, input));
                    },
                    {.variables = LayerVariables::None()});
  Json object = Object("Dense", {{"units", 1}});
  object["registered_name"] = "mine>Dense";
  WeightMap none;

  const auto layer = registry.Create(KerasConfig(object, "layer 'd'"), Vectors(2), none);

  ASSERT_THAT(layer, IsOk());
  EXPECT_EQ(RunLayer(**layer, {{{1, 2}}}).y(), (Values{{{2, 4}}}));
}

TEST(LayerRegistryTest, NamesAnUnknownLayer) {
  EXPECT_THAT(
      Build(Object("Attention"), Sequences(2)),
      StatusIs(absl::StatusCode::kUnimplemented,
               HasSubstr("layer 'layer': layers of class 'Attention'"), "LAYER_UNSUPPORTED"));
}

TEST(LayerRegistryTest, DoesNotTakeACustomClassForOneOfKeras) {
  Json object = Object("Dropout", {{"rate", 0.5}});
  object["registered_name"] = "theirs>Dropout";

  EXPECT_THAT(
      Build(object, Sequences(2)),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("theirs>Dropout"), "LAYER_UNSUPPORTED"));
}

TEST(LayerRegistryTest, AcceptsFloatingPointPolicies) {
  const Json mixed = {{"class_name", "DTypePolicy"}, {"config", {{"name", "mixed_bfloat16"}}}};
  const Json int8 = {{"class_name", "QuantizedDTypePolicy"},
                     {"config", {{"name", "int8_from_float32"}}}};

  EXPECT_THAT(Build(Object("Identity", {{"dtype", "float32"}}), Sequences(2)), IsOk());
  EXPECT_THAT(Build(Object("Identity", {{"dtype", mixed}}), Sequences(2)), IsOk());
  EXPECT_THAT(Build(Object("Identity", {{"dtype", int8}}), Sequences(2)),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("int8_from_float32"),
                       "OPTION_UNSUPPORTED"));
}

TEST(LayerRegistryTest, OnlyMaskOperationsMayHaveDtypeBool) {
  EXPECT_THAT(Build(Object("ZerosLike", {{"dtype", "bool"}}), Sequences(2)), IsOk());
  EXPECT_THAT(Build(Object("Identity", {{"dtype", "bool"}}), Sequences(2)),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("bool"), "OPTION_UNSUPPORTED"));
}

TEST(LayerRegistryTest, ContainsWhatItBuilds) {
  const LayerRegistry registry = LayerRegistry::BuiltIn();

  EXPECT_TRUE(registry.Contains("LSTM"));
  EXPECT_TRUE(registry.Contains("LeakyReLU"));
  EXPECT_FALSE(registry.Contains("Attention"));
  EXPECT_TRUE(registry.cells().Contains("LSTMCell"));
}

}  // namespace
}  // namespace rnnserve::testing
