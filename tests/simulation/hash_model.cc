// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/hash_model.h"

#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/keras/keras_config.h"
#include "core/layers/layer_registry.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

using Json = nlohmann::json;

// Owns nothing. Immutable; safe to share.
class HashCell final : public Cell {
 public:
  HashCell() : Cell({.input = {1}, .output = {1}, .states = {{"h", {1}}}, .constants = {}}) {}

  int64_t num_parameters() const override { return 0; }

  void Step(const CellStep& step) const override {
    for (int64_t b = 0; b < step.x.cols; ++b) {
      const auto state = static_cast<uint32_t>(step.state[0].column(b)[0]);
      const auto input = static_cast<uint32_t>(step.x.column(b)[0]);
      const auto next = static_cast<float>(NextHash(state, input));
      step.y.column(b)[0] = next;
      step.next_state[0].column(b)[0] = next;
    }
  }
};

Json Layer(const std::string& class_name, const std::string& name, Json config = Json::object()) {
  config["name"] = name;
  return {{"class_name", class_name}, {"config", std::move(config)}};
}

Json Input(const std::string& name) {
  return Layer("InputLayer", name, {{"batch_shape", {nullptr, nullptr, 1}}, {"dtype", "float32"}});
}

Json HashLayer() {
  return Layer("RNN", "hash", {{"cell", Layer("HashCell", "cell")}, {"return_sequences", true}});
}

// Returns an Add of the outputs of these layers.
Json Sum(const std::string& name, const std::vector<std::string>& layers) {
  Json terms = Json::array();
  for (const std::string& layer : layers) {
    terms.push_back(
        {{"class_name", "__keras_tensor__"}, {"config", {{"keras_history", {layer, 0, 0}}}}});
  }
  Json sum = Layer("Add", name);
  sum["inbound_nodes"].push_back(
      {{"args", Json::array({std::move(terms)})}, {"kwargs", Json::object()}});
  return sum;
}

std::shared_ptr<const Model> Build(const Json& model, const std::string& digest) {
  CellRegistry cells = CellRegistry::BuiltIn();
  cells.Register("HashCell",
                 [](const CellRegistry&, const KerasConfig&, const Shape&,
                    WeightSource&) -> absl::StatusOr<std::unique_ptr<Cell>> {
                   return std::make_unique<HashCell>();
                 });
  WeightMap weights;
  auto built = Model::Create(KerasConfig(model, "model 'hash'"), weights,
                             LayerRegistry::BuiltIn(std::move(cells)), digest);
  if (!built.ok()) {
    std::cerr << built.status() << std::endl;
    std::abort();
  }
  return *std::move(built);
}

std::shared_ptr<const Model> BuildPair() {
  Json hash = HashLayer();
  hash["inbound_nodes"] = Sum("", {"total"})["inbound_nodes"];
  hash["inbound_nodes"][0]["args"] = hash["inbound_nodes"][0]["args"][0];
  const Json layers = {Input("a"), Input("b"), Sum("total", {"a", "b", "b"}), std::move(hash),
                       Sum("twice", {"hash", "hash"})};
  const auto tensor = [](const char* layer) { return Json::array({layer, 0, 0}); };
  return Build({{"class_name", "Functional"},
                {"config",
                 {{"name", "hash"},
                  {"layers", layers},
                  {"input_layers", Json::array({tensor("a"), tensor("b")})},
                  {"output_layers", Json::array({tensor("hash"), tensor("twice")})}}}},
               std::string(64, 'c'));
}

}  // namespace

uint32_t NextHash(uint32_t state, uint32_t input) { return (state * 31 + input * 7 + 3) % 65521; }

std::shared_ptr<const Model> HashModel() {
  static const std::shared_ptr<const Model> model =
      Build({{"class_name", "Sequential"},
             {"config", {{"name", "hash"}, {"layers", {Input("input"), HashLayer()}}}}},
            "hash");
  return model;
}

std::shared_ptr<const Model> HashPairModel() {
  static const std::shared_ptr<const Model> model = BuildPair();
  return model;
}

}  // namespace rnnserve::testing
