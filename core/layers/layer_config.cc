// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/layers/layer_config.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace rnnserve {
namespace {

// The number of axes of the whole tensor, with batch and time.

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
  const nlohmann::json& raw = config.Raw("axis");
  const nlohmann::json& axis = raw.is_array() && raw.size() == 1 ? raw[0] : raw;
  if (axis.is_null()) return absl::OkStatus();
  if (axis.is_number_integer()) {
    const auto index = axis.get<int64_t>();
    if (index == -1 || index == input.rank() - 1) return absl::OkStatus();
  }
  return config.Unsupported(absl::StrCat("axis ", raw.dump().substr(0, 80),
                                         " is not supported; it must be the ", "last of ",
                                         input.rank()));
}

}  // namespace rnnserve
