// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Graphs that run a recurrence over whole sequences become programs of one timestep, if they treat
// every timestep alike.

#include "core/import/onnx/sequence_import.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/program/program_interpreter.h"
#include "tests/core/import/onnx/onnx_file.h"

namespace rnnserve::testing {
namespace {

void SetInts(onnx::NodeProto& node, const std::string& name, const std::vector<int64_t>& values) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::INTS);
  for (int64_t value : values) attribute.add_ints(value);
}

// x [batch, seq, 1] -> an RNN of one unit -> "y" [batch, seq, 1], by way of [seq, batch, 1].
onnx::ModelProto RnnModel() {
  onnx::ModelProto model = EmptyOnnx();
  onnx::GraphProto& graph = *model.mutable_graph();
  AddInput(graph, "x", {"batch", "seq", "1"});
  AddFloats(graph, "w", {1, 1, 1}, {0.5f});
  AddFloats(graph, "r", {1, 1, 1}, {0.25f});
  AddIntegers(graph, "one", {1}, {1});
  SetInts(AddNode(graph, "Transpose", {"x"}, {"x_time_first"}), "perm", {1, 0, 2});
  onnx::NodeProto& rnn = AddNode(graph, "RNN", {"x_time_first", "w", "r"}, {"all", "last"});
  SetInt(rnn, "hidden_size", 1);
  AddNode(graph, "Squeeze", {"all", "one"}, {"y_time_first"});
  SetInts(AddNode(graph, "Transpose", {"y_time_first"}, {"y"}), "perm", {1, 0, 2});
  return model;
}

TEST(SequenceImportTest, TheStateOfTheNodeIsAStateOfTheProgram) {
  onnx::ModelProto model = RnnModel();
  AddOutput(*model.mutable_graph(), "y", {"batch", "seq", "1"});

  const auto built = ImportSequence(Read(model), {});

  ASSERT_TRUE(built.ok()) << built.status();
  const Program& program = built->program;
  EXPECT_EQ(program.values[program.inputs[0]].shape, (Shape{1}));
  ASSERT_EQ(program.states.size(), 1u);
  EXPECT_EQ(program.values[program.states[0].value].name, "the_RNN.h");
  WeightTableSource weights(built->weights);
  const auto result = ProgramInterpreter::Create(program, weights)->Run({{{2}}, {{0.5f}}, {}});
  EXPECT_NEAR(result.outputs[0].at(0), std::tanh(1.125f), 1e-6f);
  EXPECT_EQ(result.next_states[0], result.outputs[0]);
}

TEST(SequenceImportTest, AnOutputWithoutTimeIsThatOfTheLastTimestep) {
  onnx::ModelProto model = RnnModel();
  AddOutput(*model.mutable_graph(), "last", {"1", "batch", "1"});

  EXPECT_TRUE(ImportSequence(Read(model), {}).ok());
}

TEST(SequenceImportTest, RefusesAGraphThatLooksAtOtherTimesteps) {
  onnx::ModelProto model = RnnModel();
  AddNode(*model.mutable_graph(), "ReduceMean", {"y", "one"}, {"mean"});
  AddOutput(*model.mutable_graph(), "mean", {"batch", "1", "1"});

  EXPECT_THAT(ImportSequence(Read(model), {}),
              IsError(absl::StatusCode::kUnimplemented, "ONNX_TIME", "'mean'"));
}

TEST(SequenceImportTest, RefusesARecurrenceThatRunsBackwards) {
  onnx::ModelProto model = RnnModel();
  AddOutput(*model.mutable_graph(), "y", {"batch", "seq", "1"});
  onnx::AttributeProto& direction = *model.mutable_graph()->mutable_node(1)->add_attribute();
  direction.set_name("direction");
  direction.set_type(onnx::AttributeProto::STRING);
  direction.set_s("reverse");

  EXPECT_THAT(ImportSequence(Read(model), {}),
              IsError(absl::StatusCode::kUnimplemented, "OPERATOR_UNSUPPORTED", "runs backwards"));
}

TEST(SequenceImportTest, RefusesAnInitialStateOfWhatIsNoState) {
  onnx::ModelProto model = RnnModel();
  AddOutput(*model.mutable_graph(), "y", {"batch", "seq", "1"});
  OnnxOptions options;
  options.initial_state["x"] = "h0.npy";

  EXPECT_THAT(
      ImportSequence(Read(model), options),
      IsError(absl::StatusCode::kInvalidArgument, "MODEL_CONFIG", "'x', which is no state"));
}

TEST(SequenceImportTest, RefusesAFixedNumberOfTimesteps) {
  onnx::ModelProto model = RnnModel();
  AddOutput(*model.mutable_graph(), "y", {"batch", "seq", "1"});
  OnnxOptions options;
  options.set["seq"] = {10};

  EXPECT_THAT(ImportSequence(Read(model), options),
              IsError(absl::StatusCode::kInvalidArgument, "ONNX_SHAPES", "10 timesteps"));
}

}  // namespace
}  // namespace rnnserve::testing
