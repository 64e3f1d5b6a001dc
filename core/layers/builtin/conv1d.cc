// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstdint>
#include <memory>
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
#include "core/kernels/activation.h"
#include "core/kernels/matrix.h"
#include "core/kernels/product.h"
#include "core/layers/builtin/builtin_layers.h"
#include "core/layers/layer.h"
#include "core/layers/layer_config.h"
#include "core/layers/layer_registry.h"
#include "core/layers/window.h"

namespace rnnserve {
namespace {

// The weights of a Conv1D, DepthwiseConv1D or SeparableConv1D layer, converted to those of a
// convolution without groups. A value type.
struct ConvWeights {
  // The maximum number of elements of a kernel: 1 GiB. This includes the zeros between groups,
  // which the file does not contain.
  static constexpr int64_t kKernelElementsMax = int64_t{1} << 28;

  int64_t size = 0;      // steps of the kernel
  int64_t features = 0;  // of the input
  int64_t filters = 0;
  std::vector<float> kernel;  // row-major [size, features, filters]
  std::vector<float> bias;    // [filters], or empty
  int64_t num_parameters = 0;

  // Reads the weights of a layer of any of the three classes. Errors: INVALID_ARGUMENT, reason
  // MODEL_CONFIG or MODEL_WEIGHTS; UNIMPLEMENTED, reason OPTION_UNSUPPORTED, for a kernel of more
  // than kKernelElementsMax elements.
  static absl::StatusOr<ConvWeights> Read(const KerasConfig& config, int64_t features,
                                          WeightSource& weights);
};

// Returns the positive whole number under `key`; 1 if it is absent.
absl::StatusOr<int64_t> PositiveOr1(const KerasConfig& config, absl::string_view key) {
  return config.Has(key) ? config.PositiveInt(key) : absl::StatusOr<int64_t>(1);
}

// Adds a kernel [size, features / groups, filters], in which filter f reads the features of its
// group.
void AddGrouped(absl::Span<const float> kernel, int64_t groups, ConvWeights* conv) {
  const int64_t group_features = conv->features / groups;
  const int64_t group_filters = conv->filters / groups;
  const float* value = kernel.data();
  for (int64_t i = 0; i < conv->size; ++i) {
    for (int64_t c = 0; c < group_features; ++c) {
      for (int64_t f = 0; f < conv->filters; ++f) {
        const int64_t feature = f / group_filters * group_features + c;
        conv->kernel[static_cast<size_t>((i * conv->features + feature) * conv->filters + f)] =
            *value++;
      }
    }
  }
}

// Adds the kernel that does the work of two convolutions, one after the other: depthwise [size,
// features, depth], then pointwise [features * depth, filters].
void AddSeparable(absl::Span<const float> depthwise, absl::Span<const float> pointwise,
                  int64_t depth, ConvWeights* conv) {
  float* out = conv->kernel.data();
  for (int64_t i = 0; i < conv->size * conv->features; ++i) {
    const int64_t feature = i % conv->features;
    for (int64_t f = 0; f < conv->filters; ++f) {
      double sum = 0.0;
      for (int64_t d = 0; d < depth; ++d) {
        sum += static_cast<double>(depthwise[static_cast<size_t>(i * depth + d)]) *
               pointwise[static_cast<size_t>((feature * depth + d) * conv->filters + f)];
      }
      *out++ = static_cast<float>(sum);
    }
  }
}

absl::Status Allocate(const KerasConfig& config, ConvWeights* conv) {
  const Shape shape{conv->size, conv->features, conv->filters};
  const std::optional<int64_t> elements = shape.NumElements();
  if (!elements.has_value() || *elements > ConvWeights::kKernelElementsMax) {
    return config.Unsupported(absl::StrCat("a kernel of ", shape.ToString(), " is not supported; ",
                                           "it may have ", ConvWeights::kKernelElementsMax,
                                           " elements, with the zeros between groups"));
  }
  conv->kernel.resize(static_cast<size_t>(*elements));
  return absl::OkStatus();
}

absl::Status ReadGrouped(const KerasConfig& config, WeightSource& weights, ConvWeights* conv) {
  RNNSERVE_ASSIGN_OR_RETURN(conv->filters, config.PositiveInt("filters"));
  RNNSERVE_ASSIGN_OR_RETURN(const int64_t groups, PositiveOr1(config, "groups"));
  if (conv->features % groups != 0 || conv->filters % groups != 0) {
    return config.Error(absl::StrCat("groups ", groups, " must divide the ", conv->features,
                                     " features and the ", conv->filters, " filters"));
  }
  RNNSERVE_ASSIGN_OR_RETURN(
      const absl::Span<const float> kernel,
      weights.Weight("kernel", Shape{conv->size, conv->features / groups, conv->filters}));
  conv->num_parameters += static_cast<int64_t>(kernel.size());
  RNNSERVE_RETURN_IF_ERROR(Allocate(config, conv));
  AddGrouped(kernel, groups, conv);
  return absl::OkStatus();
}

// Reads the kernel as one with groups of one feature each, which has the same layout.
absl::Status ReadDepthwise(const KerasConfig& config, WeightSource& weights, ConvWeights* conv) {
  RNNSERVE_ASSIGN_OR_RETURN(const int64_t depth, PositiveOr1(config, "depth_multiplier"));
  conv->filters = conv->features * depth;
  RNNSERVE_ASSIGN_OR_RETURN(const absl::Span<const float> kernel,
                            weights.Weight("kernel", Shape{conv->size, conv->features, depth}));
  conv->num_parameters += static_cast<int64_t>(kernel.size());
  RNNSERVE_RETURN_IF_ERROR(Allocate(config, conv));
  AddGrouped(kernel, conv->features, conv);
  return absl::OkStatus();
}

absl::Status ReadSeparable(const KerasConfig& config, WeightSource& weights, ConvWeights* conv) {
  RNNSERVE_ASSIGN_OR_RETURN(conv->filters, config.PositiveInt("filters"));
  RNNSERVE_ASSIGN_OR_RETURN(const int64_t depth, PositiveOr1(config, "depth_multiplier"));
  RNNSERVE_ASSIGN_OR_RETURN(
      const absl::Span<const float> depthwise,
      weights.Weight("depthwise_kernel", Shape{conv->size, conv->features, depth}));
  RNNSERVE_ASSIGN_OR_RETURN(
      const absl::Span<const float> pointwise,
      weights.Weight("pointwise_kernel", Shape{1, conv->features * depth, conv->filters}));
  conv->num_parameters += static_cast<int64_t>(depthwise.size() + pointwise.size());
  RNNSERVE_RETURN_IF_ERROR(Allocate(config, conv));
  AddSeparable(depthwise, pointwise, depth, conv);
  return absl::OkStatus();
}

absl::StatusOr<ConvWeights> ConvWeights::Read(const KerasConfig& config, int64_t features,
                                              WeightSource& weights) {
  ConvWeights conv;
  conv.features = features;
  if (!config.Has("kernel_size")) return config.Error("'kernel_size' is missing");
  RNNSERVE_ASSIGN_OR_RETURN(conv.size, WindowOption(config, "kernel_size", 1));
  const std::string name = config.class_name();
  RNNSERVE_RETURN_IF_ERROR(name == "DepthwiseConv1D"   ? ReadDepthwise(config, weights, &conv)
                           : name == "SeparableConv1D" ? ReadSeparable(config, weights, &conv)
                                                       : ReadGrouped(config, weights, &conv));
  RNNSERVE_ASSIGN_OR_RETURN(const bool use_bias, config.Bool("use_bias", true));
  if (use_bias) {
    RNNSERVE_ASSIGN_OR_RETURN(const absl::Span<const float> bias,
                              weights.Weight("bias", Shape{conv.filters}));
    conv.bias.assign(bias.begin(), bias.end());
    conv.num_parameters += conv.filters;
  }
  return conv;
}

// keras.layers.Conv1D, DepthwiseConv1D and SeparableConv1D: [time, features] -> [windows, filters],
//
//   y[t] = activation(b + sum_i x[t * strides + i * dilation_rate - padding in front] K[i])
//
// Weights:
//   Conv1D            "kernel" [kernel_size, features / groups, filters]
//   DepthwiseConv1D   "kernel" [kernel_size, features, depth_multiplier]
//   SeparableConv1D   "depthwise_kernel" [kernel_size, features, depth_multiplier],
//                     "pointwise_kernel" [1, features * depth_multiplier, filters]
//   all               "bias" [filters] if use_bias
// They are converted to one dense kernel when they are loaded, with zeros between groups.
//
// Masks are ignored, and the output has none. The layer can stream if its stride is 1 and no window
// reaches ahead, because the padding is causal or the kernel has one step. Then it carries the
// timesteps that later windows reach back to, in a state that clients do not see. A layer whose
// state would exceed kHistoryElementsMax cannot stream.
//
//   state column:  | x[-reach] . | ... | x[-1] . |          . = padding to kColumnQuantum
//
// Owns its weights. Immutable; safe to share.
class Conv1d final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  int64_t num_parameters() const override { return num_parameters_; }
  int64_t output_time(absl::Span<const int64_t> input_times) const override {
    return window_.OutputTime(input_times[0]);
  }
  bool can_stream() const override { return streams_; }
  int64_t state_size() const override { return history_time_ * PaddedRows(num_features_); }
  void OnStatesReplaced(float* column) const override;
  void Run(const LayerRun& run) const override;
  Mask OutputMask(const LayerRun& run, uint8_t* buffer) const override;

 private:
  Conv1d(const KerasConfig& config, ValueSpec output, const Window& window, Activation activation,
         const ConvWeights& weights);

  // Returns timestep t of the input. Timesteps before 0 are in the state.
  ConstColumns TimestepOf(const LayerRun& run, int64_t t) const;
  // Copies the last timesteps into the state.
  void KeepHistory(const LayerRun& run) const;

  const Window window_;
  const Activation activation_;
  const int64_t num_features_;
  const int64_t num_parameters_;
  const bool streams_;
  const int64_t history_time_;  // timesteps in the state
  std::vector<Matrix> kernel_;  // one matrix for each step of the window
  const AlignedBuffer bias_;
};

// The maximum number of elements in the state of a row: 4 MiB. A layer that would need more does
// not stream.
constexpr int64_t kHistoryElementsMax = int64_t{1} << 20;

bool Streams(const Window& window, int64_t features) {
  const bool looks_back = window.padding == Window::Padding::kCausal || window.size == 1;
  return looks_back && window.stride == 1 &&
         window.reach() * PaddedRows(features) <= kHistoryElementsMax;
}

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
    // Leaves out the padding, which has never been written.
    for (int64_t b = 0; b < source.cols; ++b) {
      std::copy_n(source.column(b), num_features_, run.state.column(b) + i * rows);
    }
  }
}

Mask Conv1d::OutputMask(const LayerRun& /*run*/, uint8_t* /*buffer*/) const { return Mask{}; }

}  // namespace

void RegisterConv1d(LayerRegistry& registry) {
  registry.Register("Conv1D", Conv1d::Create,
                    {.variables = LayerVariables::Of({{"kernel"}, {"bias", "use_bias"}}),
                     .keras2_mask = Keras2Mask::kEnds});
  registry.Register("DepthwiseConv1D", Conv1d::Create,
                    {.variables = LayerVariables::Of({{"kernel"}, {"bias", "use_bias"}})});
  registry.Register("SeparableConv1D", Conv1d::Create,
                    {.variables = LayerVariables::Of(
                         {{"depthwise_kernel"}, {"pointwise_kernel"}, {"bias", "use_bias"}})});
}

}  // namespace rnnserve
