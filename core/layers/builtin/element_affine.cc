// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
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
#include "core/layers/layer_config.h"
#include "core/layers/layer_registry.h"
#include "core/layers/pointwise_layer.h"

namespace rnnserve {
namespace {

// Layers that compute y = x * scale + offset for each element, with any shape.
//
//   keras.layers.BatchNormalization   with the moving statistics, as at inference:
//       scale = gamma / sqrt(moving_variance + epsilon)    offset = beta - moving_mean * scale
//   keras.layers.Rescaling            options scale, offset: numbers, or lists along the last axis
//
// Weights of BatchNormalization: "gamma" if scale, "beta" if center, "moving_mean",
// "moving_variance", and with renorm "moving_stddev", "renorm_mean" and "renorm_stddev", which only
// training needs. Each has the extent of `axis`, which may be any axis except the batch and time.
// Owns its weights. Immutable; safe to share.
class ElementAffine final : public PointwiseLayer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  int64_t num_parameters() const override { return num_parameters_; }
  // Returns a reason for a BatchNormalization, which in training uses the statistics of the batch,
  // unless it is frozen (`trainable` is false).
  std::string no_training_reason() const override { return no_training_reason_; }

 private:
  // The scale and the offset of each step along an axis.
  struct Coefficients;

  static absl::StatusOr<Coefficients> BatchNormalization(const KerasConfig& config,
                                                         const ValueSpec& input,
                                                         WeightSource& weights);
  static absl::StatusOr<Coefficients> Rescaling(const KerasConfig& config, const ValueSpec& input);

  ElementAffine(const KerasConfig& config, const ValueSpec& input, const Coefficients& coefficients,
                std::string no_training_reason);

  void Apply(ConstColumns x, Columns y) const override;

  const AlignedBuffer scale_;   // [PaddedRows(elements)]
  const AlignedBuffer offset_;  // the same
  const int64_t num_parameters_;
  std::string no_training_reason_;
};

struct ElementAffine::Coefficients {
  // One value for each step along the axis, or a single value for all steps.
  std::vector<float> scale;
  std::vector<float> offset;
  int64_t inner = 1;  // neighbours that share a value: the product of the extents after the axis
  int64_t num_parameters = 0;
};

// Returns one value for each element of a timestep, padded. Each of `values` is repeated `inner`
// times, for the axes after its own, and the whole is repeated for the axes before.
AlignedBuffer Spread(const std::vector<float>& values, int64_t inner, int64_t elements) {
  AlignedBuffer spread(PaddedRows(elements));
  const auto extent = static_cast<int64_t>(values.size());
  for (int64_t i = 0; i < elements; ++i) {
    spread.data()[i] = values[static_cast<size_t>(i / inner % extent)];
  }
  return spread;
}

// Returns the axis that the option `axis` names, as an index into the shape of a timestep.
absl::StatusOr<int> ShapeAxis(const KerasConfig& config, const ValueSpec& input) {
  const nlohmann::json& raw = config.Raw("axis");
  if (!raw.is_null() && !raw.is_number_integer()) {
    return config.Error("'axis' is not a whole number");
  }
  RNNSERVE_ASSIGN_OR_RETURN(
      const int axis, AxisIndex(config, raw.is_null() ? -1 : raw.get<int64_t>(), input.rank() - 1));
  if (input.has_time && axis == 0) {
    return config.Unsupported("axis 1 is time, along which normalization is not supported");
  }
  return axis - (input.has_time ? 1 : 0);
}

// Returns `extent` numbers. The option is a list, or one number that stands for all.
absl::StatusOr<std::vector<float>> Numbers(const KerasConfig& config, absl::string_view key,
                                           double fallback, int64_t extent) {
  const nlohmann::json& raw = config.Raw(key);
  if (!raw.is_array()) {
    RNNSERVE_ASSIGN_OR_RETURN(const double value, config.Number(key, fallback));
    return std::vector<float>(static_cast<size_t>(extent), static_cast<float>(value));
  }
  std::vector<float> values;
  for (const nlohmann::json& value : raw) {
    if (value.is_number()) values.push_back(value.get<float>());
  }
  if (values.size() == raw.size() && static_cast<int64_t>(values.size()) == extent) return values;
  return config.Error(absl::StrCat("'", key, "' must be a number or a list of ", extent));
}

absl::StatusOr<ElementAffine::Coefficients> ElementAffine::BatchNormalization(
    const KerasConfig& config, const ValueSpec& input, WeightSource& weights) {
  RNNSERVE_ASSIGN_OR_RETURN(const double epsilon, config.Number("epsilon", 1e-3));
  if (!(epsilon >= 0.0)) {
    return config.Error(absl::StrCat("epsilon must not be negative, found ", epsilon));
  }
  RNNSERVE_ASSIGN_OR_RETURN(const bool has_gamma, config.Bool("scale", true));
  RNNSERVE_ASSIGN_OR_RETURN(const bool has_beta, config.Bool("center", true));
  RNNSERVE_ASSIGN_OR_RETURN(const bool renorm, config.Bool("renorm", false));
  RNNSERVE_ASSIGN_OR_RETURN(const int axis, ShapeAxis(config, input));
  Coefficients result;
  const int64_t extent = input.shape[axis];
  for (int i = axis + 1; i < input.shape.rank(); ++i) result.inner *= input.shape[i];
  const auto read = [&](absl::string_view name) {
    result.num_parameters += extent;
    return weights.Weight(name, Shape{extent});
  };
  RNNSERVE_ASSIGN_OR_RETURN(const absl::Span<const float> mean, read("moving_mean"));
  RNNSERVE_ASSIGN_OR_RETURN(const absl::Span<const float> variance, read("moving_variance"));
  absl::Span<const float> gamma;
  absl::Span<const float> beta;
  if (has_gamma) {
    RNNSERVE_ASSIGN_OR_RETURN(gamma, read("gamma"));
  }
  if (has_beta) {
    RNNSERVE_ASSIGN_OR_RETURN(beta, read("beta"));
  }
  for (const char* name : {"moving_stddev", "renorm_mean", "renorm_stddev"}) {
    if (renorm) RNNSERVE_RETURN_IF_ERROR(read(name).status());
  }
  for (size_t i = 0; i < mean.size(); ++i) {
    const float inverse = 1.0f / std::sqrt(variance[i] + static_cast<float>(epsilon));
    const float scale = has_gamma ? inverse * gamma[i] : inverse;
    result.scale.push_back(scale);
    result.offset.push_back((has_beta ? beta[i] : 0.0f) - mean[i] * scale);
  }
  return result;
}

absl::StatusOr<ElementAffine::Coefficients> ElementAffine::Rescaling(const KerasConfig& config,
                                                                     const ValueSpec& input) {
  const int rank = input.shape.rank();
  const int64_t extent = rank > 0 ? input.shape[rank - 1] : 1;
  Coefficients result;
  RNNSERVE_ASSIGN_OR_RETURN(result.scale, Numbers(config, "scale", 1.0, extent));
  RNNSERVE_ASSIGN_OR_RETURN(result.offset, Numbers(config, "offset", 0.0, extent));
  return result;
}

absl::StatusOr<std::unique_ptr<Layer>> ElementAffine::Create(const LayerRegistry& /*registry*/,
                                                             const KerasConfig& config,
                                                             const ValueSpec& input,
                                                             WeightSource& weights) {
  if (config.class_name() == "Rescaling") {
    RNNSERVE_ASSIGN_OR_RETURN(const Coefficients coefficients, Rescaling(config, input));
    return absl::WrapUnique(new ElementAffine(config, input, coefficients, ""));
  }
  RNNSERVE_ASSIGN_OR_RETURN(const Coefficients coefficients,
                            BatchNormalization(config, input, weights));
  RNNSERVE_ASSIGN_OR_RETURN(const bool is_trainable, config.Bool("trainable", true));
  return absl::WrapUnique(new ElementAffine(
      config, input, coefficients,
      is_trainable ? "it normalizes with the statistics of the whole batch in training" : ""));
}

ElementAffine::ElementAffine(const KerasConfig& config, const ValueSpec& input,
                             const Coefficients& coefficients, std::string no_training_reason)
    : PointwiseLayer(config, input),
      scale_(Spread(coefficients.scale, coefficients.inner, *input.shape.NumElements())),
      offset_(Spread(coefficients.offset, coefficients.inner, *input.shape.NumElements())),
      num_parameters_(coefficients.num_parameters),
      no_training_reason_(std::move(no_training_reason)) {}

void ElementAffine::Apply(ConstColumns x, Columns y) const {
  using Array = Eigen::Map<const Eigen::ArrayXf, Eigen::Aligned64>;
  const Array scale(scale_.data(), scale_.size());
  const Array offset(offset_.data(), offset_.size());
  for (int64_t b = 0; b < x.cols; ++b) y.padded(b) = x.padded(b) * scale + offset;
}

}  // namespace

void RegisterElementAffine(LayerRegistry& registry) {
  const auto renorm_statistic = [](std::string name) {
    return LayerVariable{std::move(name), "renorm", /*option_default=*/false, /*is_trained=*/false};
  };
  registry.Register("BatchNormalization", ElementAffine::Create,
                    {.variables = LayerVariables::Of({
                         {"gamma", "scale"},
                         {"beta", "center"},
                         {.name = "moving_mean", .is_trained = false},
                         {.name = "moving_variance", .is_trained = false},
                         renorm_statistic("moving_stddev"),
                         renorm_statistic("renorm_mean"),
                         renorm_statistic("renorm_stddev"),
                     }),
                     .keras2_mask = Keras2Mask::kPasses});
  registry.Register("Rescaling", ElementAffine::Create, {.variables = LayerVariables::None()});
}

}  // namespace rnnserve
