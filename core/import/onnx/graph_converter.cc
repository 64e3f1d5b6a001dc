// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/graph_converter.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/import/onnx/onnx_limits.h"

namespace rnnserve {
namespace {

using GraphPointer = std::shared_ptr<const OnnxGraph>;

// The nodes of one operator that an error names; of the others it says how many there are.
constexpr size_t kNodesNamed = 3;

absl::Status Invalid(absl::string_view text) { return InvalidArgument("MODEL_CONFIG", text); }

absl::Status TooLarge(absl::string_view text) { return InvalidArgument("MODEL_TOO_LARGE", text); }

// "node 'lstm_1' (LSTM, opset 14)"
std::string Describe(const OnnxNode& node, int64_t opset) {
  return absl::StrCat("node '",
                      !node.name.empty()      ? node.name
                      : !node.outputs.empty() ? node.outputs.front()
                                              : "",
                      "' (", node.domain.empty() ? "" : absl::StrCat(node.domain, "."),
                      node.op_type, opset > 0 ? absl::StrCat(", opset ", opset) : "", ")");
}

int64_t OpsetOf(const OnnxOpsets& opsets, const std::string& domain) {
  const auto found = opsets.find(domain);
  return found == opsets.end() ? 0 : found->second;
}

// Adds the names that a node reads: its inputs, and what its bodies read from outside or inside,
// which may be more than needed.
void AddNamesRead(const OnnxNode& node, std::set<std::string>& names) {
  names.insert(node.inputs.begin(), node.inputs.end());
  for (const auto& [key, attribute] : node.attributes) {
    const GraphPointer* graph = std::get_if<GraphPointer>(&attribute);
    if (graph == nullptr) continue;
    for (const OnnxNode& inner : (*graph)->nodes) AddNamesRead(inner, names);
    for (const OnnxValueInfo& output : (*graph)->outputs) names.insert(output.name);
  }
}

// Returns, for each node, whether the wanted names depend on it.
std::vector<bool> NeededNodes(const std::vector<OnnxNode>& nodes,
                              const std::vector<std::string>& wanted) {
  std::set<std::string> names(wanted.begin(), wanted.end());
  names.erase("");
  std::vector<bool> needed(nodes.size(), false);
  for (size_t i = nodes.size(); i-- > 0;) {
    needed[i] = std::any_of(nodes[i].outputs.begin(), nodes[i].outputs.end(),
                            [&names](const std::string& name) { return names.count(name) > 0; });
    if (needed[i]) AddNamesRead(nodes[i], names);
    names.erase("");
  }
  return needed;
}

std::vector<std::string> NamesOf(const std::vector<OnnxValueInfo>& infos) {
  std::vector<std::string> names;
  for (const OnnxValueInfo& info : infos) names.push_back(info.name);
  return names;
}

// Returns the body of that name, or null if the node has none.
GraphPointer BodyOf(const OnnxNode& node, const std::string& name) {
  const auto found = node.attributes.find(name);
  if (found == node.attributes.end()) return nullptr;
  const GraphPointer* graph = std::get_if<GraphPointer>(&found->second);
  return graph == nullptr ? nullptr : *graph;
}

template <typename T>
T AttributeOr(const OnnxNode& node, const std::string& name, T fallback) {
  const auto found = node.attributes.find(name);
  if (found == node.attributes.end()) return fallback;
  const T* value = std::get_if<T>(&found->second);
  return value == nullptr ? fallback : *value;
}

// Returns the element of a known tensor of one integer or truth value.
std::optional<int64_t> KnownScalar(const std::optional<BuiltValue>& value) {
  if (!value.has_value() || !value->is_known() || value->type() == ElementType::kFloat32 ||
      value->tensor().size() != 1) {
    return std::nullopt;
  }
  return value->tensor().integers().front();
}

// Returns the node with the attributes of the call in place of references to them.
absl::StatusOr<OnnxNode> WithArguments(const OnnxNode& node,
                                       const std::map<std::string, OnnxAttribute>& arguments) {
  OnnxNode resolved = node;
  for (const auto& [name, attribute] : node.attributes) {
    const auto* reference = std::get_if<OnnxAttributeReference>(&attribute);
    if (reference == nullptr) continue;
    const auto found = arguments.find(reference->name);
    if (found == arguments.end()) {
      resolved.attributes.erase(name);
    } else {
      resolved.attributes[name] = found->second;
    }
  }
  return resolved;
}

// Returns whether a node is neither a call of a function of the file nor taken apart.
bool IsTableOperator(const OnnxModel& model, const OnnxNode& node) {
  if (model.functions.contains(FunctionKey(node.domain, node.op_type, node.overload))) return false;
  const bool is_control = node.op_type == "If" || node.op_type == "Loop" || node.op_type == "Scan";
  return !node.domain.empty() || !is_control;
}

}  // namespace

GraphConverter::GraphConverter(const OnnxModel& model, ProgramBuilder& builder,
                               Override* override_nodes)
    : model_(model), builder_(builder), override_(override_nodes) {
  root_.opsets = &model.opsets;
}

void GraphConverter::Define(const std::string& name, BuiltValue value) {
  root_.values[name] = std::move(value);
}

absl::StatusOr<std::vector<BuiltValue>> GraphConverter::Convert() {
  for (const auto& [name, tensor] : model_.graph.initializers) {
    root_.values.emplace(name, BuiltValue(tensor, name));
  }
  const std::vector<std::string> outputs = NamesOf(model_.graph.outputs);
  RNNSERVE_RETURN_IF_ERROR(ConvertNodes(model_.graph.nodes, outputs, root_));
  std::vector<BuiltValue> values;
  for (const std::string& output : outputs) {
    const Slot* slot = Find(root_, output);
    if (slot == nullptr) {
      return Invalid(absl::StrCat("output '", output, "' is written by no node"));
    }
    if (!slot->has_value()) return MissingError();
    values.push_back(**slot);
  }
  return values;
}

const GraphConverter::Slot* GraphConverter::Find(const Scope& scope, const std::string& name) {
  for (const Scope* current = &scope; current != nullptr; current = current->outer) {
    const auto found = current->values.find(name);
    if (found != current->values.end()) return &found->second;
  }
  return nullptr;
}

absl::Status GraphConverter::ConvertNodes(const std::vector<OnnxNode>& nodes,
                                          const std::vector<std::string>& wanted, Scope& scope) {
  if (scope.depth > kOnnxDepthMax) {
    return TooLarge(absl::StrCat("graphs and functions are nested more than ", kOnnxDepthMax,
                                 " deep; a function must not call itself"));
  }
  const std::vector<bool> needed = NeededNodes(nodes, wanted);
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (needed[i]) RNNSERVE_RETURN_IF_ERROR(ConvertNode(nodes[i], scope));
  }
  return absl::OkStatus();
}

absl::Status GraphConverter::ConvertNode(const OnnxNode& node, Scope& scope) {
  if (scope.arguments != nullptr &&
      std::any_of(node.attributes.begin(), node.attributes.end(), [](const auto& attribute) {
        return std::holds_alternative<OnnxAttributeReference>(attribute.second);
      })) {
    RNNSERVE_ASSIGN_OR_RETURN(const OnnxNode resolved, WithArguments(node, *scope.arguments));
    return ConvertNode(resolved, scope);
  }
  if (++num_conversions_ > kOnnxConversionsMax) {
    return TooLarge(absl::StrCat("more than ", kOnnxConversionsMax,
                                 " nodes, counting those of functions and loops each time"));
  }
  const std::string what = Describe(node, OpsetOf(*scope.opsets, node.domain));
  std::vector<Slot> operands;
  bool is_missing = false;
  for (const std::string& name : node.inputs) {
    const Slot* slot = name.empty() ? nullptr : Find(scope, name);
    if (slot == nullptr && !name.empty()) {
      return Invalid(absl::StrCat(what, " reads '", name,
                                  "', which is no input and which no node before it writes"));
    }
    if (slot != nullptr && !slot->has_value()) is_missing = true;
    operands.push_back(slot == nullptr ? Slot() : *slot);
  }
  std::vector<Slot> results;
  if (is_missing) {
    const int64_t opset = OpsetOf(*scope.opsets, node.domain);
    if (IsTableOperator(model_, node) &&
        FindConverter(node.domain, node.op_type, opset) == nullptr) {
      AddMissing(node, opset);
    }
  } else {
    absl::StatusOr<std::vector<Slot>> converted = ConvertOperator(node, operands, scope);
    if (converted.ok()) {
      results = *std::move(converted);
    } else if (converted.status().code() == absl::StatusCode::kUnimplemented &&
               ErrorReason(converted.status()) == "MODEL_CONFIG") {
      const std::string text = absl::StrCat(what, ": ", converted.status().message());
      missing_[text].op = text;
    } else if (ErrorReason(converted.status()) == "MODEL_TOO_LARGE") {
      return converted.status();
    } else {
      return Annotate(converted.status(), what);
    }
  }
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i].empty()) continue;
    Slot result = i < results.size() ? std::move(results[i]) : Slot();
    if (!results.empty() && i >= results.size()) {
      const std::string text =
          absl::StrCat(what, ": output ", i, " ('", node.outputs[i], "') is not supported");
      missing_[text].op = text;
    }
    if (!scope.values.emplace(node.outputs[i], std::move(result)).second) {
      return Invalid(absl::StrCat(what, " writes '", node.outputs[i], "', which exists already"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<GraphConverter::Slot>> GraphConverter::ConvertOperator(
    const OnnxNode& node, const std::vector<Slot>& operands, Scope& scope) {
  const auto function =
      model_.functions.find(FunctionKey(node.domain, node.op_type, node.overload));
  if (function != model_.functions.end()) {
    return ConvertCall(function->second, node, operands, scope);
  }
  if (node.domain.empty()) {
    if (node.op_type == "If") return ConvertIf(node, operands, scope);
    if (node.op_type == "Loop") return ConvertLoop(node, operands, scope);
    if (node.op_type == "Scan") return ConvertScan(node, operands, scope);
  }
  return ConvertTableOperator(node, operands, OpsetOf(*scope.opsets, node.domain));
}

absl::StatusOr<std::vector<GraphConverter::Slot>> GraphConverter::ConvertTableOperator(
    const OnnxNode& node, const std::vector<Slot>& operands, int64_t opset) {
  NodeConversion conversion(node, opset, operands, builder_);
  std::optional<std::vector<BuiltValue>> results;
  if (override_ != nullptr) {
    RNNSERVE_ASSIGN_OR_RETURN(results, override_->Convert(conversion));
  }
  if (!results.has_value()) {
    const NamedConverter* line = FindConverter(node.domain, node.op_type, opset);
    if (line == nullptr) {
      AddMissing(node, opset);
      return std::vector<Slot>();
    }
    absl::StatusOr<std::vector<BuiltValue>> converted = line->converter(conversion);
    RNNSERVE_RETURN_IF_ERROR(conversion.status());
    RNNSERVE_ASSIGN_OR_RETURN(results, std::move(converted));
  }
  RNNSERVE_RETURN_IF_ERROR(conversion.Check());
  return std::vector<Slot>(results->begin(), results->end());
}

absl::StatusOr<std::vector<GraphConverter::Slot>> GraphConverter::ConvertCall(
    const OnnxFunction& function, const OnnxNode& node, const std::vector<Slot>& operands,
    const Scope& scope) {
  if (operands.size() > function.inputs.size()) {
    return Invalid(absl::StrCat("the function has ", function.inputs.size(), " inputs, not ",
                                operands.size()));
  }
  std::map<std::string, OnnxAttribute> arguments = node.attributes;
  arguments.insert(function.defaults.begin(), function.defaults.end());
  Scope inner;
  inner.opsets = &function.opsets;
  inner.arguments = &arguments;
  inner.depth = scope.depth + 1;
  // An operand that is left out is not defined, and operators read it as left out, too.
  std::vector<OnnxNode> nodes = function.nodes;
  for (size_t i = 0; i < function.inputs.size(); ++i) {
    if (i < operands.size() && operands[i].has_value()) {
      inner.values[function.inputs[i]] = operands[i];
      continue;
    }
    for (OnnxNode& inner_node : nodes) {
      std::replace(inner_node.inputs.begin(), inner_node.inputs.end(), function.inputs[i],
                   std::string());
    }
  }
  RNNSERVE_RETURN_IF_ERROR(ConvertNodes(nodes, function.outputs, inner));
  std::vector<Slot> results;
  for (const std::string& output : function.outputs) {
    const Slot* slot = Find(inner, output);
    if (slot == nullptr) {
      return Invalid(absl::StrCat("output '", output, "' of the function is written by no node"));
    }
    results.push_back(*slot);
  }
  return results;
}

absl::StatusOr<std::vector<GraphConverter::Slot>> GraphConverter::ConvertBody(
    const OnnxGraph& graph, const std::vector<Slot>& inputs, const Scope& scope) {
  if (inputs.size() != graph.inputs.size()) {
    return Invalid(absl::StrCat("the body '", graph.name, "' has ", graph.inputs.size(),
                                " inputs, not ", inputs.size()));
  }
  Scope inner;
  inner.outer = &scope;
  inner.opsets = scope.opsets;
  inner.arguments = scope.arguments;
  inner.depth = scope.depth + 1;
  for (const auto& [name, tensor] : graph.initializers) {
    inner.values.emplace(name, BuiltValue(tensor, name));
  }
  for (size_t i = 0; i < inputs.size(); ++i) inner.values[graph.inputs[i].name] = inputs[i];
  const std::vector<std::string> outputs = NamesOf(graph.outputs);
  RNNSERVE_RETURN_IF_ERROR(ConvertNodes(graph.nodes, outputs, inner));
  std::vector<Slot> results;
  for (const std::string& output : outputs) {
    const Slot* slot = Find(inner, output);
    if (slot == nullptr) {
      return Invalid(absl::StrCat("output '", output, "' of the body is written by no node"));
    }
    results.push_back(*slot);
  }
  return results;
}

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
    return Invalid("it needs a condition and two branches");
  }
  if (const std::optional<int64_t> condition = KnownScalar(operands[0])) {
    return ConvertBody(*condition != 0 ? *then_graph : *else_graph, {}, scope);
  }
  if (operands[0]->shape().NumElements() != 1) return Invalid("its condition is not one value");
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
    return Invalid("its branches have different numbers of outputs");
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
    if (axis < 0 || axis > pass->rank()) return Invalid("an axis is out of range");
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
  if (body == nullptr || operands.size() < 2) return Invalid("it needs a body and two inputs");
  const size_t num_carried = operands.size() - 2;
  if (body->outputs.size() < num_carried + 1) return Invalid("its body has too few outputs");
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
  using Integers = std::vector<int64_t>;
  const GraphPointer body = BodyOf(node, "body");
  const auto num_scanned = static_cast<size_t>(AttributeOr<int64_t>(node, "num_scan_inputs", 0));
  if (OpsetOf(*scope.opsets, "") < 9) return NotServed("the Scan of opset 8 has a batch axis");
  if (body == nullptr || num_scanned < 1 || num_scanned > operands.size()) {
    return Invalid("it needs a body, and inputs to scan");
  }
  const size_t num_carried = operands.size() - num_scanned;
  if (body->outputs.size() < num_carried) return Invalid("its body has too few outputs");
  const size_t num_stacked = body->outputs.size() - num_carried;
  const auto axes = AttributeOr(node, "scan_input_axes", Integers(num_scanned, 0));
  const auto directions = AttributeOr(node, "scan_input_directions", Integers(num_scanned, 0));
  const auto out_axes = AttributeOr(node, "scan_output_axes", Integers(num_stacked, 0));
  const auto out_directions = AttributeOr(node, "scan_output_directions", Integers(num_stacked, 0));
  if (axes.size() != num_scanned || directions.size() != num_scanned ||
      out_axes.size() != num_stacked || out_directions.size() != num_stacked) {
    return Invalid("an attribute has not one number for each scanned value");
  }
  int64_t num_passes = -1;
  std::vector<int> scan_axes;
  for (size_t i = 0; i < num_scanned; ++i) {
    const Slot& operand = operands[num_carried + i];
    if (!operand.has_value()) return Invalid("an input is left out");
    const int64_t axis = axes[i] < 0 ? axes[i] + operand->rank() : axes[i];
    if (axis < 0 || axis >= operand->rank()) return Invalid("an axis is out of range");
    scan_axes.push_back(static_cast<int>(axis));
    const int64_t extent = operand->shape()[static_cast<int>(axis)];
    if (num_passes >= 0 && extent != num_passes) return Invalid("scanned axes differ in length");
    num_passes = extent;
  }
  if (num_passes > kOnnxPassesMax || num_passes == 0) {
    return NotServed(
        absl::StrCat("it has ", num_passes, " passes; 1 to ", kOnnxPassesMax, " are supported"));
  }
  std::vector<Slot> carried(operands.begin(), operands.begin() + static_cast<int64_t>(num_carried));
  // The states, and one element of each scanned input.
  const auto inputs_of = [&](int64_t pass) -> absl::StatusOr<std::vector<Slot>> {
    std::vector<Slot> inputs = carried;
    for (size_t i = 0; i < num_scanned; ++i) {
      const BuiltValue& whole = *operands[num_carried + i];
      const int64_t index = directions[i] != 0 ? num_passes - 1 - pass : pass;
      RNNSERVE_ASSIGN_OR_RETURN(BuiltValue part,
                                builder_.Slice(whole, scan_axes[i], index, index + 1));
      std::vector<int64_t> extents(whole.shape().extents().begin(), whole.shape().extents().end());
      extents.erase(extents.begin() + scan_axes[i]);
      RNNSERVE_ASSIGN_OR_RETURN(part, builder_.Reshape(part, Shape(extents)));
      inputs.push_back(std::move(part));
    }
    return inputs;
  };
  if (override_ != nullptr && num_passes == 1) {
    const auto differs = [&](int64_t direction) { return direction != directions[0]; };
    if (std::any_of(directions.begin(), directions.end(), differs) ||
        std::any_of(out_directions.begin(), out_directions.end(), differs)) {
      return NotServed("its inputs and outputs are scanned in different directions over time");
    }
    RNNSERVE_ASSIGN_OR_RETURN(const std::vector<Slot> inputs, inputs_of(0));
    RNNSERVE_ASSIGN_OR_RETURN(std::optional<std::vector<Slot>> results,
                              OverrideScan(node, *body, inputs, directions[0] != 0, scope));
    if (results.has_value()) {
      for (size_t i = 0; i < num_stacked; ++i) {
        Slot& result = (*results)[num_carried + i];
        RNNSERVE_ASSIGN_OR_RETURN(result, Stack({result}, out_axes[i]));
      }
      return *std::move(results);
    }
  }
  std::vector<std::vector<Slot>> scans(num_stacked);
  for (int64_t pass = 0; pass < num_passes; ++pass) {
    RNNSERVE_ASSIGN_OR_RETURN(const std::vector<Slot> inputs, inputs_of(pass));
    RNNSERVE_ASSIGN_OR_RETURN(std::vector<Slot> outputs, ConvertBody(*body, inputs, scope));
    std::copy_n(outputs.begin(), num_carried, carried.begin());
    for (size_t i = 0; i < num_stacked; ++i) scans[i].push_back(outputs[num_carried + i]);
  }
  for (size_t i = 0; i < num_stacked; ++i) {
    if (out_directions[i] != 0) std::reverse(scans[i].begin(), scans[i].end());
    RNNSERVE_ASSIGN_OR_RETURN(Slot stacked, Stack(scans[i], out_axes[i]));
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
    if (!operand.has_value()) return Invalid("an input is left out");
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

void GraphConverter::AddMissing(const OnnxNode& node, int64_t opset) {
  Missing& missing = missing_[absl::StrCat("\n", node.domain, "\n", node.op_type)];
  missing.op =
      absl::StrCat("'", node.op_type, "'",
                   node.domain.empty() ? "" : absl::StrCat(" of domain '", node.domain, "'"),
                   " (opset ", opset, ")");
  missing.nodes.push_back(node.name.empty() ? node.outputs.front() : node.name);
}

absl::Status GraphConverter::MissingError() const {
  std::vector<std::string> lines;
  for (const auto& [key, missing] : missing_) {
    if (missing.nodes.empty()) {
      lines.push_back(missing.op);
      continue;
    }
    const size_t num_named = std::min(missing.nodes.size(), kNodesNamed);
    const std::vector<std::string> named(missing.nodes.begin(),
                                         missing.nodes.begin() + static_cast<int64_t>(num_named));
    lines.push_back(
        absl::StrCat(missing.op, " in node '", absl::StrJoin(named, "', '"), "'",
                     missing.nodes.size() > num_named
                         ? absl::StrCat(" and ", missing.nodes.size() - num_named, " more")
                         : ""));
  }
  return MakeError(absl::StatusCode::kUnimplemented, "OPERATOR_UNSUPPORTED",
                   absl::StrCat("not supported: ", absl::StrJoin(lines, "; ")));
}

}  // namespace rnnserve
