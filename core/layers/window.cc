// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/layers/window.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/layers/layer_config.h"

namespace rnnserve {

int64_t Window::OutputTime(int64_t time) const {
  if (padding != Padding::kValid) return (time + stride - 1) / stride;
  return time <= reach() ? 0 : (time - reach() - 1) / stride + 1;
}

int64_t Window::PadBefore(int64_t time) const {
  if (padding == Padding::kValid) return 0;
  if (padding == Padding::kCausal) return reach();
  return std::max((OutputTime(time) - 1) * stride + reach() + 1 - time, int64_t{0}) / 2;
}

absl::StatusOr<Window::Padding> Window::ParsePadding(const KerasConfig& config,
                                                     bool allows_causal) {
  RNNSERVE_ASSIGN_OR_RETURN(const std::string name, config.String("padding", "valid"));
  if (name == "valid") return Padding::kValid;
  if (name == "same") return Padding::kSame;
  if (name == "causal" && allows_causal) return Padding::kCausal;
  return config.Error(absl::StrCat(
      "padding must be valid", allows_causal ? ", same or causal" : " or same", ", found ", name));
}

absl::StatusOr<ValueSpec> WindowOutput(const KerasConfig& config, const Window& window,
                                       const ValueSpec& input, int64_t features) {
  Axes axes = {std::nullopt, features};
  if (input.time.has_value()) axes[0] = window.OutputTime(*input.time);
  return ValueOfAxes(config, axes);
}

}  // namespace rnnserve
