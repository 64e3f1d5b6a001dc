// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/test_models.h"

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/keras/keras_config.h"
#include "core/layers/layer_registry.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

using Json = nlohmann::json;

// Provides every weight that is requested, with values made from its name. Owns the weights.
class AnyWeights final : public WeightSource {
 public:
  absl::StatusOr<absl::Span<const float>> Weight(absl::string_view name,
                                                 const Shape& shape) override {
    // FNV-1a, because std::hash differs between libraries.
    uint32_t seed = 2166136261u;
    for (const char c : name) seed = (seed ^ static_cast<unsigned char>(c)) * 16777619u;
    weights_.AddRandom(std::string(name), shape, seed, 0.8f);
    return weights_.Weight(name, shape);
  }

 private:
  WeightMap weights_;
};

Json Layer(const std::string& class_name, const std::string& name, Json config) {
  config["name"] = name;
  return {{"class_name", class_name}, {"config", std::move(config)}};
}

Json Input(Json batch_shape, const std::string& dtype = "float32") {
  return Layer("InputLayer", "input", {{"batch_shape", std::move(batch_shape)}, {"dtype", dtype}});
}

// Returns the layer h := 2 h + x and adds its weights to `weights`.
Json DoublingLayer(const std::string& name, bool return_sequences, WeightMap& weights) {
  weights.Add(name + "/kernel", {1, 1}, {1.0f});
  weights.Add(name + "/recurrent_kernel", {1, 1}, {2.0f});
  return Layer("SimpleRNN", name,
               {{"units", 1},
                {"activation", "linear"},
                {"use_bias", false},
                {"return_sequences", return_sequences}});
}

ModelPtr Build(const std::vector<Json>& layers, WeightSource& weights,
               const std::string& digest = "test") {
  const Json model = {{"class_name", "Sequential"},
                      {"config", {{"name", "test"}, {"layers", layers}}}};
  auto built =
      Model::Create(KerasConfig(model, "model 'test'"), weights, LayerRegistry::BuiltIn(), digest);
  if (!built.ok()) {
    std::cerr << built.status() << std::endl;
    std::abort();
  }
  return *std::move(built);
}

Json InputNamed(const std::string& name, Json batch_shape) {
  return Layer("InputLayer", name, {{"batch_shape", std::move(batch_shape)}, {"dtype", "float32"}});
}

// Returns a reference to the first output of the first call of a layer.
Json TensorOf(const std::string& layer) {
  return {{"class_name", "__keras_tensor__"}, {"config", {{"keras_history", {layer, 0, 0}}}}};
}

// Returns the layer with a call that has these arguments.
Json Called(Json layer, Json args, Json kwargs = Json::object()) {
  layer["inbound_nodes"].push_back({{"args", std::move(args)}, {"kwargs", std::move(kwargs)}});
  return layer;
}

// Builds a Functional with these inputs; each output is [layer, call, tensor].
ModelPtr BuildFunctional(const std::vector<Json>& layers, const std::vector<std::string>& inputs,
                         const std::vector<Json>& outputs, WeightSource& weights,
                         const std::string& digest) {
  Json input_layers = Json::array();
  for (const std::string& input : inputs) input_layers.push_back({input, 0, 0});
  const Json model = {{"class_name", "Functional"},
                      {"config",
                       {{"name", "test"},
                        {"layers", layers},
                        {"input_layers", input_layers},
                        {"output_layers", outputs}}}};
  auto built =
      Model::Create(KerasConfig(model, "model 'test'"), weights, LayerRegistry::BuiltIn(), digest);
  if (!built.ok()) {
    std::cerr << built.status() << std::endl;
    std::abort();
  }
  return *std::move(built);
}

ModelPtr BuildAny(const std::vector<Json>& layers) {
  AnyWeights weights;
  return Build(layers, weights);
}

}  // namespace

ModelPtr DoublingModel(bool return_sequences) {
  WeightMap weights;
  return Build({Input({nullptr, nullptr, 1}), DoublingLayer("sum", return_sequences, weights)},
               weights);
}

ModelPtr BoundedDoublingModel() {
  WeightMap weights;
  return Build({Input({nullptr, nullptr, 1}), DoublingLayer("sum", true, weights),
                Layer("Activation", "bounded", {{"activation", "hard_sigmoid"}})},
               weights);
}

ModelPtr VersionModel(int version) {
  WeightMap weights;
  std::vector<Json> layers = {Input({nullptr, nullptr, 1})};
  for (int i = 1; i <= version; ++i) {
    layers.push_back(DoublingLayer(absl::StrCat("sum", i), true, weights));
  }
  return Build(layers, weights, std::string(64, static_cast<char>('0' + version)));
}

ModelPtr ClassifierModel() {
  return BuildAny({Input({nullptr, nullptr, 2}),
                   Layer("Masking", "masking", {{"mask_value", -1.0}}),
                   Layer("LSTM", "lstm", {{"units", 3}}),
                   Layer("Dense", "dense", {{"units", 2}, {"activation", "softmax"}})});
}

ModelPtr ForecasterModel() {
  return BuildAny({Input({nullptr, nullptr, 2}),
                   Layer("GRU", "first", {{"units", 3}, {"return_sequences", true}}),
                   Layer("GRU", "second", {{"units", 20}, {"return_sequences", true}}),
                   Layer("Dense", "dense", {{"units", 1}})});
}

ModelPtr LargeModel() {
  return BuildAny({Input({nullptr, nullptr, 2}),
                   Layer("GRU", "gru", {{"units", 300}, {"return_sequences", true}}),
                   Layer("Dense", "dense", {{"units", 1}})});
}

ModelPtr StackedGruModel(int64_t units) {
  return BuildAny({Input({nullptr, nullptr, units}),
                   Layer("GRU", "first", {{"units", units}, {"return_sequences", true}}),
                   Layer("GRU", "second", {{"units", units}, {"return_sequences", true}}),
                   Layer("Dense", "dense", {{"units", units}})});
}

ModelPtr TokenModel() {
  return BuildAny(
      {Input({nullptr, nullptr}, "int32"),
       Layer("Embedding", "embedding", {{"input_dim", 5}, {"output_dim", 3}, {"mask_zero", true}}),
       Layer("LSTM", "lstm", {{"units", 4}, {"return_sequences", true}}),
       Layer("Dense", "dense", {{"units", 2}})});
}

ModelPtr GruModel(int64_t units) {
  return BuildAny({Input({nullptr, nullptr, units}),
                   Layer("GRU", "gru", {{"units", units}, {"return_sequences", true}})});
}

ModelPtr DropoutModel() {
  return BuildAny({Input({nullptr, nullptr, 2}),
                   Layer("LSTM", "lstm",
                         {{"units", 8},
                          {"return_sequences", true},
                          {"dropout", 0.3},
                          {"recurrent_dropout", 0.3}}),
                   Layer("Dropout", "first", {{"rate", 0.5}}),
                   Layer("Dropout", "second", {{"rate", 0.5}}),
                   Layer("Dense", "dense", {{"units", 3}})});
}

ModelPtr NormalizedModel() {
  WeightMap weights;
  for (const char* name : {"gamma", "beta", "moving_mean", "moving_variance"}) {
    weights.AddConstant(std::string("norm/") + name, {2}, 1.0f);
  }
  return Build({Input({nullptr, nullptr, 2}), Layer("BatchNormalization", "norm", Json::object())},
               weights);
}

ModelPtr PairModel() {
  WeightMap weights;
  weights.Add("ten/kernel", {1, 1}, {10});
  return BuildFunctional(
      {InputNamed("a", {nullptr, nullptr, 1}), InputNamed("b", {nullptr, nullptr, 1}),
       InputNamed("c", {nullptr, 1}),
       Called(Layer("Add", "total", Json::object()),
              Json::array({Json::array({TensorOf("a"), TensorOf("b"), TensorOf("c")})})),
       Called(DoublingLayer("sum", true, weights), Json::array({TensorOf("total")})),
       Called(DoublingLayer("last", false, weights), Json::array({TensorOf("a")})),
       Called(Layer("Dense", "ten", {{"units", 1}, {"use_bias", false}}),
              Json::array({TensorOf("last")}))},
      {"a", "b", "c"}, {{"sum", 0, 0}, {"ten", 0, 0}}, weights, std::string(64, 'a'));
}

ModelPtr DecoderModel() {
  WeightMap weights;
  Json rnn = DoublingLayer("rnn", true, weights);
  rnn["config"]["return_state"] = true;
  return BuildFunctional(
      {InputNamed("x", {nullptr, nullptr, 1}), InputNamed("h", {nullptr, 1}),
       Called(std::move(rnn), Json::array({TensorOf("x")}), {{"initial_state", {TensorOf("h")}}})},
      {"x", "h"}, {{"rnn", 0, 0}, {"rnn", 0, 1}}, weights, std::string(64, 'b'));
}

ModelPtr BidirectionalModel() {
  return BuildAny(
      {Input({nullptr, nullptr, 2}),
       Layer("Bidirectional", "both",
             {{"layer", Layer("GRU", "gru", {{"units", 3}, {"return_sequences", true}})}})});
}

}  // namespace rnnserve::testing
