// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/status_macros.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/builtin/builtin_layers.h"
#include "core/layers/extremes.h"
#include "core/layers/layer.h"
#include "core/layers/layer_config.h"
#include "core/layers/layer_registry.h"
#include "core/layers/window.h"

namespace rnnserve {
namespace {

// keras.layers.AveragePooling1D and MaxPooling1D: the mean or the maximum of each window of
// timesteps, for each feature. Padding does not count. Masks are ignored, and the output has none.
// The layer cannot stream. Immutable; safe to share.
class Pooling final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  int64_t output_time(absl::Span<const int64_t> input_times) const override {
    return window_.OutputTime(input_times[0]);
  }
  bool can_stream() const override { return false; }
  void Run(const LayerRun& run) const override;
  Mask OutputMask(const LayerRun& run, uint8_t* buffer) const override;

 private:
  Pooling(const KerasConfig& config, ValueSpec output, const Window& window, bool is_average);

  const Window window_;
  const bool is_average_;
};

Pooling::Pooling(const KerasConfig& config, ValueSpec output, const Window& window, bool is_average)
    : Layer(config, std::move(output)), window_(window), is_average_(is_average) {}

absl::StatusOr<std::unique_ptr<Layer>> Pooling::Create(const LayerRegistry& /*registry*/,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& /*weights*/) {
  RNNSERVE_ASSIGN_OR_RETURN(const int64_t features, NumSequenceFeatures(config, input));
  RNNSERVE_RETURN_IF_ERROR(CheckChannelsLast(config));
  Window window;
  RNNSERVE_ASSIGN_OR_RETURN(window.size, WindowOption(config, "pool_size", 2));
  RNNSERVE_ASSIGN_OR_RETURN(window.stride, WindowOption(config, "strides", window.size));
  RNNSERVE_ASSIGN_OR_RETURN(window.padding, Window::ParsePadding(config, /*allows_causal=*/false));
  RNNSERVE_ASSIGN_OR_RETURN(ValueSpec output, WindowOutput(config, window, input, features));
  const bool is_average = config.class_name() == "AveragePooling1D";
  return absl::WrapUnique(new Pooling(config, std::move(output), window, is_average));
}

void Pooling::Run(const LayerRun& run) const {
  const int64_t pad = window_.PadBefore(run.x.time);
  for (int64_t t = 0; t < run.y.time; ++t) {
    const int64_t begin = std::max(t * window_.stride - pad, int64_t{0});
    const int64_t end = std::min(t * window_.stride - pad + window_.size, run.x.time);
    for (int64_t b = 0; b < run.x.batch; ++b) {
      auto y = run.y.At(t).vector(b);
      y = run.x.At(begin).vector(b);
      for (int64_t i = begin + 1; i < end; ++i) {
        const auto x = run.x.At(i).vector(b);
        if (is_average_) {
          y += x;
        } else {
          y = y.binaryExpr(x, Larger());
        }
      }
      if (is_average_) y /= static_cast<float>(end - begin);
    }
  }
}

Mask Pooling::OutputMask(const LayerRun& /*run*/, uint8_t* /*buffer*/) const { return Mask{}; }

}  // namespace

void RegisterPooling(LayerRegistry& registry) {
  for (const char* name : {"AveragePooling1D", "MaxPooling1D"}) {
    registry.Register(name, Pooling::Create,
                      {.variables = LayerVariables::None(), .keras2_mask = Keras2Mask::kEnds});
  }
}

}  // namespace rnnserve
