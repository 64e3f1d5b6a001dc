// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_NODE_READING_H_
#define RNNSERVE_CORE_IMPORT_ONNX_NODE_READING_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/import/onnx/onnx_graph.h"
#include "core/import/onnx/program_builder.h"

namespace rnnserve {

// Functions that read a node while its graph is converted (graph_converter.h).

// Returns INVALID_ARGUMENT (MODEL_CONFIG): the node is wrong. The converter names it.
absl::Status InvalidNode(absl::string_view text);

// Returns the version of the operators of a domain; 0 if the file does not use the domain.
int64_t OpsetOf(const OnnxOpsets& opsets, const std::string& domain);

// Adds the names that a node reads: its inputs, and what its bodies read from outside or inside,
// which may be more than needed.
void AddNamesRead(const OnnxNode& node, std::set<std::string>& names);

// Returns the body of that name, or null if the node has none.
std::shared_ptr<const OnnxGraph> BodyOf(const OnnxNode& node, const std::string& name);

// Returns the attribute of that name, or `fallback` if the node has none of that type.
template <typename T>
T AttributeOr(const OnnxNode& node, const std::string& name, T fallback) {
  const auto found = node.attributes.find(name);
  if (found == node.attributes.end()) return fallback;
  const T* value = std::get_if<T>(&found->second);
  return value == nullptr ? fallback : *value;
}

// Returns the element of a known tensor of one integer or truth value.
std::optional<int64_t> KnownScalar(const std::optional<BuiltValue>& value);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_NODE_READING_H_
