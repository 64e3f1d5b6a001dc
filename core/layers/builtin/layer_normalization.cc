// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

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

// keras.layers.LayerNormalization, applied to each vector along the last axis, with any shape:
//
//   y = (x - mean) / sqrt(variance + epsilon) * gamma + beta          variance: of the population
//   y = x / sqrt(variance + epsilon) * gamma                          with rms_scaling
//
// Weights: "gamma" [features] if scale or rms_scaling, "beta" [features] if center and not
// rms_scaling. Mean and variance are computed in float64. Owns its weights. Immutable; safe to
// share.
class LayerNormalization final : public LastAxisLayer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  int64_t num_parameters() const override { return num_parameters_; }

 private:
  struct Options {
    double epsilon = 0.0;
    bool center = false;
    bool scale = false;
    bool rms_scaling = false;
  };

  static absl::StatusOr<Options> ParseOptions(const KerasConfig& config);

  LayerNormalization(const KerasConfig& config, const ValueSpec& input, const Options& options);

  void Apply(ConstColumns x, Columns y, Team* team) const override;

  const Options options_;
  AlignedBuffer gamma_;  // ones if there is none
  AlignedBuffer beta_;   // zeros if there is none
  int64_t num_parameters_ = 0;
};

LayerNormalization::LayerNormalization(const KerasConfig& config, const ValueSpec& input,
                                       const Options& options)
    : LastAxisLayer(config, input, input),
      options_(options),
      gamma_(input.shape[input.shape.rank() - 1]),
      beta_(gamma_.size()) {
  std::fill_n(gamma_.data(), gamma_.size(), 1.0f);
}

absl::StatusOr<LayerNormalization::Options> LayerNormalization::ParseOptions(
    const KerasConfig& config) {
  Options options;
  RNNSERVE_ASSIGN_OR_RETURN(options.epsilon, config.Number("epsilon", 1e-3));
  if (!(options.epsilon >= 0.0)) {
    return config.Error(absl::StrCat("epsilon must not be negative, found ", options.epsilon));
  }
  RNNSERVE_ASSIGN_OR_RETURN(options.center, config.Bool("center", true));
  RNNSERVE_ASSIGN_OR_RETURN(options.scale, config.Bool("scale", true));
  RNNSERVE_ASSIGN_OR_RETURN(options.rms_scaling, config.Bool("rms_scaling", false));
  return options;
}

absl::StatusOr<std::unique_ptr<Layer>> LayerNormalization::Create(const LayerRegistry& /*registry*/,
                                                                  const KerasConfig& config,
                                                                  const ValueSpec& input,
                                                                  WeightSource& weights) {
  RNNSERVE_ASSIGN_OR_RETURN(const int64_t features, LastExtent(config, input));
  RNNSERVE_RETURN_IF_ERROR(CheckLastAxis(config, input));
  RNNSERVE_ASSIGN_OR_RETURN(const Options options, ParseOptions(config));
  auto layer = absl::WrapUnique(new LayerNormalization(config, input, options));
  if (options.scale || options.rms_scaling) {
    RNNSERVE_ASSIGN_OR_RETURN(const absl::Span<const float> gamma,
                              weights.Weight("gamma", Shape{features}));
    layer->gamma_ = AlignedBuffer::CopyFrom(gamma);
    layer->num_parameters_ += features;
  }
  if (options.center && !options.rms_scaling) {
    RNNSERVE_ASSIGN_OR_RETURN(const absl::Span<const float> beta,
                              weights.Weight("beta", Shape{features}));
    layer->beta_ = AlignedBuffer::CopyFrom(beta);
    layer->num_parameters_ += features;
  }
  return layer;
}

void LayerNormalization::Apply(ConstColumns x, Columns y, Team* /*team*/) const {
  const Eigen::Map<const Eigen::ArrayXf> gamma(gamma_.data(), x.rows);
  const Eigen::Map<const Eigen::ArrayXf> beta(beta_.data(), x.rows);
  for (int64_t b = 0; b < x.cols; ++b) {
    const auto value = x.vector(b).array().cast<double>();
    const double mean = value.mean();
    const double variance = (value - mean).square().mean();
    const double inverse = 1.0 / std::sqrt(variance + options_.epsilon);
    const double center = options_.rms_scaling ? 0.0 : mean;
    y.vector(b) = ((value - center) * inverse).cast<float>() * gamma + beta;
  }
}

// Returns the variables. With rms_scaling Keras makes gamma whatever `scale` says, and never beta.
absl::StatusOr<std::vector<LayerVariable>> Variables(const KerasConfig& config) {
  RNNSERVE_ASSIGN_OR_RETURN(const bool rms_scaling, config.Bool("rms_scaling", false));
  if (rms_scaling) return std::vector<LayerVariable>{{"gamma"}};
  return std::vector<LayerVariable>{{"gamma", "scale"}, {"beta", "center"}};
}

}  // namespace

void RegisterLayerNormalization(LayerRegistry& registry) {
  registry.Register(
      "LayerNormalization", LayerNormalization::Create,
      {.variables = LayerVariables::ChosenBy(Variables), .keras2_mask = Keras2Mask::kPasses});
}

}  // namespace rnnserve
