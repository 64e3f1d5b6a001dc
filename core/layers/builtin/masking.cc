// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/memory/memory.h"
#include "absl/status/statusor.h"
#include "core/base/status_macros.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/builtin/builtin_layers.h"
#include "core/layers/layer.h"
#include "core/layers/layer_config.h"
#include "core/layers/layer_registry.h"

namespace rnnserve {
namespace {

// keras.layers.Masking, [features] -> [features]: masks the timesteps whose features all equal
// mask_value, and sets them to zeros. The new mask replaces the mask of the input. The comparison
// is exact, in float32. Immutable; safe to share.
class Masking final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  void Run(const LayerRun& run) const override;
  Mask OutputMask(const LayerRun& run, uint8_t* buffer) const override;

 private:
  Masking(const KerasConfig& config, ValueSpec output, float mask_value);

  // Returns whether the timestep in column b counts.
  bool Counts(ConstColumns x, int64_t b) const;

  const float mask_value_;
};

// Returns mask_value. If it was given as a tensor, Keras writes it as {"class_name": "__tensor__"
// or "__numpy__", "config": {"value": ...}}.
absl::StatusOr<float> MaskValue(const KerasConfig& config) {
  const nlohmann::json& raw = config.Raw("mask_value");
  if (raw.is_object() && raw.contains("config") && raw["config"].is_object() &&
      raw["config"].contains("value") && raw["config"]["value"].is_number()) {
    return raw["config"]["value"].get<float>();
  }
  RNNSERVE_ASSIGN_OR_RETURN(const double value, config.Number("mask_value", 0.0));
  return static_cast<float>(value);
}

Masking::Masking(const KerasConfig& config, ValueSpec output, float mask_value)
    : Layer(config, std::move(output)), mask_value_(mask_value) {}

absl::StatusOr<std::unique_ptr<Layer>> Masking::Create(const LayerRegistry& /*registry*/,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& /*weights*/) {
  RNNSERVE_RETURN_IF_ERROR(NumSequenceFeatures(config, input).status());
  RNNSERVE_ASSIGN_OR_RETURN(const float mask_value, MaskValue(config));
  return absl::WrapUnique(new Masking(config, input, mask_value));
}

bool Masking::Counts(ConstColumns x, int64_t b) const {
  return (x.vector(b).array() != mask_value_).any();
}

void Masking::Run(const LayerRun& run) const {
  for (int64_t t = 0; t < run.x.time; ++t) {
    const ConstColumns x = run.x.At(t);
    const Columns y = run.y.At(t);
    for (int64_t b = 0; b < x.cols; ++b) {
      if (Counts(x, b)) {
        y.padded(b) = x.padded(b);
      } else {
        y.padded(b).setZero();
      }
    }
  }
}

Mask Masking::OutputMask(const LayerRun& run, uint8_t* buffer) const {
  const ConstSequence& x = run.x;
  for (int64_t b = 0; b < x.batch; ++b) {
    for (int64_t t = 0; t < x.time; ++t) buffer[b * x.time + t] = Counts(x.At(t), b) ? 1 : 0;
  }
  return {buffer, x.time, 1};
}

}  // namespace

void RegisterMasking(LayerRegistry& registry) {
  registry.Register(
      "Masking", Masking::Create,
      {.variables = LayerVariables::None(), .keras2_mask = Keras2Mask::kNotMaskValue});
}

}  // namespace rnnserve
