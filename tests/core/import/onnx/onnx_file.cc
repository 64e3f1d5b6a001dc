// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/core/import/onnx/onnx_file.h"

#include <gtest/gtest.h>

#include "absl/strings/numbers.h"
#include "core/import/onnx/graph_reader.h"

namespace rnnserve::testing {
namespace {

void SetValueInfo(onnx::ValueInfoProto& info, const std::string& name, const Axes& axes, int type) {
  info.set_name(name);
  onnx::TypeProto::Tensor& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(type);
  tensor.mutable_shape();
  for (const std::string& axis : axes) {
    auto& dim = *tensor.mutable_shape()->add_dim();
    int64_t extent = 0;
    if (absl::SimpleAtoi(axis, &extent)) {
      dim.set_dim_value(extent);
    } else if (!axis.empty()) {
      dim.set_dim_param(axis);
    }
  }
}

}  // namespace

onnx::ModelProto EmptyOnnx() {
  onnx::ModelProto model;
  model.set_ir_version(8);
  onnx::OperatorSetIdProto& opset = *model.add_opset_import();
  opset.set_domain("");
  opset.set_version(18);
  model.mutable_graph()->set_name("graph");
  return model;
}

void AddInput(onnx::GraphProto& graph, const std::string& name, const Axes& axes, int type) {
  SetValueInfo(*graph.add_input(), name, axes, type);
}

void AddOutput(onnx::GraphProto& graph, const std::string& name, const Axes& axes, int type) {
  SetValueInfo(*graph.add_output(), name, axes, type);
}

onnx::NodeProto& AddNode(onnx::GraphProto& graph, const std::string& op_type,
                         const std::vector<std::string>& inputs,
                         const std::vector<std::string>& outputs) {
  onnx::NodeProto& node = *graph.add_node();
  node.set_op_type(op_type);
  node.set_name("the_" + op_type);
  for (const std::string& input : inputs) node.add_input(input);
  for (const std::string& output : outputs) node.add_output(output);
  return node;
}

void SetInt(onnx::NodeProto& node, const std::string& name, int64_t value) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::INT);
  attribute.set_i(value);
}

onnx::GraphProto& SetGraph(onnx::NodeProto& node, const std::string& name) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::GRAPH);
  return *attribute.mutable_g();
}

onnx::TensorProto& AddFloats(onnx::GraphProto& graph, const std::string& name,
                             const std::vector<int64_t>& extents,
                             const std::vector<float>& values) {
  onnx::TensorProto& tensor = *graph.add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  for (int64_t extent : extents) tensor.add_dims(extent);
  tensor.set_raw_data(values.data(), values.size() * sizeof(float));
  return tensor;
}

onnx::TensorProto& AddIntegers(onnx::GraphProto& graph, const std::string& name,
                               const std::vector<int64_t>& extents,
                               const std::vector<int64_t>& values) {
  onnx::TensorProto& tensor = *graph.add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::INT64);
  for (int64_t extent : extents) tensor.add_dims(extent);
  for (int64_t value : values) tensor.add_int64_data(value);
  return tensor;
}

onnx::ModelProto Accumulator() {
  onnx::ModelProto model = EmptyOnnx();
  onnx::GraphProto& graph = *model.mutable_graph();
  AddInput(graph, "x", {"batch", "2"});
  AddInput(graph, "h", {"1", "batch", "2"});
  AddOutput(graph, "y", {"batch", "2"});
  AddOutput(graph, "hn", {"1", "batch", "2"});
  AddNode(graph, "Add", {"h", "x"}, {"hn"});
  AddIntegers(graph, "flat", {2}, {-1, 2});
  AddNode(graph, "Reshape", {"hn", "flat"}, {"y"});
  return model;
}

OnnxModel Read(const onnx::ModelProto& proto) {
  absl::StatusOr<OnnxModel> model = ReadOnnx(proto.SerializeAsString(), "");
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? *std::move(model) : OnnxModel();
}

}  // namespace rnnserve::testing
