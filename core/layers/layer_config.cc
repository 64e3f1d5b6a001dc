// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/layers/layer_config.h"

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace rnnserve {
namespace {

// The maximum number of elements of one timestep (4 MiB) and of one row with a known number of
// timesteps (256 MiB).
constexpr int64_t kTimestepElementsMax = int64_t{1} << 20;
constexpr int64_t kRowElementsMax = int64_t{1} << 26;

std::string Show(const nlohmann::json& value) { return value.dump().substr(0, 80); }

absl::StatusOr<int64_t> CountOf(const KerasConfig& config, absl::string_view key,
                                const nlohmann::json& value, int64_t least) {
  if (value.is_number_integer() && value.get<double>() >= static_cast<double>(least) &&
      value.get<double>() <= static_cast<double>(kTimestepsMax)) {
    return value.get<int64_t>();
  }
  return config.Error(absl::StrCat("'", key, "' is ", Show(value), ", not a whole number from ",
                                   least, " to ", kTimestepsMax));
}

}  // namespace

absl::Status CheckSequence(const KerasConfig& config, const ValueSpec& input) {
  if (input.has_time && input.shape.rank() >= 1) return absl::OkStatus();
  return config.Error(absl::StrCat(
      "the input is incompatible with the layer: expected ndim=3, found ", "ndim=", input.rank(),
      "; a ", config.class_name(), " layer reads [batch, time, features]"));
}

absl::StatusOr<int64_t> NumFeatures(const KerasConfig& config, const ValueSpec& input) {
  if (input.shape.rank() == 1) return input.shape[0];
  return config.Unsupported(absl::StrCat("a timestep of shape ", input.shape.ToString(),
                                         " is not supported by a ", config.class_name(),
                                         " layer; it must be [features]"));
}

absl::StatusOr<int64_t> NumSequenceFeatures(const KerasConfig& config, const ValueSpec& input) {
  RNNSERVE_RETURN_IF_ERROR(CheckSequence(config, input));
  return NumFeatures(config, input);
}

absl::Status CheckLastAxis(const KerasConfig& config, const ValueSpec& input) {
  RNNSERVE_RETURN_IF_ERROR(LastExtent(config, input).status());
  const nlohmann::json& raw = config.Raw("axis");
  const nlohmann::json& axis = raw.is_array() && raw.size() == 1 ? raw[0] : raw;
  if (axis.is_null()) return absl::OkStatus();
  if (axis.is_number_integer()) {
    const auto index = axis.get<int64_t>();
    if (index == -1 || index == input.rank() - 1) return absl::OkStatus();
  }
  return config.Unsupported(absl::StrCat("axis ", Show(raw), " is not supported; it must be the ",
                                         "last of ", input.rank()));
}

absl::StatusOr<int64_t> LastExtent(const KerasConfig& config, const ValueSpec& input) {
  if (input.shape.rank() >= 1) return input.shape[input.shape.rank() - 1];
  return config.Unsupported(absl::StrCat("the input is [batch, time]; a ", config.class_name(),
                                         " layer over time is not supported"));
}

absl::Status CheckChannelsLast(const KerasConfig& config) {
  RNNSERVE_ASSIGN_OR_RETURN(const std::string format,
                            config.String("data_format", "channels_last"));
  if (format == "channels_last") return absl::OkStatus();
  return config.Unsupported(absl::StrCat("data_format ", format, " is not supported"));
}

Axes AxesOf(const ValueSpec& value) {
  Axes axes;
  if (value.has_time) axes.push_back(value.time);
  for (const int64_t extent : value.shape.extents()) axes.push_back(extent);
  return axes;
}

absl::StatusOr<ValueSpec> ValueOfAxes(const KerasConfig& config, const Axes& axes) {
  if (axes.empty()) return config.Unsupported("an output of shape [batch] is not supported");
  const size_t first = axes.size() == 1 ? 0 : 1;
  absl::InlinedVector<int64_t, 4> extents;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes[i].has_value() && *axes[i] < 1) {
      return config.Error(absl::StrCat("axis ", i + 1, " of the output would be ", *axes[i]));
    }
    if (i < first) continue;
    if (!axes[i].has_value()) {
      return config.Unsupported(absl::StrCat(
          "axis ", i + 1, " of the output needs a number of timesteps that the model fixes"));
    }
    extents.push_back(*axes[i]);
  }
  ValueSpec value{Shape(extents), first == 1, first == 1 ? axes[0] : std::nullopt};
  RNNSERVE_RETURN_IF_ERROR(CheckElements(config, value));
  return value;
}

absl::Status CheckElements(const KerasConfig& config, const ValueSpec& value) {
  const std::optional<int64_t> elements = value.shape.NumElements();
  const std::optional<int64_t> row =
      elements.has_value() ? CheckedMultiply(*elements, value.time.value_or(1)) : std::nullopt;
  if (row.has_value() && *elements <= kTimestepElementsMax && *row <= kRowElementsMax) {
    return absl::OkStatus();
  }
  return config.Error(absl::StrCat("the output has too many elements: a timestep of shape ",
                                   value.shape.ToString(), " may have ", kTimestepElementsMax,
                                   ", and ", value.time.value_or(1), " timesteps may have ",
                                   kRowElementsMax));
}

absl::StatusOr<int> AxisIndex(const KerasConfig& config, int64_t axis, int num_axes) {
  const int64_t index = axis < 0 ? axis + num_axes : axis - 1;
  if (index >= 0 && index < num_axes) return static_cast<int>(index);
  return config.Error(
      absl::StrCat("axis ", axis, " is not one of the ", num_axes, " after the batch"));
}

absl::StatusOr<int64_t> TimestepCount(const KerasConfig& config, absl::string_view key,
                                      int64_t least) {
  return CountOf(config, key, config.Raw(key), least);
}

absl::StatusOr<int64_t> WindowOption(const KerasConfig& config, absl::string_view key,
                                     int64_t fallback) {
  const nlohmann::json& raw = config.Raw(key);
  if (raw.is_null()) return fallback;
  return CountOf(config, key, raw.is_array() && raw.size() == 1 ? raw[0] : raw, 1);
}

}  // namespace rnnserve
