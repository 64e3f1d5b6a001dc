// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/layers/layer_registry.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/layers/builtin/builtin_layers.h"

namespace rnnserve {

LayerRegistry LayerRegistry::BuiltIn(CellRegistry cells) {
  LayerRegistry registry(std::move(cells));
  for (const RegisterLayers register_layers : kBuiltInLayers) register_layers(registry);
  return registry;
}

LayerRegistry::LayerRegistry(CellRegistry cells) : cells_(std::move(cells)) {}

void LayerRegistry::Register(std::string name, Factory factory, LayerTraits traits) {
  RegisterMerge(
      std::move(name),
      [factory = std::move(factory)](
          const LayerRegistry& registry, const KerasConfig& config,
          absl::Span<const ValueSpec> inputs,
          WeightSource& weights) -> absl::StatusOr<std::unique_ptr<Layer>> {
        if (inputs.size() != 1) {
          return config.Error(absl::StrCat("the layer reads one input, found ", inputs.size()));
        }
        return factory(registry, config, inputs[0], weights);
      },
      std::move(traits));
}

void LayerRegistry::RegisterMerge(std::string name, MergeFactory factory, LayerTraits traits) {
  entries_.insert_or_assign(std::move(name), Entry{std::move(factory), std::move(traits)});
}

std::vector<std::string> LayerRegistry::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

const LayerTraits* LayerRegistry::TraitsOf(absl::string_view name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : &found->second.traits;
}

absl::StatusOr<std::unique_ptr<Layer>> LayerRegistry::Create(const KerasConfig& config,
                                                             absl::Span<const ValueSpec> inputs,
                                                             WeightSource& weights) const {
  const auto entry = entries_.find(config.registered_name());
  if (entry == entries_.end()) {
    return MakeError(absl::StatusCode::kUnimplemented, "LAYER_UNSUPPORTED",
                     absl::StrCat(config.path(), ": layers of class '", config.registered_name(),
                                  "' are not supported; a step program (rnnserve>Program, "
                                  "core/program/PROGRAMS.md) can take their place"));
  }
  const auto& [factory, traits] = entry->second;
  if (!traits.is_mask_operation) RNNSERVE_RETURN_IF_ERROR(config.CheckDtypePolicy());
  return factory(*this, config, inputs, weights);
}

}  // namespace rnnserve
