// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
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
#include "core/layers/layer.h"
#include "core/layers/layer_config.h"
#include "core/layers/layer_registry.h"

namespace rnnserve {
namespace {

// keras.layers.PReLU, for each element, with any shape: y = x if x > 0, else alpha * x.
//
// Weights: "alpha" with the shape of a row, in which each of `shared_axes` has extent 1. If the
// time axis is not shared, each timestep has its own slopes: the model must fix the number of
// timesteps, and the layer cannot stream. Owns its weights. Immutable; safe to share.
class Prelu final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  int64_t num_parameters() const override { return num_parameters_; }
  int64_t output_time(absl::Span<const int64_t> input_times) const override;
  bool can_stream() const override { return alpha_time_ == 1; }
  void Run(const LayerRun& run) const override;

 private:
  Prelu(const KerasConfig& config, const ValueSpec& input, absl::Span<const float> alpha,
        absl::Span<const int64_t> alpha_extents);

  const int64_t alpha_time_;  // the number of timesteps of alpha_; 1 if they share it
  AlignedBuffer alpha_;       // [alpha_time_, elements of a timestep]
  const int64_t num_parameters_;
};

// Returns, for each axis after the batch, whether it is shared. The option is an axis, a list of
// axes, or null.
absl::StatusOr<std::vector<bool>> SharedAxes(const KerasConfig& config, int num_axes) {
  const nlohmann::json& raw = config.Raw("shared_axes");
  std::vector<bool> is_shared(static_cast<size_t>(num_axes), false);
  if (raw.is_null()) return is_shared;
  for (const nlohmann::json& axis : raw.is_array() ? raw : nlohmann::json::array({raw})) {
    if (!axis.is_number_integer() || axis.get<int64_t>() < 1 || axis.get<int64_t>() > num_axes) {
      return config.Error(absl::StrCat("'shared_axes' is ", raw.dump().substr(0, 80),
                                       ", not a list of axes from 1 to ", num_axes));
    }
    is_shared[static_cast<size_t>(axis.get<int64_t>() - 1)] = true;
  }
  return is_shared;
}

Prelu::Prelu(const KerasConfig& config, const ValueSpec& input, absl::Span<const float> alpha,
             absl::Span<const int64_t> alpha_extents)
    : Layer(config, input),
      alpha_time_(input.has_time ? alpha_extents[0] : 1),
      num_parameters_(static_cast<int64_t>(alpha.size())) {
  // Repeats alpha along the shared axes of the timestep.
  std::vector<float> spread(alpha.begin(), alpha.end());
  int64_t inner = 1;  // the product of the extents after the axis, where alpha is already repeated
  for (int i = input.shape.rank() - 1; i >= 0; --i) {
    const int64_t extent = input.shape[i];
    if (alpha_extents[static_cast<size_t>(i + (input.has_time ? 1 : 0))] != extent) {
      std::vector<float> wider;
      for (size_t begin = 0; begin < spread.size(); begin += static_cast<size_t>(inner)) {
        for (int64_t repeat = 0; repeat < extent; ++repeat) {
          wider.insert(wider.end(), spread.begin() + static_cast<int64_t>(begin),
                       spread.begin() + static_cast<int64_t>(begin) + inner);
        }
      }
      spread = std::move(wider);
    }
    inner *= extent;
  }
  alpha_ = AlignedBuffer::CopyFrom(spread);
}

absl::StatusOr<std::unique_ptr<Layer>> Prelu::Create(const LayerRegistry& /*registry*/,
                                                     const KerasConfig& config,
                                                     const ValueSpec& input,
                                                     WeightSource& weights) {
  RNNSERVE_ASSIGN_OR_RETURN(const std::vector<bool> is_shared,
                            SharedAxes(config, input.rank() - 1));
  const Axes axes = AxesOf(input);
  std::vector<int64_t> extents;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (!is_shared[i] && !axes[i].has_value()) {
      return config.Unsupported(
          "a slope for every timestep needs a number of timesteps that the model fixes");
    }
    extents.push_back(is_shared[i] ? 1 : *axes[i]);
  }
  RNNSERVE_ASSIGN_OR_RETURN(const absl::Span<const float> alpha,
                            weights.Weight("alpha", Shape(extents)));
  return absl::WrapUnique(new Prelu(config, input, alpha, extents));
}

int64_t Prelu::output_time(absl::Span<const int64_t> input_times) const {
  if (!output().has_time) return 1;
  return alpha_time_ == 1 || alpha_time_ == input_times[0] ? input_times[0] : 0;
}

void Prelu::Run(const LayerRun& run) const {
  for (int64_t t = 0; t < run.x.time; ++t) {
    const float* alpha = alpha_.data() + (alpha_time_ == 1 ? 0 : t * run.x.rows);
    for (int64_t b = 0; b < run.x.batch; ++b) {
      const float* x = run.x.At(t).column(b);
      float* y = run.y.At(t).column(b);
      for (int64_t i = 0; i < run.x.rows; ++i) y[i] = x[i] > 0.0f ? x[i] : alpha[i] * x[i];
    }
  }
}

}  // namespace

void RegisterPrelu(LayerRegistry& registry) {
  registry.Register(
      "PReLU", Prelu::Create,
      {.variables = LayerVariables::Of({{"alpha"}}), .keras2_mask = Keras2Mask::kPasses});
}

}  // namespace rnnserve
