// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/layers/layer_registry.h"

#include <iterator>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/layers/builtin/builtin_layers.h"

namespace rnnserve {
namespace {

// The operations on masks have the dtype bool, which is none that a layer computes in.
constexpr absl::string_view kMaskOperations[] = {"NotEqual",  "Any",      "LogicalOr",
                                                 "ZerosLike", "OnesLike", "ExpandDims"};

}  // namespace

LayerRegistry LayerRegistry::BuiltIn(CellRegistry cells) {
  LayerRegistry registry(std::move(cells));
  for (const RegisterLayers register_layers : kBuiltInLayers) register_layers(registry);
  return registry;
}

LayerRegistry::LayerRegistry(CellRegistry cells) : cells_(std::move(cells)) {}

void LayerRegistry::Register(std::string name, Factory factory) {
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
      });
}

void LayerRegistry::RegisterMerge(std::string name, MergeFactory factory) {
  factories_.insert_or_assign(std::move(name), std::move(factory));
}

bool LayerRegistry::Contains(absl::string_view name) const { return factories_.contains(name); }

absl::StatusOr<std::unique_ptr<Layer>> LayerRegistry::Create(const KerasConfig& config,
                                                             absl::Span<const ValueSpec> inputs,
                                                             WeightSource& weights) const {
  const auto entry = factories_.find(config.registered_name());
  if (entry == factories_.end()) {
    return MakeError(absl::StatusCode::kUnimplemented, "LAYER_UNSUPPORTED",
                     absl::StrCat(config.path(), ": layers of class '", config.registered_name(),
                                  "' are not supported"));
  }
  if (absl::c_find(kMaskOperations, config.registered_name()) == std::end(kMaskOperations)) {
    RNNSERVE_RETURN_IF_ERROR(config.CheckDtypePolicy());
  }
  return entry->second(*this, config, inputs, weights);
}

}  // namespace rnnserve
