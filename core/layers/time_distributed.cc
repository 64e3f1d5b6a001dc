// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/layers/time_distributed.h"

#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/layers/layer_config.h"
#include "core/layers/layer_registry.h"

namespace rnnserve {

TimeDistributed::TimeDistributed(const KerasConfig& config, ValueSpec output,
                                 std::unique_ptr<Layer> layer)
    : Layer(config, std::move(output)), layer_(std::move(layer)) {}

absl::StatusOr<std::unique_ptr<Layer>> TimeDistributed::Create(const LayerRegistry& registry,
                                                               const KerasConfig& config,
                                                               const ValueSpec& input,
                                                               WeightSource& weights) {
  RNNSERVE_RETURN_IF_ERROR(NumSequenceFeatures(config, input).status());
  RNNSERVE_ASSIGN_OR_RETURN(const KerasConfig inner, config.Object("layer"));
  ScopedWeights inner_weights(weights, "layer");
  RNNSERVE_ASSIGN_OR_RETURN(std::unique_ptr<Layer> layer,
                            registry.Create(inner, ValueSpec{input.shape, false}, inner_weights));
  if (layer->state_size() != 0 || layer->reads_token_ids()) {
    return config.Unsupported(absl::StrCat("a ", layer->class_name(), " layer inside is not ",
                                           "supported; only layers without states are"));
  }
  return absl::WrapUnique(
      new TimeDistributed(config, input.WithShape(layer->output().shape), std::move(layer)));
}

}  // namespace rnnserve
