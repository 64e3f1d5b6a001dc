// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/base/aligned_buffer.h"
#include "core/base/status_macros.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/builtin/builtin_layers.h"
#include "core/layers/last_axis_layer.h"
#include "core/layers/layer_config.h"
#include "core/layers/layer_registry.h"

namespace rnnserve {
namespace {

// Layers that scale each vector along the last axis, with any shape:
//
//   keras.layers.RMSNormalization    y = x / sqrt(mean(x^2) + epsilon) * scale
//   keras.layers.UnitNormalization   y = x / sqrt(sum(x^2)), zeros stay zeros
//
// RMSNormalization has the weight "scale" [features], and its output has no mask, as in Keras.
// UnitNormalization passes the mask on. The sums are computed in float64. Owns its weights.
// Immutable; safe to share.
class VectorNormalization final : public LastAxisLayer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  int64_t num_parameters() const override { return scale_.size(); }
  Mask OutputMask(const LayerRun& run, uint8_t* buffer) const override;

 private:
  VectorNormalization(const KerasConfig& config, const ValueSpec& input, double epsilon,
                      AlignedBuffer scale);

  void Apply(ConstColumns x, Columns y, Team* team) const override;

  const double epsilon_;
  const AlignedBuffer scale_;  // empty for UnitNormalization
};

VectorNormalization::VectorNormalization(const KerasConfig& config, const ValueSpec& input,
                                         double epsilon, AlignedBuffer scale)
    : LastAxisLayer(config, input, input), epsilon_(epsilon), scale_(std::move(scale)) {}

absl::StatusOr<std::unique_ptr<Layer>> VectorNormalization::Create(
    const LayerRegistry& /*registry*/, const KerasConfig& config, const ValueSpec& input,
    WeightSource& weights) {
  RNNSERVE_RETURN_IF_ERROR(CheckLastAxis(config, input));
  RNNSERVE_ASSIGN_OR_RETURN(const int64_t features, LastExtent(config, input));
  double epsilon = 0.0;
  AlignedBuffer scale;
  if (config.class_name() == "RMSNormalization") {
    RNNSERVE_ASSIGN_OR_RETURN(epsilon, config.Number("epsilon", 1e-6));
    if (!(epsilon >= 0.0)) {
      return config.Error(absl::StrCat("epsilon must not be negative, found ", epsilon));
    }
    RNNSERVE_ASSIGN_OR_RETURN(const absl::Span<const float> weight,
                              weights.Weight("scale", Shape{features}));
    scale = AlignedBuffer::CopyFrom(weight);
  }
  return absl::WrapUnique(new VectorNormalization(config, input, epsilon, std::move(scale)));
}

void VectorNormalization::Apply(ConstColumns x, Columns y, Team* /*team*/) const {
  // The factor for a vector of zeros: Keras divides by a norm of at least 1e-12.
  constexpr double kLargestInverseNorm = 1e12;
  const Eigen::Map<const Eigen::ArrayXf> scale(scale_.data(), scale_.size());
  for (int64_t b = 0; b < x.cols; ++b) {
    const auto value = x.vector(b).array().cast<double>();
    if (scale_.size() == 0) {
      const double inverse = std::min(1.0 / std::sqrt(value.square().sum()), kLargestInverseNorm);
      y.vector(b) = (value * inverse).cast<float>();
    } else {
      const double inverse = 1.0 / std::sqrt(value.square().mean() + epsilon_);
      y.vector(b) = (value * inverse).cast<float>() * scale;
    }
  }
}

Mask VectorNormalization::OutputMask(const LayerRun& run, uint8_t* /*buffer*/) const {
  return scale_.size() == 0 ? run.mask : Mask{};
}

}  // namespace

void RegisterVectorNormalization(LayerRegistry& registry) {
  registry.Register("RMSNormalization", VectorNormalization::Create,
                    {.variables = LayerVariables::Of({{"scale"}})});
  registry.Register("UnitNormalization", VectorNormalization::Create,
                    {.variables = LayerVariables::None(), .keras2_mask = Keras2Mask::kPasses});
}

}  // namespace rnnserve
