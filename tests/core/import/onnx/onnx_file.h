// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_CORE_IMPORT_ONNX_ONNX_FILE_H_
#define RNNSERVE_TESTS_CORE_IMPORT_ONNX_ONNX_FILE_H_

#include <string>
#include <vector>

#include "core/import/onnx/onnx_graph.h"
#include "onnx/onnx.pb.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {

// A small language for ONNX files. Extents of tensors are numbers or names: "2", "batch", and "" for
// an axis about which the file says nothing.
using Axes = std::vector<std::string>;

// Returns a model of operator set 18 with an empty graph.
onnx::ModelProto EmptyOnnx();

void AddInput(onnx::GraphProto& graph, const std::string& name, const Axes& axes,
              int type = onnx::TensorProto::FLOAT);
void AddOutput(onnx::GraphProto& graph, const std::string& name, const Axes& axes,
               int type = onnx::TensorProto::FLOAT);
onnx::NodeProto& AddNode(onnx::GraphProto& graph, const std::string& op_type,
                         const std::vector<std::string>& inputs,
                         const std::vector<std::string>& outputs);
void SetInt(onnx::NodeProto& node, const std::string& name, int64_t value);
// Returns the graph of a new attribute of the node.
onnx::GraphProto& SetGraph(onnx::NodeProto& node, const std::string& name);
// Adds an initializer with raw data.
onnx::TensorProto& AddFloats(onnx::GraphProto& graph, const std::string& name,
                             const std::vector<int64_t>& extents, const std::vector<float>& values);
onnx::TensorProto& AddIntegers(onnx::GraphProto& graph, const std::string& name,
                               const std::vector<int64_t>& extents,
                               const std::vector<int64_t>& values);

// A model that adds its input to its state: x [batch, 2], h [1, batch, 2] -> y = hn = h + x.
onnx::ModelProto Accumulator();

// Matches an error of that code and reason whose text contains `text`.
inline auto IsError(absl::StatusCode code, const std::string& reason, const std::string& text) {
  return StatusIs(code, ::testing::HasSubstr(text), reason);
}

// Reads a model; the test fails if it cannot be read.
OnnxModel Read(const onnx::ModelProto& proto);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_CORE_IMPORT_ONNX_ONNX_FILE_H_
