// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that the traits of the built-in layer classes are true, and how options change them.

#include "core/layers/layer_traits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "core/layers/layer_registry.h"
#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAreArray;

// Returns zeros for every weight and records its name.
class RecordingWeights final : public WeightSource {
 public:
  absl::StatusOr<absl::Span<const float>> Weight(absl::string_view name,
                                                 const Shape& shape) override {
    names_.emplace_back(name);
    values_.emplace_back(static_cast<size_t>(shape.NumElements().value()));
    return absl::MakeConstSpan(values_.back());
  }

  const std::vector<std::string>& names() const { return names_; }

 private:
  std::vector<std::string> names_;
  std::deque<std::vector<float>> values_;
};

std::vector<std::string> MadeFor(const LayerVariables& variables, const Json& object) {
  std::vector<std::string> names;
  const auto made = variables.MadeFor(KerasConfig(object, "layer 'layer'"));
  for (const LayerVariable& variable : made.value()) names.push_back(variable.name);
  return names;
}

// Returns the weights of the layer according to its traits.
std::vector<std::string> StatedVariables(const LayerRegistry& registry, const Json& object) {
  const LayerTraits& traits = *registry.TraitsOf(object["class_name"].get<std::string>());
  if (traits.cell.empty()) return MadeFor(traits.variables, object);
  return registry.cells().VariableNames(traits.cell, KerasConfig(object, "layer 'layer'")).value();
}

// Returns the weights that the layer requests when it is built. Classes accept different inputs, so
// this builds the layer for the first candidate that it accepts.
std::vector<std::string> ReadVariables(const LayerRegistry& registry, const Json& object) {
  const std::vector<std::vector<ValueSpec>> candidates = {
      {Vectors(2)},
      {Sequences(2)},
      {TokenIds()},
      {Vectors(2), Vectors(2)},
      {Sequences(4, Shape{4, 2})},
      {Sequences(4, Shape{4, 4, 2})},
      {Sequences(4, Shape{4, 4, 4, 2})},
  };
  for (const std::vector<ValueSpec>& inputs : candidates) {
    RecordingWeights weights;
    if (registry.Create(KerasConfig(object, "layer 'layer'"), inputs, weights).ok()) {
      return weights.names();
    }
  }
  ADD_FAILURE() << object.dump() << " cannot be built for any of the inputs here";
  return {};
}

TEST(LayerTraitsTest, StateTheWeightsThatEveryBuiltInLayerReads) {
  const LayerRegistry registry = LayerRegistry::BuiltIn();
  // The config has all options that any class requires.
  const Json config = {{"units", 2},          {"filters", 2},    {"kernel_size", 1},
                       {"input_dim", 3},      {"output_dim", 2}, {"n", 2},
                       {"groups", 1},         {"dims", {1}},     {"axis", -1},
                       {"target_shape", {2}}, {"axes", -1},      {"value", 0}};

  for (const std::string& name : registry.Names()) {
    // The weights of a layer with parts are those that the parts state.
    if (!registry.TraitsOf(name)->parts.empty()) continue;
    // The program states its weights itself.
    if (name == kProgramLayer) continue;
    const Json object = Object(name, config);
    EXPECT_THAT(ReadVariables(registry, object),
                UnorderedElementsAreArray(StatedVariables(registry, object)))
        << name;
  }
}

TEST(LayerTraitsTest, LeaveOutWhatAnOptionTurnsOff) {
  const LayerRegistry registry = LayerRegistry::BuiltIn();
  const auto stated = [&](const std::string& name, const Json& config) {
    return StatedVariables(registry, Object(name, config));
  };

  EXPECT_THAT(stated("Dense", {{"use_bias", false}}), ElementsAre("kernel"));
  EXPECT_THAT(stated("LSTM", {{"use_bias", false}}), ElementsAre("kernel", "recurrent_kernel"));
  EXPECT_THAT(stated("LayerNormalization", {{"scale", false}}), ElementsAre("beta"));
  EXPECT_THAT(stated("LayerNormalization", {{"scale", false}, {"rms_scaling", true}}),
              ElementsAre("gamma"));
  EXPECT_THAT(stated("BatchNormalization", {{"center", false}, {"renorm", true}}),
              ElementsAre("gamma", "moving_mean", "moving_variance", "moving_stddev", "renorm_mean",
                          "renorm_stddev"));
}

TEST(LayerTraitsTest, NoneHasNoVariables) {
  EXPECT_THAT(MadeFor(LayerVariables::None(), Object("Dropout")), IsEmpty());
}

TEST(LayerTraitsTest, RefuseAnOptionThatIsNotABoolean) {
  const Json object = Object("Dense", {{"use_bias", "yes"}});

  EXPECT_THAT(
      LayerVariables::Of({{"bias", "use_bias"}}).MadeFor(KerasConfig(object, "layer 'd'")),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'use_bias'"), "MODEL_CONFIG"));
}

}  // namespace
}  // namespace rnnserve::testing
