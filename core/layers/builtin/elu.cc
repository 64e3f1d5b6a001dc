// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cmath>
#include <memory>
#include <string>

#include "absl/memory/memory.h"
#include "absl/status/statusor.h"
#include "core/base/status_macros.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/builtin/builtin_layers.h"
#include "core/layers/layer_registry.h"
#include "core/layers/pointwise_layer.h"

namespace rnnserve {
namespace {

// keras.layers.ELU, for each element, with any shape:
//
//   y = x if x > 0, else alpha * (exp(x) - 1)
//
// Immutable; safe to share.
class Elu final : public PointwiseLayer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

 private:
  Elu(const KerasConfig& config, ValueSpec output, float alpha);

  void Apply(ConstColumns x, Columns y) const override;

  const float alpha_;
};

Elu::Elu(const KerasConfig& config, ValueSpec output, float alpha)
    : PointwiseLayer(config, std::move(output)), alpha_(alpha) {}

absl::StatusOr<std::unique_ptr<Layer>> Elu::Create(const LayerRegistry& /*registry*/,
                                                   const KerasConfig& config,
                                                   const ValueSpec& input,
                                                   WeightSource& /*weights*/) {
  RNNSERVE_ASSIGN_OR_RETURN(const double alpha, config.Number("alpha", 1.0));
  return absl::WrapUnique(new Elu(config, input, static_cast<float>(alpha)));
}

void Elu::Apply(ConstColumns x, Columns y) const {
  for (int64_t b = 0; b < x.cols; ++b) {
    y.vector(b) = x.vector(b).unaryExpr(
        [this](float value) { return value > 0.0f ? value : alpha_ * std::expm1(value); });
  }
}

}  // namespace

void RegisterElu(LayerRegistry& registry) {
  registry.Register("ELU", Elu::Create,
                    {.variables = LayerVariables::None(), .keras2_mask = Keras2Mask::kPasses});
}

}  // namespace rnnserve
