// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "absl/memory/memory.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/builtin/builtin_layers.h"
#include "core/layers/layer_registry.h"
#include "core/layers/pointwise_layer.h"

namespace rnnserve {
namespace {

// keras.layers.ReLU and keras.layers.LeakyReLU, for each element, with any shape:
//
//   y = min(x, max_value)                        if x > threshold
//   y = negative_slope * (x - threshold)         otherwise
//
// LeakyReLU has only the option negative_slope, which is 0.3 by default. Immutable; safe to share.
class Relu final : public PointwiseLayer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

 private:
  struct Options {
    float negative_slope = 0.0f;
    float max_value = 0.0f;  // infinity if there is none
    float threshold = 0.0f;
  };

  static absl::StatusOr<Options> ParseOptions(const KerasConfig& config);

  Relu(const KerasConfig& config, ValueSpec output, const Options& options);

  void Apply(ConstColumns x, Columns y) const override;

  const Options options_;
};

absl::StatusOr<float> NonNegative(const KerasConfig& config, absl::string_view key,
                                  double fallback) {
  RNNSERVE_ASSIGN_OR_RETURN(const double value, config.Number(key, fallback));
  if (value >= 0.0) return static_cast<float>(value);
  return config.Error(absl::StrCat(key, " must not be negative, found ", value));
}

Relu::Relu(const KerasConfig& config, ValueSpec output, const Options& options)
    : PointwiseLayer(config, std::move(output)), options_(options) {}

absl::StatusOr<Relu::Options> Relu::ParseOptions(const KerasConfig& config) {
  constexpr double kNoMaximum = std::numeric_limits<double>::infinity();
  Options options;
  if (config.class_name() == "LeakyReLU") {
    options.max_value = static_cast<float>(kNoMaximum);
    // Keras 2 calls the slope alpha.
    const absl::string_view key = config.Has("alpha") ? "alpha" : "negative_slope";
    RNNSERVE_ASSIGN_OR_RETURN(options.negative_slope, NonNegative(config, key, 0.3));
    return options;
  }
  RNNSERVE_ASSIGN_OR_RETURN(options.negative_slope, NonNegative(config, "negative_slope", 0.0));
  RNNSERVE_ASSIGN_OR_RETURN(options.max_value, NonNegative(config, "max_value", kNoMaximum));
  RNNSERVE_ASSIGN_OR_RETURN(options.threshold, NonNegative(config, "threshold", 0.0));
  return options;
}

absl::StatusOr<std::unique_ptr<Layer>> Relu::Create(const LayerRegistry& /*registry*/,
                                                    const KerasConfig& config,
                                                    const ValueSpec& input,
                                                    WeightSource& /*weights*/) {
  RNNSERVE_ASSIGN_OR_RETURN(const Options options, ParseOptions(config));
  return absl::WrapUnique(new Relu(config, input, options));
}

void Relu::Apply(ConstColumns x, Columns y) const {
  // Clang 14 cannot capture structured bindings.
  const float slope = options_.negative_slope;
  const float max_value = options_.max_value;
  const float threshold = options_.threshold;
  for (int64_t b = 0; b < x.cols; ++b) {
    y.vector(b) = x.vector(b).unaryExpr([=](float value) {
      if (!(value <= threshold)) return std::min(value, max_value);
      return slope == 0.0f ? 0.0f : slope * (value - threshold);
    });
  }
}

}  // namespace

void RegisterRelu(LayerRegistry& registry) {
  for (const char* name : {"ReLU", "LeakyReLU"}) {
    registry.Register(name, Relu::Create,
                      {.variables = LayerVariables::None(), .keras2_mask = Keras2Mask::kPasses});
  }
}

}  // namespace rnnserve
