// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/conv_lstm_options.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/kernels/gates.h"

namespace rnnserve {
namespace {

// The maximum number of elements of an input or state. It keeps every size that is computed from it
// from overflowing.
constexpr int64_t kElementsMax = int64_t{1} << 31;

bool IsAnyAboveOne(const std::vector<int64_t>& values) {
  return std::any_of(values.begin(), values.end(), [](int64_t value) { return value > 1; });
}

// Reads a string option that is `first` or `second` in any letter case; returns whether it is
// `second`.
absl::StatusOr<bool> IsSecond(const KerasConfig& config, absl::string_view key,
                              absl::string_view first, absl::string_view second) {
  RNNSERVE_ASSIGN_OR_RETURN(const std::string value, config.String(key, first));
  const std::string lower = absl::AsciiStrToLower(value);
  if (lower == first || lower == second) return lower == second;
  return config.Error(
      absl::StrCat("'", key, "' is '", value, "', not '", first, "' or '", second, "'"));
}

absl::StatusOr<std::vector<ConvolutionAxis>> ReadAxes(const KerasConfig& config,
                                                      absl::Span<const int64_t> extents) {
  const size_t n = extents.size();
  RNNSERVE_ASSIGN_OR_RETURN(const auto kernels, config.PositiveInts("kernel_size", n));
  RNNSERVE_ASSIGN_OR_RETURN(const auto strides, config.PositiveInts("strides", n, 1));
  RNNSERVE_ASSIGN_OR_RETURN(const auto dilations, config.PositiveInts("dilation_rate", n, 1));
  if (IsAnyAboveOne(strides) && IsAnyAboveOne(dilations)) {
    return config.Error("'strides' and 'dilation_rate' are both above 1");
  }
  RNNSERVE_ASSIGN_OR_RETURN(const bool is_same, IsSecond(config, "padding", "valid", "same"));
  std::vector<ConvolutionAxis> axes;
  for (size_t i = 0; i < n; ++i) {
    const auto axis_of = is_same ? ConvolutionAxis::Same : ConvolutionAxis::Valid;
    axes.push_back(axis_of(extents[i], kernels[i], strides[i], dilations[i]));
    if (axes.back().output < 1) {
      return config.Error(absl::StrCat("an input of ", extents[i], " along spatial axis ", i,
                                       " is smaller than a kernel of ", kernels[i],
                                       " with dilation ", dilations[i]));
    }
  }
  return axes;
}

bool IsOverVector(Activation activation) {
  return activation == Activation::kSoftmax || activation == Activation::kLogSoftmax ||
         activation == Activation::kSparsemax;
}

absl::Status CheckInput(const KerasConfig& config, int num_axes, const Shape& input_shape) {
  const auto& extents = input_shape.extents();
  const bool is_known =
      std::all_of(extents.begin(), extents.end(), [](int64_t extent) { return extent >= 1; });
  const auto size = input_shape.NumElements();
  if (input_shape.rank() == num_axes + 1 && is_known && size.has_value() && *size < kElementsMax) {
    return absl::OkStatus();
  }
  return config.Error(absl::StrCat("it reads ", num_axes, " spatial axes and the channels at ",
                                   "every timestep, but a timestep of its input has shape ",
                                   input_shape.ToString()));
}

absl::Status CheckOptions(const KerasConfig& config, const ConvLstmOptions& options) {
  if (options.channels_first &&
      (IsOverVector(options.activation) || IsOverVector(options.recurrent_activation))) {
    return config.Unsupported(
        "softmax, log_softmax and sparsemax are not supported with channels_first");
  }
  const auto size = options.output_shape().NumElements();
  if (size.has_value() && *size < kElementsMax) return absl::OkStatus();
  return config.Error(
      absl::StrCat("a state of shape ", options.output_shape().ToString(), " is too large"));
}

}  // namespace

absl::StatusOr<ConvLstmOptions> ConvLstmOptions::Read(const KerasConfig& config, int num_axes,
                                                      const Shape& input_shape) {
  RNNSERVE_RETURN_IF_ERROR(config.CheckDtypePolicy());
  RNNSERVE_RETURN_IF_ERROR(CheckInput(config, num_axes, input_shape));
  ConvLstmOptions options;
  options.input_shape = input_shape;
  RNNSERVE_ASSIGN_OR_RETURN(options.filters, config.PositiveInt("filters"));
  RNNSERVE_ASSIGN_OR_RETURN(options.channels_first,
                            IsSecond(config, "data_format", "channels_last", "channels_first"));
  const int first_axis = options.channels_first ? 1 : 0;
  options.channels = input_shape[options.channels_first ? 0 : num_axes];
  RNNSERVE_ASSIGN_OR_RETURN(options.axes,
                            ReadAxes(config, input_shape.extents().subspan(first_axis, num_axes)));
  RNNSERVE_ASSIGN_OR_RETURN(options.activation,
                            config.ActivationOr("activation", options.activation));
  RNNSERVE_ASSIGN_OR_RETURN(
      options.recurrent_activation,
      config.ActivationOr("recurrent_activation", options.recurrent_activation));
  RNNSERVE_ASSIGN_OR_RETURN(options.use_bias, config.Bool("use_bias", options.use_bias));
  RNNSERVE_RETURN_IF_ERROR(CheckOptions(config, options));
  return options;
}

Shape ConvLstmOptions::output_shape() const {
  std::vector<int64_t> extents;
  if (channels_first) extents.push_back(filters);
  for (const ConvolutionAxis& axis : axes) extents.push_back(axis.output);
  if (!channels_first) extents.push_back(filters);
  return Shape(extents);
}

Shape ConvLstmOptions::kernel_shape(int64_t input_channels) const {
  std::vector<int64_t> extents;
  for (const ConvolutionAxis& axis : axes) extents.push_back(axis.kernel);
  extents.push_back(input_channels);
  extents.push_back(lstm_gate::kCount * filters);
  return Shape(extents);
}

}  // namespace rnnserve
