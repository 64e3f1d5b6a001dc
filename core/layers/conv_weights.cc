// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/layers/conv_weights.h"

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/base/status_macros.h"
#include "core/layers/layer_config.h"

namespace rnnserve {
namespace {

// The positive whole number under `key`, 1 if it is absent.
absl::StatusOr<int64_t> PositiveOr1(const KerasConfig& config, absl::string_view key) {
  return config.Has(key) ? config.PositiveInt(key) : absl::StatusOr<int64_t>(1);
}

// A kernel [size, features / groups, filters], of which filter f reads the features of its group.
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

// [size, features, depth] and then [features * depth, filters].
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

// As groups of one feature each: the kernels have the same layout.
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

}  // namespace

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

}  // namespace rnnserve
