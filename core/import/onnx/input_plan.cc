// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/input_plan.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"

namespace rnnserve {
namespace {

using Axis = OnnxValueInfo::Axis;

absl::Status BadShape(absl::string_view text) { return InvalidArgument("ONNX_SHAPES", text); }

absl::Status BadOption(absl::string_view text) { return InvalidArgument("MODEL_CONFIG", text); }

// Return whether exporters and people give that name to the batch, and to axes that are time.
bool IsBatchName(const std::string& symbol) {
  const std::string name = absl::AsciiStrToLower(symbol);
  return absl::StrContains(name, "batch") || name == "n" || name == "b" || name == "bs";
}

bool IsTimeName(const std::string& symbol) {
  const std::string name = absl::AsciiStrToLower(symbol);
  for (const char* part : {"seq", "time", "len", "frame", "step", "sample", "chunk"}) {
    if (absl::StrContains(name, part)) return true;
  }
  return name == "t" || name == "l" || name == "s";
}

std::string DescribeShape(const std::vector<Axis>& axes) {
  return absl::StrCat("[",
                      absl::StrJoin(axes, ", ",
                                    [](std::string* out, const Axis& axis) {
                                      absl::StrAppend(out, axis.extent >= 0
                                                               ? absl::StrCat(axis.extent)
                                                           : axis.symbol.empty() ? "?"
                                                                                 : axis.symbol);
                                    }),
                      "]");
}

// Checks that every name in the options is one of the graph's.
absl::Status CheckNames(const OnnxGraph& graph, const OnnxOptions& options) {
  std::set<std::string> inputs;
  std::set<std::string> both;
  std::set<std::string> symbols;
  for (const OnnxValueInfo& input : graph.inputs) {
    inputs.insert(input.name);
    if (!input.axes.has_value()) continue;
    for (const Axis& axis : *input.axes) symbols.insert(axis.symbol);
  }
  both = inputs;
  for (const OnnxValueInfo& output : graph.outputs) both.insert(output.name);
  const auto check = [](const auto& entries, const std::set<std::string>& names,
                        absl::string_view option, absl::string_view what) {
    for (const auto& [name, value] : entries) {
      if (names.count(name) > 0) continue;
      return BadOption(absl::StrCat("'", option, "' names '", name, "', which is ", what,
                                    " of the model; there are '", absl::StrJoin(names, "', '"),
                                    "'"));
    }
    return absl::OkStatus();
  };
  RNNSERVE_RETURN_IF_ERROR(check(options.shape, inputs, "shape", "no input"));
  RNNSERVE_RETURN_IF_ERROR(check(options.batch_axis, both, "batch_axis", "no input or output"));
  RNNSERVE_RETURN_IF_ERROR(check(options.time_axis, inputs, "time_axis", "no input"));
  RNNSERVE_RETURN_IF_ERROR(check(options.overlap, inputs, "overlap", "no input"));
  RNNSERVE_RETURN_IF_ERROR(check(options.initial_state, inputs, "initial_state", "no input"));
  inputs.insert(symbols.begin(), symbols.end());
  inputs.erase("");
  return check(options.set, inputs, "set", "no input and no symbolic dimension");
}

// Returns the axes of an input, as the file and the options have them.
absl::StatusOr<std::vector<Axis>> AxesOf(const OnnxValueInfo& input, const OnnxOptions& options) {
  const auto shape = options.shape.find(input.name);
  if (!input.axes.has_value() && shape == options.shape.end()) {
    return BadShape(absl::StrCat("the file says nothing about the shape of input '", input.name,
                                 "': --shape ", input.name, "=1,..."));
  }
  std::vector<Axis> axes = input.axes.value_or(std::vector<Axis>());
  for (Axis& axis : axes) {
    const auto set = options.set.find(axis.symbol);
    if (axis.extent >= 0 || axis.symbol.empty() || set == options.set.end()) continue;
    const double extent = set->second.size() == 1 ? set->second.front() : 0;
    if (extent < 1 || extent != std::floor(extent) || extent > 0x1p31) {
      return BadOption(absl::StrCat("'set' of the dimension '", axis.symbol,
                                    "' is not a whole number of at least 1"));
    }
    axis.extent = static_cast<int64_t>(extent);
  }
  if (shape == options.shape.end()) return axes;
  if (!input.axes.has_value()) axes.resize(shape->second.size());
  bool fits = axes.size() == shape->second.size();
  for (size_t i = 0; fits && i < axes.size(); ++i) {
    fits = axes[i].extent < 0 || axes[i].extent == shape->second[i];
    axes[i].extent = shape->second[i];
  }
  if (fits) return axes;
  return BadOption(absl::StrCat("'shape' of '", input.name, "' is [",
                                absl::StrJoin(shape->second, ", "), "], but the file says ",
                                DescribeShape(input.axes.value_or(std::vector<Axis>()))));
}

// Returns the only axis that is not known, or -1.
int OnlyOpenAxis(const std::vector<Axis>& axes) {
  int open = -1;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes[i].extent >= 0) continue;
    if (open >= 0) return -1;
    open = static_cast<int>(i);
  }
  return open;
}

bool HasExtentOne(const std::vector<Axis>& axes) {
  return std::any_of(axes.begin(), axes.end(), [](const Axis& axis) { return axis.extent == 1; });
}

// Returns whether the open axis of an input may be taken for the batch: not if it is named like
// time and another axis may be the batch, or there is a time axis to be found.
bool MayBeBatch(const std::vector<Axis>& axes, int open, bool has_time) {
  const std::string& symbol = axes[static_cast<size_t>(open)].symbol;
  return !IsTimeName(symbol) || (!has_time && !HasExtentOne(axes));
}

// Returns the axis that could be the batch of a value whose batch is 1; -1 if there is none.
absl::StatusOr<int> BatchAxisOfOnes(const std::string& name, const Shape& shape) {
  int found = -1;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] != 1) continue;
    if (found < 0) found = i;
    if (!(RowShape(shape, i) == RowShape(shape, found))) {
      return BadShape(absl::StrCat("axes ", found, " and ", i, " of '", name, "' (",
                                   shape.ToString(), ") could be the batch: --batch-axis ", name,
                                   "=", found, " or --batch-axis ", name, "=", i));
    }
  }
  return found;
}

absl::StatusOr<OnnxTensor> FixedValue(const OnnxValueInfo& input, const OnnxOptions& options) {
  const std::vector<double>& numbers = options.set.at(input.name);
  std::vector<int64_t> extents;
  if (input.axes.has_value()) {
    for (const Axis& axis : *input.axes) extents.push_back(axis.extent);
    // One open axis takes what is left.
    const int open = OnlyOpenAxis(*input.axes);
    if (open >= 0) extents[static_cast<size_t>(open)] = 1;
    const int64_t rest = Shape(extents).NumElements().value_or(0);
    if (open >= 0 && rest > 0) {
      extents[static_cast<size_t>(open)] = static_cast<int64_t>(numbers.size()) / rest;
    }
  } else if (numbers.size() != 1) {
    extents.push_back(static_cast<int64_t>(numbers.size()));
  }
  OnnxTensor tensor{input.type, Shape(extents), {}};
  if (tensor.shape.NumElements() != static_cast<int64_t>(numbers.size())) {
    return BadOption(absl::StrCat("'set' of '", input.name, "' has ", numbers.size(),
                                  " numbers, but the input has the shape ",
                                  DescribeShape(input.axes.value_or(std::vector<Axis>()))));
  }
  if (input.type == ElementType::kFloat32) {
    tensor.elements = std::vector<float>(numbers.begin(), numbers.end());
    return tensor;
  }
  std::vector<int64_t> integers;
  for (double number : numbers) {
    if (number != std::floor(number) || std::abs(number) > 0x1p53) {
      return BadOption(absl::StrCat("'set' of '", input.name, "' is ", number,
                                    ", but the input has whole numbers"));
    }
    integers.push_back(static_cast<int64_t>(number));
  }
  tensor.elements = std::move(integers);
  return tensor;
}

// Decides one input after the other.
class Planner {
 public:
  Planner(const OnnxGraph& graph, const OnnxOptions& options,
          const std::map<std::string, std::string>& states, const TimeAxes& time)
      : graph_(graph), options_(options), states_(states), time_(time) {}

  absl::StatusOr<InputPlan> Plan();

 private:
  absl::Status FindBatchSymbols();
  absl::StatusOr<InputPlan::Input> PlanInput(const OnnxValueInfo& info);
  absl::Status PlaceTime(const std::vector<Axis>& axes, InputPlan::Input& input);
  absl::Status NotKnown(const OnnxValueInfo& info, const std::vector<Axis>& axes, int axis) const;
  // Returns the axis that the options say; nullopt if they say nothing.
  std::optional<int> BatchAxisOption(const std::string& name) const;

  const OnnxGraph& graph_;
  const OnnxOptions& options_;
  const std::map<std::string, std::string>& states_;
  const TimeAxes time_;
  InputPlan plan_;
};

std::optional<int> Planner::BatchAxisOption(const std::string& name) const {
  const auto found = options_.batch_axis.find(name);
  if (found == options_.batch_axis.end()) return std::nullopt;
  return static_cast<int>(std::min<int64_t>(found->second, 1000));
}

absl::Status Planner::FindBatchSymbols() {
  for (const OnnxValueInfo& info : graph_.inputs) {
    if (options_.set.count(info.name) > 0 || !info.axes.has_value()) continue;
    const std::optional<int> option = BatchAxisOption(info.name);
    for (size_t i = 0; i < info.axes->size(); ++i) {
      const std::string& symbol = (*info.axes)[i].symbol;
      if (symbol.empty()) continue;
      const bool is_said = option == static_cast<int>(i);
      if (is_said || (!option.has_value() && IsBatchName(symbol))) {
        plan_.batch_symbols.insert(symbol);
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Planner::NotKnown(const OnnxValueInfo& info, const std::vector<Axis>& axes,
                               int axis) const {
  const std::string& symbol = axes[static_cast<size_t>(axis)].symbol;
  return BadShape(absl::StrCat(
      "the extent of axis ", axis, " of input '", info.name, "' ", DescribeShape(axes),
      " is not known: ",
      symbol.empty() ? absl::StrCat("--shape ", info.name, "=...")
                     : absl::StrCat("--set ", symbol, "=EXTENT, or --shape ", info.name, "=..."),
      ", or --batch-axis ", info.name, "=", axis, " if it is the batch",
      time_.has_time ? absl::StrCat(", or --time-axis ", info.name, "=", axis, " if it is time")
                     : ""));
}

absl::Status Planner::PlaceTime(const std::vector<Axis>& axes, InputPlan::Input& input) {
  const auto option = options_.time_axis.find(input.name);
  if (option != options_.time_axis.end()) {
    if (option->second >= static_cast<int64_t>(axes.size()) || option->second == input.batch_axis) {
      return BadOption(absl::StrCat("'time_axis' of '", input.name, "' is ", option->second,
                                    ", which is not an axis of ", DescribeShape(axes),
                                    " besides the batch"));
    }
    input.time_axis = static_cast<int>(option->second);
    return absl::OkStatus();
  }
  for (size_t i = 0; i < axes.size(); ++i) {
    if (static_cast<int>(i) == input.batch_axis) continue;
    if (axes[i].extent >= 0 && !IsTimeName(axes[i].symbol)) continue;
    if (input.time_axis >= 0)
      return NotKnown(
          *std::find_if(graph_.inputs.begin(), graph_.inputs.end(),
                        [&](const OnnxValueInfo& info) { return info.name == input.name; }),
          axes, static_cast<int>(i));
    input.time_axis = static_cast<int>(i);
  }
  return absl::OkStatus();
}

absl::StatusOr<InputPlan::Input> Planner::PlanInput(const OnnxValueInfo& info) {
  InputPlan::Input input{info.name, info.type, Shape(), -1, -1, "", std::nullopt};
  const auto state = states_.find(info.name);
  if (state != states_.end()) input.next = state->second;
  if (options_.set.count(info.name) > 0) {
    RNNSERVE_ASSIGN_OR_RETURN(input.fixed, FixedValue(info, options_));
    return input;
  }
  RNNSERVE_ASSIGN_OR_RETURN(std::vector<Axis> axes, AxesOf(info, options_));
  const std::optional<int> option = BatchAxisOption(info.name);
  if (option.has_value()) {
    input.batch_axis = *option;
    if (*option >= static_cast<int>(axes.size())) {
      return BadOption(absl::StrCat("'batch_axis' of '", info.name, "' is ", *option,
                                    ", but its shape is ", DescribeShape(axes)));
    }
  } else {
    for (size_t i = 0; i < axes.size(); ++i) {
      if (plan_.batch_symbols.count(axes[i].symbol) == 0) continue;
      if (input.batch_axis >= 0) {
        return BadShape(absl::StrCat("two axes of input '", info.name, "' ", DescribeShape(axes),
                                     " could be the batch: --batch-axis ", info.name, "=",
                                     input.batch_axis, " or --batch-axis ", info.name, "=", i));
      }
      input.batch_axis = static_cast<int>(i);
    }
    const int open = OnlyOpenAxis(axes);
    if (input.batch_axis < 0 && open >= 0 && MayBeBatch(axes, open, time_.has_time)) {
      input.batch_axis = open;
    }
  }
  if (input.batch_axis >= 0) {
    Axis& batch = axes[static_cast<size_t>(input.batch_axis)];
    if (batch.extent > 1) {
      return BadShape(absl::StrCat("the batch of input '", info.name, "' ", DescribeShape(axes),
                                   " is fixed at ", batch.extent,
                                   "; export the model with a batch of 1 or an open one"));
    }
    batch.extent = 1;
  }
  if (time_.has_time) {
    RNNSERVE_RETURN_IF_ERROR(PlaceTime(axes, input));
    if (input.time_axis >= 0) {
      Axis& axis = axes[static_cast<size_t>(input.time_axis)];
      if (axis.extent < 0) axis.extent = time_.extent;
    }
  }
  std::vector<int64_t> extents;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes[i].extent < 0) return NotKnown(info, axes, static_cast<int>(i));
    extents.push_back(axes[i].extent);
  }
  input.shape = Shape(extents);
  if (input.batch_axis < 0 && !option.has_value()) {
    RNNSERVE_ASSIGN_OR_RETURN(input.batch_axis, BatchAxisOfOnes(info.name, input.shape));
  }
  return input;
}

absl::StatusOr<InputPlan> Planner::Plan() {
  RNNSERVE_RETURN_IF_ERROR(CheckNames(graph_, options_));
  RNNSERVE_RETURN_IF_ERROR(FindBatchSymbols());
  for (const OnnxValueInfo& info : graph_.inputs) {
    RNNSERVE_ASSIGN_OR_RETURN(InputPlan::Input input, PlanInput(info));
    plan_.inputs.push_back(std::move(input));
  }
  return std::move(plan_);
}

}  // namespace

absl::StatusOr<InputPlan> PlanInputs(const OnnxGraph& graph, const OnnxOptions& options,
                                     const std::map<std::string, std::string>& states,
                                     const TimeAxes& time) {
  return Planner(graph, options, states, time).Plan();
}

absl::StatusOr<int> OutputBatchAxis(const OnnxValueInfo& output, const Shape& shape,
                                    const OnnxOptions& options,
                                    const std::set<std::string>& batch_symbols) {
  const auto option = options.batch_axis.find(output.name);
  if (option != options.batch_axis.end()) {
    const int64_t axis = option->second;
    if (axis < 0 || (axis < shape.rank() && shape[static_cast<int>(axis)] == 1)) {
      return static_cast<int>(axis);
    }
    return BadOption(absl::StrCat("'batch_axis' of '", output.name, "' is ", axis,
                                  ", but its shape for a batch of 1 is ", shape.ToString()));
  }
  if (output.axes.has_value() && static_cast<int>(output.axes->size()) == shape.rank()) {
    for (int i = 0; i < shape.rank(); ++i) {
      const Axis& axis = (*output.axes)[static_cast<size_t>(i)];
      if (batch_symbols.count(axis.symbol) > 0 && shape[i] == 1) return i;
    }
    const int open = OnlyOpenAxis(*output.axes);
    if (open >= 0 && shape[open] == 1) return open;
  }
  return BatchAxisOfOnes(output.name, shape);
}

Shape RowShape(const Shape& shape, int batch_axis) {
  std::vector<int64_t> extents(shape.extents().begin(), shape.extents().end());
  if (batch_axis >= 0) extents.erase(extents.begin() + batch_axis);
  if (extents.empty()) extents.push_back(1);
  return Shape(extents);
}

}  // namespace rnnserve
