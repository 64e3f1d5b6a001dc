// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// The part of GraphConverter that takes If, Loop and Scan apart.

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/import/onnx/graph_converter.h"
#include "core/import/onnx/node_reading.h"
#include "core/import/onnx/onnx_limits.h"

namespace rnnserve {
namespace {

using GraphPointer = std::shared_ptr<const OnnxGraph>;

// How a Scan goes through its inputs and outputs.
struct ScanForm {
  using Integers = std::vector<int64_t>;

  // Returns whether everything is scanned in the direction of the first input.
  bool has_one_direction() const {
    const auto differs = [this](int64_t direction) { return direction != directions[0]; };
    return std::none_of(directions.begin(), directions.end(), differs) &&
           std::none_of(out_directions.begin(), out_directions.end(), differs);
  }

  size_t num_carried = 0;
  size_t num_stacked = 0;
  std::vector<int> axes;  // of the scanned inputs
  Integers directions;    // 1: from the end
  Integers out_axes;
  Integers out_directions;
  int64_t num_passes = -1;
};

// Reads the attributes of a Scan, except the number of its passes.
absl::StatusOr<ScanForm> ReadScan(const OnnxNode& node, const OnnxGraph* body,
                                  const std::vector<std::optional<BuiltValue>>& operands) {
  using Integers = ScanForm::Integers;
  const auto num_scanned = static_cast<size_t>(AttributeOr<int64_t>(node, "num_scan_inputs", 0));
  if (body == nullptr || num_scanned < 1 || num_scanned > operands.size()) {
    return InvalidNode("it needs a body, and inputs to scan");
  }
  ScanForm form;
  form.num_carried = operands.size() - num_scanned;
  if (body->outputs.size() < form.num_carried) return InvalidNode("its body has too few outputs");
  form.num_stacked = body->outputs.size() - form.num_carried;
  const auto axes = AttributeOr(node, "scan_input_axes", Integers(num_scanned, 0));
  form.directions = AttributeOr(node, "scan_input_directions", Integers(num_scanned, 0));
  form.out_axes = AttributeOr(node, "scan_output_axes", Integers(form.num_stacked, 0));
  form.out_directions = AttributeOr(node, "scan_output_directions", Integers(form.num_stacked, 0));
  if (axes.size() != num_scanned || form.directions.size() != num_scanned ||
      form.out_axes.size() != form.num_stacked || form.out_directions.size() != form.num_stacked) {
    return InvalidNode("an attribute has not one number for each scanned value");
  }
  for (size_t i = 0; i < num_scanned; ++i) {
    const std::optional<BuiltValue>& operand = operands[form.num_carried + i];
    if (!operand.has_value()) return InvalidNode("an input is left out");
    const int64_t axis = axes[i] < 0 ? axes[i] + operand->rank() : axes[i];
    if (axis < 0 || axis >= operand->rank()) return InvalidNode("an axis is out of range");
    form.axes.push_back(static_cast<int>(axis));
    const int64_t extent = operand->shape()[form.axes.back()];
    if (form.num_passes >= 0 && extent != form.num_passes) {
      return InvalidNode("scanned axes differ in length");
    }
    form.num_passes = extent;
  }
  return form;
}

}  // namespace

absl::StatusOr<GraphConverter::Slot> GraphConverter::Choose(const BuiltValue& condition,
                                                            const Slot& then_value,
                                                            const Slot& else_value) {
  if (!then_value.has_value() || !else_value.has_value()) return Slot();
  if (!(then_value->shape() == else_value->shape()) || then_value->type() != else_value->type()) {
    return NotServed(absl::StrCat(
        "the condition depends on the inputs and states, and the branches give ",
        then_value->shape().ToString(), " and ", else_value->shape().ToString(),
        "; only a choice between equal shapes can be served. If an input decides which branch is "
        "right, fix it with --set NAME=VALUE"));
  }
  RNNSERVE_ASSIGN_OR_RETURN(BuiltValue chosen,
                            builder_.Add(OpCode::kWhere, {condition, *then_value, *else_value}));
  return Slot(std::move(chosen));
}

absl::StatusOr<std::vector<GraphConverter::Slot>> GraphConverter::ConvertIf(
    const OnnxNode& node, const std::vector<Slot>& operands, Scope& scope) {
  const GraphPointer then_graph = BodyOf(node, "then_branch");
  const GraphPointer else_graph = BodyOf(node, "else_branch");
  if (operands.size() != 1 || !operands[0].has_value() || then_graph == nullptr ||
      else_graph == nullptr) {
    return InvalidNode("it needs a condition and two branches");
  }
  if (const std::optional<int64_t> condition = KnownScalar(operands[0])) {
    return ConvertBody(*condition != 0 ? *then_graph : *else_graph, {}, scope);
  }
  if (operands[0]->shape().NumElements() != 1) return InvalidNode("its condition is not one value");
  RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue condition, builder_.Reshape(*operands[0], Shape{}));
  // A branch that is never taken may make no sense for this input.
  const auto convert = [&](const OnnxGraph& graph) -> absl::StatusOr<std::vector<Slot>> {
    absl::StatusOr<std::vector<Slot>> values = ConvertBody(graph, {}, scope);
    if (values.ok() || values.status().code() != absl::StatusCode::kInvalidArgument) return values;
    return Annotate(values.status(),
                    "its condition depends on the inputs and states, so both branches are needed "
                    "(if an input decides which one is right, fix it with --set NAME=VALUE)");
  };
  RNNSERVE_ASSIGN_OR_RETURN(std::vector<Slot> then_values, convert(*then_graph));
  RNNSERVE_ASSIGN_OR_RETURN(std::vector<Slot> else_values, convert(*else_graph));
  if (then_values.size() != else_values.size()) {
    return InvalidNode("its branches have different numbers of outputs");
  }
  for (size_t i = 0; i < then_values.size(); ++i) {
    RNNSERVE_ASSIGN_OR_RETURN(then_values[i], Choose(condition, then_values[i], else_values[i]));
  }
  return then_values;
}

absl::StatusOr<GraphConverter::Slot> GraphConverter::Stack(const std::vector<Slot>& passes,
                                                           int64_t axis) {
  std::vector<BuiltValue> parts;
  for (const Slot& pass : passes) {
    if (!pass.has_value()) return Slot();
    std::vector<int64_t> extents(pass->shape().extents().begin(), pass->shape().extents().end());
    if (axis < 0) axis += pass->rank() + 1;
    if (axis < 0 || axis > pass->rank()) return InvalidNode("an axis is out of range");
    extents.insert(extents.begin() + axis, 1);
    RNNSERVE_ASSIGN_OR_RETURN(BuiltValue part, builder_.Reshape(*pass, Shape(extents)));
    parts.push_back(std::move(part));
  }
  RNNSERVE_ASSIGN_OR_RETURN(BuiltValue stacked, builder_.Concat(parts, static_cast<int>(axis)));
  return Slot(std::move(stacked));
}

absl::StatusOr<std::vector<GraphConverter::Slot>> GraphConverter::ConvertLoop(
    const OnnxNode& node, const std::vector<Slot>& operands, Scope& scope) {
  const GraphPointer body = BodyOf(node, "body");
  if (body == nullptr || operands.size() < 2) return InvalidNode("it needs a body and two inputs");
  const size_t num_carried = operands.size() - 2;
  if (body->outputs.size() < num_carried + 1) return InvalidNode("its body has too few outputs");
  const std::optional<int64_t> trips = KnownScalar(operands[0]);
  if (operands[0].has_value() && !trips.has_value()) {
    return NotServed("the number of passes depends on the inputs and states");
  }
  std::optional<int64_t> goes_on = operands[1].has_value() ? KnownScalar(operands[1]) : 1;
  std::vector<Slot> carried(operands.begin() + 2, operands.end());
  std::vector<std::vector<Slot>> scans(body->outputs.size() - num_carried - 1);
  for (int64_t pass = 0; !trips.has_value() || pass < *trips; ++pass) {
    if (!goes_on.has_value()) {
      return NotServed("its condition depends on the inputs and states");
    }
    if (*goes_on == 0) break;
    if (pass >= kOnnxPassesMax) {
      return NotServed(absl::StrCat("it has more than ", kOnnxPassesMax, " passes"));
    }
    std::vector<Slot> inputs = {BuiltValue(ScalarTensor(pass)), BuiltValue(ScalarTensor(true))};
    inputs.insert(inputs.end(), carried.begin(), carried.end());
    RNNSERVE_ASSIGN_OR_RETURN(std::vector<Slot> outputs, ConvertBody(*body, inputs, scope));
    goes_on = KnownScalar(outputs[0]);
    std::copy_n(outputs.begin() + 1, num_carried, carried.begin());
    for (size_t i = 0; i < scans.size(); ++i) scans[i].push_back(outputs[1 + num_carried + i]);
  }
  for (const std::vector<Slot>& passes : scans) {
    if (passes.empty()) return NotServed("it has no pass, so the shape of its results is unknown");
    RNNSERVE_ASSIGN_OR_RETURN(Slot stacked, Stack(passes, 0));
    carried.push_back(std::move(stacked));
  }
  return carried;
}

absl::StatusOr<std::vector<GraphConverter::Slot>> GraphConverter::ConvertScan(
    const OnnxNode& node, const std::vector<Slot>& operands, Scope& scope) {
  const GraphPointer body = BodyOf(node, "body");
  if (OpsetOf(*scope.opsets, "") < 9) return NotServed("the Scan of opset 8 has a batch axis");
  RNNSERVE_ASSIGN_OR_RETURN(const ScanForm form, ReadScan(node, body.get(), operands));
  if (form.num_passes > kOnnxPassesMax || form.num_passes == 0) {
    return NotServed(absl::StrCat("it has ", form.num_passes, " passes; 1 to ", kOnnxPassesMax,
                                  " are supported"));
  }
  std::vector<Slot> carried(operands.begin(),
                            operands.begin() + static_cast<int64_t>(form.num_carried));
  // Returns the states, and one element of each scanned input.
  const auto inputs_of = [&](int64_t pass) -> absl::StatusOr<std::vector<Slot>> {
    std::vector<Slot> inputs = carried;
    for (size_t i = 0; i < form.axes.size(); ++i) {
      const BuiltValue& whole = *operands[form.num_carried + i];
      const int64_t index = form.directions[i] != 0 ? form.num_passes - 1 - pass : pass;
      RNNSERVE_ASSIGN_OR_RETURN(BuiltValue part,
                                builder_.Slice(whole, form.axes[i], index, index + 1));
      std::vector<int64_t> extents(whole.shape().extents().begin(), whole.shape().extents().end());
      extents.erase(extents.begin() + form.axes[i]);
      RNNSERVE_ASSIGN_OR_RETURN(part, builder_.Reshape(part, Shape(extents)));
      inputs.push_back(std::move(part));
    }
    return inputs;
  };
  if (override_ != nullptr && form.num_passes == 1) {
    if (!form.has_one_direction()) {
      return NotServed("its inputs and outputs are scanned in different directions over time");
    }
    RNNSERVE_ASSIGN_OR_RETURN(const std::vector<Slot> inputs, inputs_of(0));
    RNNSERVE_ASSIGN_OR_RETURN(std::optional<std::vector<Slot>> results,
                              OverrideScan(node, *body, inputs, form.directions[0] != 0, scope));
    if (results.has_value()) {
      for (size_t i = 0; i < form.num_stacked; ++i) {
        Slot& result = (*results)[form.num_carried + i];
        RNNSERVE_ASSIGN_OR_RETURN(result, Stack({result}, form.out_axes[i]));
      }
      return *std::move(results);
    }
  }
  std::vector<std::vector<Slot>> scans(form.num_stacked);
  for (int64_t pass = 0; pass < form.num_passes; ++pass) {
    RNNSERVE_ASSIGN_OR_RETURN(const std::vector<Slot> inputs, inputs_of(pass));
    RNNSERVE_ASSIGN_OR_RETURN(std::vector<Slot> outputs, ConvertBody(*body, inputs, scope));
    std::copy_n(outputs.begin(), form.num_carried, carried.begin());
    for (size_t i = 0; i < scans.size(); ++i) {
      scans[i].push_back(outputs[form.num_carried + i]);
    }
  }
  for (size_t i = 0; i < scans.size(); ++i) {
    if (form.out_directions[i] != 0) std::reverse(scans[i].begin(), scans[i].end());
    RNNSERVE_ASSIGN_OR_RETURN(Slot stacked, Stack(scans[i], form.out_axes[i]));
    carried.push_back(std::move(stacked));
  }
  return carried;
}

absl::StatusOr<std::optional<std::vector<GraphConverter::Slot>>> GraphConverter::OverrideScan(
    const OnnxNode& node, const OnnxGraph& body, const std::vector<Slot>& operands, bool is_reverse,
    const Scope& scope) {
  const auto num_scanned = static_cast<size_t>(AttributeOr<int64_t>(node, "num_scan_inputs", 0));
  ScanPass pass;
  pass.name = node.name;
  pass.is_reverse = is_reverse;
  for (const Slot& operand : operands) {
    if (!operand.has_value()) return InvalidNode("an input is left out");
    const bool is_carried = pass.carried.size() + num_scanned < operands.size();
    (is_carried ? pass.carried : pass.scanned).push_back(*operand);
  }
  for (const std::string& output : node.outputs) pass.wants.push_back(!output.empty());
  pass.wants.resize(body.outputs.size(), false);
  // A name that the body reads and does not write itself is read from outside, if it is there.
  std::set<std::string> names;
  for (const OnnxNode& inner : body.nodes) AddNamesRead(inner, names);
  for (const OnnxValueInfo& output : body.outputs) names.insert(output.name);
  std::map<std::string, BuiltValue> known;
  for (const std::string& name : names) {
    const Slot* slot = Find(scope, name);
    if (slot == nullptr) continue;
    // It depends on an operator that is not supported.
    if (!slot->has_value()) return std::vector<Slot>(body.outputs.size());
    ((*slot)->is_known() ? known : pass.captured).emplace(name, **slot);
  }
  pass.convert_body = [&, known](ProgramBuilder& builder, const std::vector<BuiltValue>& carried,
                                 const std::vector<BuiltValue>& scanned,
                                 const std::map<std::string, BuiltValue>& captured)
      -> absl::StatusOr<std::vector<BuiltValue>> {
    GraphConverter inner(model_, builder, nullptr);
    inner.num_conversions_ = num_conversions_;
    Scope outer;
    outer.opsets = scope.opsets;
    outer.arguments = scope.arguments;
    outer.depth = scope.depth;
    outer.values.insert(known.begin(), known.end());
    outer.values.insert(captured.begin(), captured.end());
    std::vector<Slot> inputs(carried.begin(), carried.end());
    inputs.insert(inputs.end(), scanned.begin(), scanned.end());
    RNNSERVE_ASSIGN_OR_RETURN(const std::vector<Slot> outputs,
                              inner.ConvertBody(body, inputs, outer));
    num_conversions_ = inner.num_conversions_;
    std::vector<BuiltValue> values;
    for (const Slot& output : outputs) {
      if (!output.has_value()) return inner.MissingError();
      values.push_back(*output);
    }
    return values;
  };
  RNNSERVE_ASSIGN_OR_RETURN(const std::optional<std::vector<BuiltValue>> results,
                            override_->ConvertScan(builder_, pass));
  if (!results.has_value()) return std::nullopt;
  return std::vector<Slot>(results->begin(), results->end());
}

}  // namespace rnnserve
