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
#include "core/import/onnx/node_reading.h"
#include "core/import/onnx/onnx_limits.h"

namespace rnnserve {
namespace {

using GraphPointer = std::shared_ptr<const OnnxGraph>;

// The nodes of one operator that an error names; of the others it says how many there are.
constexpr size_t kNodesNamed = 3;

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
      return InvalidNode(absl::StrCat("output '", output, "' is written by no node"));
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
      return InvalidNode(absl::StrCat(what, " reads '", name,
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
      return InvalidNode(
          absl::StrCat(what, " writes '", node.outputs[i], "', which exists already"));
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
    return InvalidNode(absl::StrCat("the function has ", function.inputs.size(), " inputs, not ",
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
      return InvalidNode(
          absl::StrCat("output '", output, "' of the function is written by no node"));
    }
    results.push_back(*slot);
  }
  return results;
}

absl::StatusOr<std::vector<GraphConverter::Slot>> GraphConverter::ConvertBody(
    const OnnxGraph& graph, const std::vector<Slot>& inputs, const Scope& scope) {
  if (inputs.size() != graph.inputs.size()) {
    return InvalidNode(absl::StrCat("the body '", graph.name, "' has ", graph.inputs.size(),
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
      return InvalidNode(absl::StrCat("output '", output, "' of the body is written by no node"));
    }
    results.push_back(*slot);
  }
  return results;
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
