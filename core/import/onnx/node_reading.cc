// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/node_reading.h"

#include "core/base/error.h"

namespace rnnserve {
namespace {

using GraphPointer = std::shared_ptr<const OnnxGraph>;

}  // namespace

absl::Status InvalidNode(absl::string_view text) { return InvalidArgument("MODEL_CONFIG", text); }

int64_t OpsetOf(const OnnxOpsets& opsets, const std::string& domain) {
  const auto found = opsets.find(domain);
  return found == opsets.end() ? 0 : found->second;
}

void AddNamesRead(const OnnxNode& node, std::set<std::string>& names) {
  names.insert(node.inputs.begin(), node.inputs.end());
  for (const auto& [key, attribute] : node.attributes) {
    const GraphPointer* graph = std::get_if<GraphPointer>(&attribute);
    if (graph == nullptr) continue;
    for (const OnnxNode& inner : (*graph)->nodes) AddNamesRead(inner, names);
    for (const OnnxValueInfo& output : (*graph)->outputs) names.insert(output.name);
  }
}

GraphPointer BodyOf(const OnnxNode& node, const std::string& name) {
  const auto found = node.attributes.find(name);
  if (found == node.attributes.end()) return nullptr;
  const GraphPointer* graph = std::get_if<GraphPointer>(&found->second);
  return graph == nullptr ? nullptr : *graph;
}

std::optional<int64_t> KnownScalar(const std::optional<BuiltValue>& value) {
  if (!value.has_value() || !value->is_known() || value->type() == ElementType::kFloat32 ||
      value->tensor().size() != 1) {
    return std::nullopt;
  }
  return value->tensor().integers().front();
}

}  // namespace rnnserve
