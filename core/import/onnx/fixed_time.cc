// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/fixed_time.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace rnnserve {
namespace {

constexpr size_t kWaysMax = 8;

// A name that is known to be time (PlanInputs).
constexpr char kTimeSymbol[] = "time";

bool IsFixed(const OnnxOptions& options, const OnnxValueInfo& input) {
  return options.set.count(input.name) > 0 || options.shape.count(input.name) > 0;
}

// Returns the axis of that extent which may be time; nullopt if there is none or more than one.
std::optional<size_t> AxisOf(const OnnxValueInfo& input, const OnnxOptions& options,
                             int64_t extent) {
  const auto given = options.time_axis.find(input.name);
  const auto batch = options.batch_axis.find(input.name);
  std::optional<size_t> found;
  for (size_t axis = 0; axis < input.axes->size(); ++axis) {
    const auto number = static_cast<int64_t>(axis);
    if ((*input.axes)[axis].extent != extent) continue;
    if (given != options.time_axis.end() && given->second != number) continue;
    if (batch != options.batch_axis.end() && batch->second == number) continue;
    if (found.has_value()) return std::nullopt;
    found = axis;
  }
  return found;
}

}  // namespace

std::vector<OpenedModel> OpenFixedTime(const OnnxModel& model, const OnnxOptions& options) {
  std::set<int64_t> extents;
  for (const OnnxValueInfo& input : model.graph.inputs) {
    if (IsFixed(options, input)) continue;
    if (!input.axes.has_value()) return {};
    int num_open = 0;
    for (const OnnxValueInfo::Axis& axis : *input.axes) {
      num_open += axis.extent < 0 ? 1 : 0;
      if (axis.extent > 1) extents.insert(axis.extent);
    }
    if (num_open > 1) return {};
  }
  std::vector<OpenedModel> ways;
  for (int64_t extent : extents) {
    OpenedModel opened{model, extent, "", 0};
    for (OnnxValueInfo& input : opened.model.graph.inputs) {
      if (IsFixed(options, input)) continue;
      const std::optional<size_t> axis = AxisOf(input, options, extent);
      if (!axis.has_value()) continue;
      (*input.axes)[*axis] = {-1, kTimeSymbol};
      if (!opened.input.empty()) continue;
      opened.input = input.name;
      opened.axis = static_cast<int>(*axis);
    }
    if (!opened.input.empty() && ways.size() < kWaysMax) ways.push_back(std::move(opened));
  }
  return ways;
}

}  // namespace rnnserve
