// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_ONNX_GRAPH_H_
#define RNNSERVE_CORE_IMPORT_ONNX_ONNX_GRAPH_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/import/onnx/onnx_tensor.h"

namespace rnnserve {

struct OnnxGraph;

// In the body of a function: the value is that of an attribute of the call.
struct OnnxAttributeReference {
  std::string name;
};

// The value of an attribute. A graph is shared, because it is never changed. Converters never see
// references.
using OnnxAttribute =
    std::variant<int64_t, float, std::string, OnnxTensor, std::shared_ptr<const OnnxGraph>,
                 std::vector<int64_t>, std::vector<float>, std::vector<std::string>,
                 OnnxAttributeReference>;

// One node of a graph. A value type.
struct OnnxNode {
  std::string name;    // may be empty
  std::string domain;  // "" is the domain of ONNX itself; "ai.onnx" is read as ""
  std::string op_type;
  std::string overload;              // of a function; nearly always ""
  std::vector<std::string> inputs;   // names of values; "" for an input that is left out
  std::vector<std::string> outputs;  // "" for an output that nobody reads
  std::map<std::string, OnnxAttribute> attributes;
};

// An input or output of a graph.
struct OnnxValueInfo {
  // One axis: its extent, or, if that is -1, the name of a symbolic dimension, or neither.
  struct Axis {
    int64_t extent = -1;
    std::string symbol;
  };

  std::string name;
  ElementType type = ElementType::kFloat32;
  std::optional<std::vector<Axis>> axes;  // nullopt if the file says nothing about the shape
};

// A graph as the file has it, or the body of an If, Loop or Scan. A value type.
struct OnnxGraph {
  std::string name;
  std::vector<OnnxValueInfo> inputs;  // without those that are initializers
  std::vector<OnnxValueInfo> outputs;
  std::map<std::string, std::shared_ptr<const OnnxTensor>> initializers;
  std::vector<OnnxNode> nodes;
};

// The versions of the operator sets that a file or function is written for, by domain.
using OnnxOpsets = std::map<std::string, int64_t>;

// A function of the file, which its nodes call like an operator. A value type.
struct OnnxFunction {
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<OnnxNode> nodes;
  std::map<std::string, OnnxAttribute> defaults;  // of attributes that a call may leave out
  OnnxOpsets opsets;
};

// A whole file.
struct OnnxModel {
  OnnxGraph graph;
  OnnxOpsets opsets;
  std::map<std::string, OnnxFunction> functions;  // by FunctionKey
  std::string producer;                           // for people
};

// Returns the key under which OnnxModel has the function that a node may call.
std::string FunctionKey(absl::string_view domain, absl::string_view name,
                        absl::string_view overload);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_ONNX_GRAPH_H_
