// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/hash_model.h"

#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
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

std::shared_ptr<const Model> Build() {
  CellRegistry cells = CellRegistry::BuiltIn();
  cells.Register("HashCell",
                 [](const CellRegistry&, const KerasConfig&, const Shape&,
                    WeightSource&) -> absl::StatusOr<std::unique_ptr<Cell>> {
                   return std::make_unique<HashCell>();
                 });
  const Json cell = {{"class_name", "HashCell"}, {"config", {{"name", "cell"}}}};
  const Json input = {
      {"class_name", "InputLayer"},
      {"config",
       {{"name", "input"}, {"batch_shape", {nullptr, nullptr, 1}}, {"dtype", "float32"}}}};
  const Json layer = {{"class_name", "RNN"},
                      {"config", {{"name", "hash"}, {"cell", cell}, {"return_sequences", true}}}};
  const Json model = {{"class_name", "Sequential"},
                      {"config", {{"name", "hash"}, {"layers", {input, layer}}}}};
  WeightMap weights;
  auto built = Model::Create(KerasConfig(model, "model 'hash'"), weights,
                             LayerRegistry::BuiltIn(std::move(cells)), "hash");
  if (!built.ok()) {
    std::cerr << built.status() << std::endl;
    std::abort();
  }
  return *std::move(built);
}

}  // namespace

uint32_t NextHash(uint32_t state, uint32_t input) { return (state * 31 + input * 7 + 3) % 65521; }

std::shared_ptr<const Model> HashModel() {
  static const std::shared_ptr<const Model> model = Build();
  return model;
}

}  // namespace rnnserve::testing
