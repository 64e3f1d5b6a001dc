// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/layers/builtin/conv1d.h"

#include <algorithm>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/kernels/product.h"
#include "core/layers/conv_weights.h"
#include "core/layers/layer_config.h"

namespace rnnserve {
namespace {

// The state of a row may take so much: 4 MiB. With a longer reach a layer does not stream.
constexpr int64_t kHistoryElementsMax = int64_t{1} << 20;

bool Streams(const Window& window, int64_t features) {
  const bool looks_back = window.padding == Window::Padding::kCausal || window.size == 1;
  return looks_back && window.stride == 1 &&
         window.reach() * PaddedRows(features) <= kHistoryElementsMax;
}

}  // namespace

Conv1d::Conv1d(const KerasConfig& config, ValueSpec output, const Window& window,
               Activation activation, const ConvWeights& weights)
    : Layer(config, std::move(output)),
      window_(window),
      activation_(activation),
      num_features_(weights.features),
      num_parameters_(weights.num_parameters),
      streams_(Streams(window, weights.features)),
      history_time_(streams_ ? window.reach() : 0),
      bias_(PackBias(weights.bias, 1, weights.filters)) {
  const auto step_size = static_cast<size_t>(weights.features * weights.filters);
  for (int64_t i = 0; i < weights.size; ++i) {
    const absl::Span<const float> step(weights.kernel.data() + static_cast<size_t>(i) * step_size,
                                       step_size);
    kernel_.emplace_back(step, weights.features, 1, weights.filters);
  }
}

absl::StatusOr<std::unique_ptr<Layer>> Conv1d::Create(const LayerRegistry& /*registry*/,
                                                      const KerasConfig& config,
                                                      const ValueSpec& input,
                                                      WeightSource& weights) {
  RNNSERVE_ASSIGN_OR_RETURN(const int64_t features, NumSequenceFeatures(config, input));
  RNNSERVE_RETURN_IF_ERROR(CheckChannelsLast(config));
  RNNSERVE_ASSIGN_OR_RETURN(const Activation activation,
                            config.ActivationOr("activation", Activation::kLinear));
  RNNSERVE_ASSIGN_OR_RETURN(const ConvWeights conv, ConvWeights::Read(config, features, weights));
  Window window;
  window.size = conv.size;
  RNNSERVE_ASSIGN_OR_RETURN(window.stride, WindowOption(config, "strides", 1));
  RNNSERVE_ASSIGN_OR_RETURN(window.dilation, WindowOption(config, "dilation_rate", 1));
  const bool allows_causal = config.class_name() == "Conv1D";
  RNNSERVE_ASSIGN_OR_RETURN(window.padding, Window::ParsePadding(config, allows_causal));
  if (window.stride > 1 && window.dilation > 1) {
    return config.Error(absl::StrCat("strides ", window.stride, " and dilation_rate ",
                                     window.dilation, " exclude each other"));
  }
  RNNSERVE_ASSIGN_OR_RETURN(ValueSpec output, WindowOutput(config, window, input, conv.filters));
  return absl::WrapUnique(new Conv1d(config, std::move(output), window, activation, conv));
}

void Conv1d::OnStatesReplaced(float* column) const { std::fill_n(column, state_size(), 0.0f); }

ConstColumns Conv1d::TimestepOf(const LayerRun& run, int64_t t) const {
  if (t >= 0) return run.x.At(t);
  return run.state.Rows((history_time_ + t) * PaddedRows(num_features_), num_features_);
}

void Conv1d::Run(const LayerRun& run) const {
  const int64_t pad = window_.PadBefore(run.x.time);
  for (int64_t t = 0; t < run.y.time; ++t) {
    const Columns y = run.y.At(t);
    for (int64_t b = 0; b < y.cols; ++b) {
      std::copy_n(bias_.data(), PaddedRows(y.rows), y.column(b));
    }
    for (int64_t i = 0; i < window_.size; ++i) {
      const int64_t source = t * window_.stride + i * window_.dilation - pad;
      if (source < -history_time_ || source >= run.x.time) continue;
      AddProduct(kernel_[static_cast<size_t>(i)], TimestepOf(run, source), y);
    }
    Activate(activation_, y);
  }
  if (history_time_ > 0) KeepHistory(run);
}

void Conv1d::KeepHistory(const LayerRun& run) const {
  const int64_t rows = PaddedRows(num_features_);
  for (int64_t i = 0; i < history_time_; ++i) {
    const ConstColumns source = TimestepOf(run, i - history_time_ + run.x.time);
    // Without the padding, which nobody has written.
    for (int64_t b = 0; b < source.cols; ++b) {
      std::copy_n(source.column(b), num_features_, run.state.column(b) + i * rows);
    }
  }
}

Mask Conv1d::OutputMask(const LayerRun& /*run*/, uint8_t* /*buffer*/) const { return Mask{}; }

}  // namespace rnnserve
