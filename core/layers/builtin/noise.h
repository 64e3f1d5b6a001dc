// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_NOISE_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_NOISE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/layer.h"

namespace rnnserve {

class LayerRegistry;

// The layers that are random in training, and y = x else, or if their rate or stddev is 0:
//
//   Dropout, SpatialDropout1D   y = 0 with probability rate, else x / (1 - rate)
//   AlphaDropout                y = a x' + b,  x' = -alpha scale with probability rate, else x
//                               a = ((1 - rate) (1 + rate (alpha scale)^2))^(-1/2)
//                               b = a alpha scale rate        alpha, scale: those of selu
//   GaussianDropout             y = x n,       n normal, mean 1, variance rate / (1 - rate)
//   GaussianNoise               y = x + n,     n normal, mean 0, standard deviation stddev
//
// Every element of every timestep has a random number of its own. SpatialDropout1D has one for a
// feature at all timesteps; of Dropout and AlphaDropout, `noise_shape` says along which axes one
// is shared. The mask is handed on; masked timesteps are computed like any other. Immutable; safe
// to share.
class Noise final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  // With a rate of 1 the formulas of AlphaDropout and GaussianDropout divide by zero, in Keras too.
  // A noise_shape that shares between rows of the batch, or is not one of the input, is refused.
  std::string no_training_reason() const override { return no_training_reason_; }
  void Run(const LayerRun& run) const override;

 private:
  enum class Kind { kDropout, kAlphaDropout, kGaussianDropout, kGaussianNoise };

  Noise(const KerasConfig& config, const ValueSpec& input, Kind kind, double amount);

  // Reads `noise_shape`; sets no_training_reason_ if it cannot be followed.
  void ReadNoiseShape(const KerasConfig& config);
  // The element with random number `index` of `key`.
  float Noisy(float x, uint64_t key, uint64_t index) const;
  void ApplyTo(ConstColumns x, const TrainingRun& training, Columns y) const;

  const Kind kind_;
  const double amount_;  // the rate, or stddev
  float scale_ = 1.0f;   // of y
  float offset_ = 0.0f;  // of y
  bool is_shared_by_timesteps_ = false;
  // The number that decides over each element of a timestep; if empty, that of its place.
  std::vector<uint64_t> numbers_;
  std::string no_training_reason_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_NOISE_H_
