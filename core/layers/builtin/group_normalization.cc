// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/memory/memory.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/base/aligned_buffer.h"
#include "core/base/status_macros.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/builtin/builtin_layers.h"
#include "core/layers/layer.h"
#include "core/layers/layer_config.h"
#include "core/layers/layer_registry.h"

namespace rnnserve {
namespace {

// keras.layers.GroupNormalization: divides the features, the last axis, into groups of neighbours
// and normalizes all elements of a row in one group together, over all timesteps:
//
//   y = (x - mean) / sqrt(variance + epsilon) * gamma + beta          variance: of the population
//
// Masked timesteps are included like all others; the mask is passed on. The layer can stream only
// if there is no time axis. Weights: "gamma" [features] if scale, "beta" [features] if center. Mean
// and variance are computed in float64. Owns its weights. Immutable; safe to share.
class GroupNormalization final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  bool can_stream() const override { return !output().has_time; }
  int64_t num_parameters() const override { return num_parameters_; }
  void Run(const LayerRun& run) const override;

 private:
  GroupNormalization(const KerasConfig& config, const ValueSpec& input, int64_t num_groups,
                     double epsilon);

  // Normalizes one group of one row.
  void Normalize(const LayerRun& run, int64_t b, int64_t group) const;

  const int64_t num_features_;
  const int64_t group_size_;  // features
  const double epsilon_;
  AlignedBuffer gamma_;  // ones if there is none
  AlignedBuffer beta_;   // zeros if there is none
  int64_t num_parameters_ = 0;
};

absl::StatusOr<int64_t> NumGroups(const KerasConfig& config, int64_t features) {
  const nlohmann::json& raw = config.Raw("groups");
  const nlohmann::json groups = raw.is_null() ? nlohmann::json(32) : raw;
  if (groups == -1) return features;
  if (groups.is_number_integer() && groups.get<int64_t>() >= 1 &&
      features % groups.get<int64_t>() == 0) {
    return groups.get<int64_t>();
  }
  return config.Error(absl::StrCat("groups ", groups.dump().substr(0, 80), " must divide the ",
                                   features, " features"));
}

GroupNormalization::GroupNormalization(const KerasConfig& config, const ValueSpec& input,
                                       int64_t num_groups, double epsilon)
    : Layer(config, input),
      num_features_(input.shape[input.shape.rank() - 1]),
      group_size_(num_features_ / num_groups),
      epsilon_(epsilon),
      gamma_(num_features_),
      beta_(num_features_) {
  std::fill_n(gamma_.data(), num_features_, 1.0f);
}

absl::StatusOr<std::unique_ptr<Layer>> GroupNormalization::Create(const LayerRegistry& /*registry*/,
                                                                  const KerasConfig& config,
                                                                  const ValueSpec& input,
                                                                  WeightSource& weights) {
  RNNSERVE_RETURN_IF_ERROR(CheckLastAxis(config, input));
  RNNSERVE_ASSIGN_OR_RETURN(const int64_t features, LastExtent(config, input));
  RNNSERVE_ASSIGN_OR_RETURN(const int64_t num_groups, NumGroups(config, features));
  RNNSERVE_ASSIGN_OR_RETURN(const double epsilon, config.Number("epsilon", 1e-3));
  RNNSERVE_ASSIGN_OR_RETURN(const bool has_gamma, config.Bool("scale", true));
  RNNSERVE_ASSIGN_OR_RETURN(const bool has_beta, config.Bool("center", true));
  if (!(epsilon >= 0.0)) {
    return config.Error(absl::StrCat("epsilon must not be negative, found ", epsilon));
  }
  auto layer = absl::WrapUnique(new GroupNormalization(config, input, num_groups, epsilon));
  if (has_gamma) {
    RNNSERVE_ASSIGN_OR_RETURN(const absl::Span<const float> gamma,
                              weights.Weight("gamma", Shape{features}));
    layer->gamma_ = AlignedBuffer::CopyFrom(gamma);
    layer->num_parameters_ += features;
  }
  if (has_beta) {
    RNNSERVE_ASSIGN_OR_RETURN(const absl::Span<const float> beta,
                              weights.Weight("beta", Shape{features}));
    layer->beta_ = AlignedBuffer::CopyFrom(beta);
    layer->num_parameters_ += features;
  }
  return layer;
}

void GroupNormalization::Run(const LayerRun& run) const {
  for (int64_t b = 0; b < run.x.batch; ++b) {
    for (int64_t group = 0; group < num_features_ / group_size_; ++group) Normalize(run, b, group);
  }
}

void GroupNormalization::Normalize(const LayerRun& run, int64_t b, int64_t group) const {
  // Calls `visit` with the timestep, the index in it and the feature of each element of the group.
  const auto for_each = [&](const auto& visit) {
    for (int64_t t = 0; t < run.x.time; ++t) {
      for (int64_t begin = 0; begin < run.x.rows; begin += num_features_) {
        for (int64_t i = group * group_size_; i < (group + 1) * group_size_; ++i) {
          visit(t, begin + i, i);
        }
      }
    }
  };
  const auto value = [&](int64_t t, int64_t at) {
    return static_cast<double>(run.x.At(t).column(b)[at]);
  };
  const auto count = static_cast<double>(run.x.time * (run.x.rows / num_features_) * group_size_);
  double mean = 0.0;
  for_each([&](int64_t t, int64_t at, int64_t) { mean += value(t, at) / count; });
  double variance = 0.0;
  for_each([&](int64_t t, int64_t at, int64_t) {
    variance += (value(t, at) - mean) * (value(t, at) - mean) / count;
  });
  const double inverse = 1.0 / std::sqrt(variance + epsilon_);
  for_each([&](int64_t t, int64_t at, int64_t feature) {
    const auto normal = static_cast<float>((value(t, at) - mean) * inverse);
    run.y.At(t).column(b)[at] = normal * gamma_.data()[feature] + beta_.data()[feature];
  });
}

}  // namespace

void RegisterGroupNormalization(LayerRegistry& registry) {
  registry.Register("GroupNormalization", GroupNormalization::Create,
                    {.variables = LayerVariables::Of({{"gamma", "scale"}, {"beta", "center"}}),
                     .keras2_mask = Keras2Mask::kPasses});
}

}  // namespace rnnserve
