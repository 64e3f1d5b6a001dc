// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Functions, Ifs, Loops and Scans are taken apart, and what is not supported is named.

#include "core/import/onnx/graph_converter.h"

#include <gtest/gtest.h>

#include "tests/core/import/onnx/onnx_file.h"

namespace rnnserve::testing {
namespace {

// Converts a graph with an input "x" of two floats.
absl::StatusOr<std::vector<BuiltValue>> Convert(const onnx::ModelProto& proto) {
  const OnnxModel model = Read(proto);
  ProgramBuilder builder;
  GraphConverter converter(model, builder, nullptr);
  converter.Define("x", *builder.AddInput("x", ElementType::kFloat32, Shape{2}));
  return converter.Convert();
}

onnx::ModelProto WithOutput(const std::string& output) {
  onnx::ModelProto model = EmptyOnnx();
  AddInput(*model.mutable_graph(), "x", {"2"});
  AddOutput(*model.mutable_graph(), output, {});
  return model;
}

TEST(GraphConverterTest, ComputesWhatDoesNotDependOnInputs) {
  onnx::ModelProto model = WithOutput("y");
  AddFloats(*model.mutable_graph(), "a", {2}, {1, 2});
  AddNode(*model.mutable_graph(), "Add", {"a", "a"}, {"y"});

  const auto results = Convert(model);

  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ(results->at(0).tensor().floats(), (std::vector<float>{2, 4}));
}

TEST(GraphConverterTest, TakesTheBranchOfAKnownCondition) {
  onnx::ModelProto model = WithOutput("y");
  onnx::GraphProto& graph = *model.mutable_graph();
  AddIntegers(graph, "one", {}, {1});
  AddNode(graph, "Equal", {"one", "one"}, {"condition"});
  onnx::NodeProto& node = AddNode(graph, "If", {"condition"}, {"y"});
  onnx::GraphProto& then_branch = SetGraph(node, "then_branch");
  AddFloats(then_branch, "t", {1}, {7});
  AddOutput(then_branch, "t", {});
  onnx::GraphProto& else_branch = SetGraph(node, "else_branch");
  AddNode(else_branch, "NoSuchOperator", {"x"}, {"e"});
  AddOutput(else_branch, "e", {});

  const auto results = Convert(model);

  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ(results->at(0).tensor().floats(), std::vector<float>{7});
}

// y = x + x + ... in `trips` passes.
onnx::ModelProto LoopModel(const std::vector<int64_t>& trips) {
  onnx::ModelProto model = WithOutput("y");
  onnx::GraphProto& graph = *model.mutable_graph();
  AddIntegers(graph, "trips", {}, trips);
  AddFloats(graph, "zero", {2}, {0, 0});
  onnx::NodeProto& node = AddNode(graph, "Loop", {"trips", "", "zero"}, {"y"});
  onnx::GraphProto& body = SetGraph(node, "body");
  AddInput(body, "i", {});
  AddInput(body, "condition", {});
  AddInput(body, "sum", {});
  AddOutput(body, "condition", {});
  AddOutput(body, "next", {});
  AddFloats(body, "one", {2}, {1, 1});
  AddNode(body, "Add", {"sum", "one"}, {"next"});
  return model;
}

TEST(GraphConverterTest, UnrollsALoop) {
  const auto results = Convert(LoopModel({3}));

  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ(results->at(0).tensor().floats(), (std::vector<float>{3, 3}));
}

TEST(GraphConverterTest, RefusesALoopOfTooManyPasses) {
  EXPECT_THAT(Convert(LoopModel({1'000'000'000'000})),
              IsError(absl::StatusCode::kUnimplemented, "OPERATOR_UNSUPPORTED", "more than 1024"));
}

void AddFunction(onnx::ModelProto& model, const std::string& name, const std::string& calls) {
  onnx::FunctionProto& function = *model.add_functions();
  function.set_name(name);
  function.set_domain("mine");
  function.add_input("a");
  function.add_output("b");
  onnx::OperatorSetIdProto& opset = *function.add_opset_import();
  opset.set_domain("");
  opset.set_version(18);
  onnx::NodeProto& node = *function.add_node();
  node.set_op_type(calls);
  if (calls != "Relu") node.set_domain("mine");
  node.add_input("a");
  node.add_output("b");
}

TEST(GraphConverterTest, TakesFunctionsApart) {
  onnx::ModelProto model = WithOutput("y");
  AddNode(*model.mutable_graph(), "Outer", {"x"}, {"y"}).set_domain("mine");
  AddFunction(model, "Outer", "Inner");
  AddFunction(model, "Inner", "Relu");

  const auto results = Convert(model);

  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ(results->at(0).shape(), (Shape{2}));
}

TEST(GraphConverterTest, RefusesAFunctionThatCallsItself) {
  onnx::ModelProto model = WithOutput("y");
  AddNode(*model.mutable_graph(), "Outer", {"x"}, {"y"}).set_domain("mine");
  AddFunction(model, "Outer", "Outer");

  EXPECT_THAT(Convert(model), IsError(absl::StatusCode::kInvalidArgument, "MODEL_TOO_LARGE",
                                      "must not call itself"));
}

TEST(GraphConverterTest, NamesAllOperatorsThatAreNotSupported) {
  onnx::ModelProto model = WithOutput("y");
  onnx::GraphProto& graph = *model.mutable_graph();
  AddNode(graph, "Foo", {"x"}, {"a"});
  AddNode(graph, "Bar", {"x"}, {"b"}).set_domain("com.example");
  AddNode(graph, "Add", {"a", "b"}, {"y"});

  const absl::Status status = Convert(model).status();

  EXPECT_THAT(status, IsError(absl::StatusCode::kUnimplemented, "OPERATOR_UNSUPPORTED",
                              "'Foo' (opset 18) in node 'the_Foo'"));
  EXPECT_THAT(status, IsError(absl::StatusCode::kUnimplemented, "OPERATOR_UNSUPPORTED",
                              "'Bar' of domain 'com.example'"));
}

TEST(GraphConverterTest, IgnoresOperatorsOnWhichNothingDepends) {
  onnx::ModelProto model = WithOutput("y");
  AddNode(*model.mutable_graph(), "Foo", {"x"}, {"a"});
  AddNode(*model.mutable_graph(), "Relu", {"x"}, {"y"});

  EXPECT_TRUE(Convert(model).ok());
}

TEST(GraphConverterTest, RefusesAttributesThatNoConverterReads) {
  onnx::ModelProto model = WithOutput("y");
  SetInt(AddNode(*model.mutable_graph(), "Relu", {"x"}, {"y"}), "leak", 1);

  EXPECT_THAT(Convert(model), IsError(absl::StatusCode::kUnimplemented, "OPERATOR_UNSUPPORTED",
                                      "attribute 'leak'"));
}

TEST(GraphConverterTest, RefusesWhatIsReadBeforeItIsWritten) {
  onnx::ModelProto model = WithOutput("y");
  AddNode(*model.mutable_graph(), "Relu", {"y"}, {"y"});
  EXPECT_THAT(Convert(model),
              IsError(absl::StatusCode::kInvalidArgument, "MODEL_CONFIG", "reads 'y'"));

  model = WithOutput("y");
  EXPECT_THAT(Convert(model),
              IsError(absl::StatusCode::kInvalidArgument, "MODEL_CONFIG", "written by no node"));
}

}  // namespace
}  // namespace rnnserve::testing
