// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/layers/layer_registry.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/layers/activation_layer.h"
#include "core/layers/bidirectional.h"
#include "core/layers/dense.h"
#include "core/layers/elu.h"
#include "core/layers/embedding.h"
#include "core/layers/identity.h"
#include "core/layers/layer_config.h"
#include "core/layers/layer_normalization.h"
#include "core/layers/masking.h"
#include "core/layers/recurrent_layer.h"
#include "core/layers/relu.h"
#include "core/layers/softmax.h"
#include "core/layers/time_distributed.h"

namespace rnnserve {

LayerRegistry LayerRegistry::BuiltIn(CellRegistry cells) {
  LayerRegistry registry(std::move(cells));
  for (const char* name : {"RNN", "SimpleRNN", "LSTM", "GRU"}) {
    registry.Register(name, RecurrentLayer::Create);
  }
  for (const char* name : {"Identity", "Dropout", "SpatialDropout1D", "GaussianDropout",
                           "GaussianNoise", "AlphaDropout", "ActivityRegularization"}) {
    registry.Register(name, Identity::Create);
  }
  registry.Register("Activation", ActivationLayer::Create);
  registry.Register("Bidirectional", Bidirectional::Create);
  registry.Register("Dense", Dense::Create);
  registry.Register("ELU", Elu::Create);
  registry.Register("Embedding", Embedding::Create);
  registry.Register("LayerNormalization", LayerNormalization::Create);
  registry.Register("LeakyReLU", Relu::Create);
  registry.Register("Masking", Masking::Create);
  registry.Register("ReLU", Relu::Create);
  registry.Register("Softmax", Softmax::Create);
  registry.Register("TimeDistributed", TimeDistributed::Create);
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
  RNNSERVE_RETURN_IF_ERROR(config.RequireFloat32());
  return entry->second(*this, config, inputs, weights);
}

}  // namespace rnnserve
