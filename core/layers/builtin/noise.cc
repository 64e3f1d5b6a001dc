// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cmath>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/kernels/random.h"
#include "core/layers/builtin/builtin_layers.h"
#include "core/layers/layer.h"
#include "core/layers/layer_config.h"
#include "core/layers/layer_registry.h"

namespace rnnserve {
namespace {

// The layers that are random in training. Otherwise, or if their rate or stddev is 0, y = x.
//
//   Dropout, SpatialDropout1D   y = 0 with probability rate, else x / (1 - rate)
//   AlphaDropout                y = a x' + b,  x' = -alpha scale with probability rate, else x
//                               a = ((1 - rate) (1 + rate (alpha scale)^2))^(-1/2)
//                               b = a alpha scale rate        alpha, scale: those of selu
//   GaussianDropout             y = x n,       n normal, mean 1, variance rate / (1 - rate)
//   GaussianNoise               y = x + n,     n normal, mean 0, standard deviation stddev
//
// Each element of each timestep has its own random number. SpatialDropout1D has one for each
// feature, for all timesteps. In Dropout and AlphaDropout, `noise_shape` says along which axes a
// number is shared. The mask is passed on; masked timesteps are computed like all others.
// Immutable; safe to share.
class Noise final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  // Returns a reason in two cases: the rate of an AlphaDropout or GaussianDropout is 1, so that its
  // formula divides by zero, in Keras too; or noise_shape shares numbers between rows of the batch
  // or does not fit the input.
  std::string no_training_reason() const override { return no_training_reason_; }
  void Run(const LayerRun& run) const override;

 private:
  enum class Kind { kDropout, kAlphaDropout, kGaussianDropout, kGaussianNoise };

  Noise(const KerasConfig& config, const ValueSpec& input, Kind kind, double amount);

  // Reads `noise_shape`. Sets no_training_reason_ if it is not supported.
  void ReadNoiseShape(const KerasConfig& config);
  // Returns the output for `x`, with the random number `index` of `key`.
  float Noisy(float x, uint64_t key, uint64_t index) const;
  void ApplyTo(ConstColumns x, const TrainingRun& training, Columns y) const;

  const Kind kind_;
  const double amount_;  // the rate, or stddev
  float scale_ = 1.0f;   // y is multiplied by it
  float offset_ = 0.0f;  // added to y
  bool is_shared_by_timesteps_ = false;
  // The index of the random number of each element of a timestep. If this is empty, each element
  // uses its own index.
  std::vector<uint64_t> numbers_;
  std::string no_training_reason_;
};

// The negated product of alpha and scale of Keras' selu.
constexpr double kSeluFloor =
    -1.6732632423543772848170429916717 * 1.0507009873554804934193349852946;

// Returns a rate or a standard deviation. Keras refuses one outside [0, 1] too, so a file with such
// a value was not written by Keras.
absl::StatusOr<double> UnitInterval(const KerasConfig& config, absl::string_view key) {
  RNNSERVE_ASSIGN_OR_RETURN(const double value, config.Number(key, 0.0));
  if (value >= 0.0 && value <= 1.0) return value;
  return config.Error(absl::StrCat(key, " must be between 0 and 1, found ", value));
}

// Returns whether all steps along an axis share a number: whether the entry of noise_shape is 1 and
// the extent is not. Returns nullopt if the entry is neither 1 nor the extent.
std::optional<bool> IsShared(const nlohmann::json& entry, std::optional<int64_t> extent) {
  if (entry.is_null()) return false;
  if (!entry.is_number_integer()) return std::nullopt;
  if (extent == entry.get<int64_t>()) return false;
  if (entry == 1) return true;
  return std::nullopt;
}

// Returns, for each element of a timestep of this shape, the index of its random number. Elements
// along a shared axis have the same index.
std::vector<uint64_t> Places(const Shape& shape, const std::vector<bool>& is_shared) {
  std::vector<uint64_t> places(static_cast<size_t>(*shape.NumElements()));
  for (size_t i = 0; i < places.size(); ++i) {
    auto rest = static_cast<uint64_t>(i);
    uint64_t stride = 1;
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      const auto extent = static_cast<uint64_t>(shape[axis]);
      if (!is_shared[static_cast<size_t>(axis)]) {
        places[i] += rest % extent * stride;
        stride *= extent;
      }
      rest /= extent;
    }
  }
  return places;
}

absl::StatusOr<std::unique_ptr<Layer>> Noise::Create(const LayerRegistry& /*registry*/,
                                                     const KerasConfig& config,
                                                     const ValueSpec& input,
                                                     WeightSource& /*weights*/) {
  const std::string name = config.class_name();
  if (name == "SpatialDropout1D") {
    RNNSERVE_RETURN_IF_ERROR(NumSequenceFeatures(config, input).status());
  }
  const Kind kind = name == "GaussianNoise"     ? Kind::kGaussianNoise
                    : name == "GaussianDropout" ? Kind::kGaussianDropout
                    : name == "AlphaDropout"    ? Kind::kAlphaDropout
                                                : Kind::kDropout;
  RNNSERVE_ASSIGN_OR_RETURN(const double amount,
                            UnitInterval(config, kind == Kind::kGaussianNoise ? "stddev" : "rate"));
  return absl::WrapUnique(new Noise(config, input, kind, amount));
}

Noise::Noise(const KerasConfig& config, const ValueSpec& input, Kind kind, double amount)
    : Layer(config, input), kind_(kind), amount_(amount) {
  is_shared_by_timesteps_ = config.class_name() == "SpatialDropout1D";
  if (kind == Kind::kDropout) scale_ = static_cast<float>(1.0 / (1.0 - amount));
  if (kind == Kind::kAlphaDropout) {
    const double a = 1.0 / std::sqrt((1.0 - amount) * (1.0 + amount * kSeluFloor * kSeluFloor));
    scale_ = static_cast<float>(a);
    offset_ = static_cast<float>(-a * kSeluFloor * amount);
  }
  if (amount == 1.0 && (kind == Kind::kAlphaDropout || kind == Kind::kGaussianDropout)) {
    no_training_reason_ = "its rate of 1 divides by zero";
  }
  ReadNoiseShape(config);
}

void Noise::ReadNoiseShape(const KerasConfig& config) {
  const nlohmann::json& noise_shape = config.Raw("noise_shape");
  if (noise_shape.is_null() || amount_ == 0.0) return;
  const Axes axes = AxesOf(output());
  bool is_understood =
      noise_shape.is_array() && noise_shape.size() == axes.size() + 1 && noise_shape[0].is_null();
  std::vector<bool> is_shared;
  for (size_t i = 0; is_understood && i < axes.size(); ++i) {
    const std::optional<bool> shared = IsShared(noise_shape[i + 1], axes[i]);
    is_understood = shared.has_value();
    is_shared.push_back(shared.value_or(false));
  }
  if (!is_understood) {
    no_training_reason_ =
        absl::StrCat("its noise_shape ", noise_shape.dump(), " is not [null, ...]",
                     " with null or 1 for each axis of ", "its input");
    return;
  }
  if (output().has_time) {
    is_shared_by_timesteps_ = is_shared.front();
    is_shared.erase(is_shared.begin());
  }
  for (const bool shared : is_shared) {
    if (shared) numbers_ = Places(output_shape(), is_shared);
  }
}

void Noise::Run(const LayerRun& run) const {
  for (int64_t t = 0; t < run.x.time; ++t) {
    if (run.training == nullptr || amount_ == 0.0) {
      Copy(run.x.At(t), run.y.At(t));
    } else {
      ApplyTo(run.x.At(t), run.training->Part(is_shared_by_timesteps_ ? 0 : t), run.y.At(t));
    }
  }
}

void Noise::ApplyTo(ConstColumns x, const TrainingRun& training, Columns y) const {
  for (int64_t b = 0; b < x.cols; ++b) {
    const uint64_t key = training.RowKey(b);
    for (int64_t i = 0; i < x.rows; ++i) {
      const auto place = static_cast<size_t>(i);
      y.column(b)[i] = Noisy(x.column(b)[i], key, numbers_.empty() ? place : numbers_[place]);
    }
  }
}

float Noise::Noisy(float x, uint64_t key, uint64_t index) const {
  switch (kind_) {
    case Kind::kDropout:
      return RandomUniform(key, index) < amount_ ? 0.0f : x * scale_;
    case Kind::kAlphaDropout: {
      const bool is_dropped = RandomUniform(key, index) < amount_;
      return scale_ * (is_dropped ? static_cast<float>(kSeluFloor) : x) + offset_;
    }
    case Kind::kGaussianDropout:
      return x * static_cast<float>(1.0 + std::sqrt(amount_ / (1.0 - amount_)) *
                                              RandomNormal(key, index));
    case Kind::kGaussianNoise:
      break;
  }
  return x + static_cast<float>(amount_ * RandomNormal(key, index));
}

}  // namespace

void RegisterNoise(LayerRegistry& registry) {
  for (const char* name :
       {"Dropout", "SpatialDropout1D", "GaussianDropout", "GaussianNoise", "AlphaDropout"}) {
    registry.Register(name, Noise::Create,
                      {.variables = LayerVariables::None(), .keras2_mask = Keras2Mask::kPasses});
  }
}

}  // namespace rnnserve
