// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <string>

#include "absl/memory/memory.h"
#include "absl/status/statusor.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/builtin/builtin_layers.h"
#include "core/layers/layer_registry.h"
#include "core/layers/pointwise_layer.h"

namespace rnnserve {
namespace {

// keras.layers.Identity, y = x, and ActivityRegularization, which computes the same and only adds
// to the loss. Immutable; safe to share.
class Identity final : public PointwiseLayer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

 private:
  Identity(const KerasConfig& config, ValueSpec output);

  void Apply(ConstColumns x, Columns y) const override;
};

Identity::Identity(const KerasConfig& config, ValueSpec output)
    : PointwiseLayer(config, std::move(output)) {}

absl::StatusOr<std::unique_ptr<Layer>> Identity::Create(const LayerRegistry& /*registry*/,
                                                        const KerasConfig& config,
                                                        const ValueSpec& input,
                                                        WeightSource& /*weights*/) {
  return absl::WrapUnique(new Identity(config, input));
}

void Identity::Apply(ConstColumns x, Columns y) const { Copy(x, y); }

}  // namespace

void RegisterIdentity(LayerRegistry& registry) {
  registry.Register("Identity", Identity::Create, {.variables = LayerVariables::None()});
  registry.Register("ActivityRegularization", Identity::Create,
                    {.variables = LayerVariables::None(), .keras2_mask = Keras2Mask::kPasses});
}

}  // namespace rnnserve
