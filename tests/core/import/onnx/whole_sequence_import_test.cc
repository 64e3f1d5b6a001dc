// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Graphs whose recurrences need whole sequences become models of layers.

#include "core/import/onnx/whole_sequence_import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "core/import/onnx/onnx_import.h"
#include "core/model/model.h"
#include "tests/core/import/onnx/onnx_file.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

void SetText(onnx::NodeProto& node, const std::string& name, const std::string& value) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::STRING);
  attribute.set_s(value);
}

// x [seq, batch, 1] -> an RNN of one unit, h' = tanh(x + h / 2) -> "all" [seq, 1, batch, 1] and
// "last" [1, batch, 1], which are the outputs.
onnx::ModelProto RnnModel(const std::string& direction, const std::string& lengths = "",
                          const std::string& initial = "") {
  onnx::ModelProto model = EmptyOnnx();
  onnx::GraphProto& graph = *model.mutable_graph();
  AddInput(graph, "x", {"seq", "batch", "1"});
  AddFloats(graph, "w", {1, 1, 1}, {1.0f});
  AddFloats(graph, "r", {1, 1, 1}, {0.5f});
  onnx::NodeProto& rnn =
      AddNode(graph, "RNN", {"x", "w", "r", "", lengths, initial}, {"all", "last"});
  SetInt(rnn, "hidden_size", 1);
  SetText(rnn, "direction", direction);
  AddOutput(graph, "all", {"seq", "1", "batch", "1"});
  AddOutput(graph, "last", {"1", "batch", "1"});
  return model;
}

absl::StatusOr<Bundle> Import(const onnx::ModelProto& model, const OnnxOptions& options = {}) {
  return ImportOnnx(Read(model), options, LayerRegistry::BuiltIn(CellRegistry::BuiltIn()));
}

std::shared_ptr<const Model> Build(const Bundle& bundle) {
  return *BuildModel(bundle, LayerRegistry::BuiltIn(CellRegistry::BuiltIn()));
}

// Runs the model on one row, {name: values}, and returns the values of each output.
std::map<std::string, std::vector<float>> RunRow(
    const Model& model, const std::map<std::string, std::vector<float>>& inputs) {
  std::vector<int64_t> times;
  for (const Model::Input& input : model.inputs()) {
    times.push_back(input.spec.has_time ? static_cast<int64_t>(inputs.at(input.name).size()) : 1);
  }
  Workspace workspace(model, 1, times);
  for (size_t i = 0; i < times.size(); ++i) {
    for (int64_t t = 0; t < times[i]; ++t) {
      workspace.input(i).At(t).column(0)[0] =
          inputs.at(model.inputs()[i].name)[static_cast<size_t>(t)];
    }
  }
  std::copy(model.initial_state().begin(), model.initial_state().end(),
            workspace.states().column(0));
  model.RunSequencePart(workspace);
  model.RunTail(workspace);
  std::map<std::string, std::vector<float>> outputs;
  for (size_t i = 0; i < model.outputs().size(); ++i) {
    const ConstSequence output = model.output(workspace, i);
    for (int64_t t = 0; t < output.time; ++t) {
      outputs[model.outputs()[i].name].push_back(output.At(t).column(0)[0]);
    }
  }
  return outputs;
}

float Step(float x, float h) { return std::tanh(x + h / 2); }

TEST(WholeSequenceImportTest, ARecurrenceBackwardsIsALayerThatNeedsTheEndFirst) {
  const auto bundle = Import(RnnModel("reverse"));

  ASSERT_TRUE(bundle.ok()) << bundle.status();
  const auto model = Build(*bundle);
  EXPECT_THAT(model->non_streamable_reason(), HasSubstr("needs the end of the sequence first"));
  ASSERT_EQ(model->state_layout().tensors.size(), 1u);
  EXPECT_EQ(model->state_layout().tensors[0].layer, "the_RNN");
  auto outputs = RunRow(*model, {{"x", {0.25f, -1.0f, 0.5f}}});
  const float last = Step(0.5f, 0);
  const float middle = Step(-1.0f, last);
  const float first = Step(0.25f, middle);
  EXPECT_THAT(outputs["all"],
              ElementsAre(::testing::FloatNear(first, 1e-6f), ::testing::FloatNear(middle, 1e-6f),
                          ::testing::FloatNear(last, 1e-6f)));
  EXPECT_THAT(outputs["last"], ElementsAre(::testing::FloatNear(first, 1e-6f)));
}

TEST(WholeSequenceImportTest, RowsEndAtTheirLengths) {
  for (const std::string direction : {"forward", "reverse"}) {
    onnx::ModelProto proto = RnnModel(direction, "lengths");
    AddInput(*proto.mutable_graph(), "lengths", {"batch"}, onnx::TensorProto::INT32);
    const auto bundle = Import(proto);

    ASSERT_TRUE(bundle.ok()) << bundle.status();
    const auto model = Build(*bundle);
    const auto whole = RunRow(*model, {{"x", {0.25f, -1.0f}}, {"lengths", {2}}});
    const auto padded = RunRow(*model, {{"x", {0.25f, -1.0f, 9.0f, 9.0f}}, {"lengths", {2}}});
    EXPECT_EQ(padded.at("last"), whole.at("last"));
    EXPECT_THAT(padded.at("all"), ElementsAre(whole.at("all")[0], whole.at("all")[1], 0.0f, 0.0f));
    EXPECT_EQ(model->is_streamable(), direction == "forward");
  }
}

TEST(WholeSequenceImportTest, AnInitialStateMayBeAnInput) {
  onnx::ModelProto proto = RnnModel("forward", "", "h0");
  AddInput(*proto.mutable_graph(), "h0", {"1", "batch", "1"});
  const auto bundle = Import(proto);

  ASSERT_TRUE(bundle.ok()) << bundle.status();
  const auto model = Build(*bundle);
  EXPECT_THAT(model->non_streamable_reason(), IsEmpty());
  const auto outputs = RunRow(*model, {{"x", {0.25f, -1.0f}}, {"h0", {0.5f}}});
  const float first = Step(0.25f, 0.5f);
  EXPECT_THAT(outputs.at("all"), ElementsAre(::testing::FloatNear(first, 1e-6f),
                                             ::testing::FloatNear(Step(-1.0f, first), 1e-6f)));
}

TEST(WholeSequenceImportTest, ASequenceMayBeginWithTheEndOfAnother) {
  onnx::ModelProto proto = RnnModel("reverse");
  onnx::GraphProto& graph = *proto.mutable_graph();
  SetInt(AddNode(graph, "RNN", {"x", "w", "r", "", "", "last"}, {"decoded"}), "hidden_size", 1);
  AddOutput(graph, "decoded", {"seq", "1", "batch", "1"});
  const auto bundle = Import(proto);

  ASSERT_TRUE(bundle.ok()) << bundle.status();
  const auto outputs = RunRow(*Build(*bundle), {{"x", {0.25f, -1.0f}}});
  EXPECT_NEAR(outputs.at("decoded")[0], Step(0.25f, outputs.at("last")[0]), 1e-6f);
}

TEST(WholeSequenceImportTest, RefusesAGraphThatLooksAtOtherTimesteps) {
  onnx::ModelProto proto = RnnModel("reverse");
  AddIntegers(*proto.mutable_graph(), "zero", {1}, {0});
  AddNode(*proto.mutable_graph(), "ReduceMean", {"all", "zero"}, {"mean"});
  AddOutput(*proto.mutable_graph(), "mean", {"1", "1", "batch", "1"});

  EXPECT_THAT(Import(proto), IsError(absl::StatusCode::kUnimplemented, "ONNX_TIME", "'mean'"));
}

TEST(WholeSequenceImportTest, RefusesWeightsFromTheInputs) {
  onnx::ModelProto proto = RnnModel("reverse");
  AddInput(*proto.mutable_graph(), "v", {"1", "1", "1"});
  proto.mutable_graph()->mutable_node(0)->set_input(1, "v");

  EXPECT_THAT(Import(proto), IsError(absl::StatusCode::kUnimplemented, "OPERATOR_UNSUPPORTED",
                                     "its weights depend on the inputs"));
}

// Gives the input "x" and the output "all" a fixed number of timesteps, and a batch of one.
void FixTime(onnx::ModelProto& proto, int64_t time) {
  for (auto* value :
       {proto.mutable_graph()->mutable_input(0), proto.mutable_graph()->mutable_output(0)}) {
    auto& shape = *value->mutable_type()->mutable_tensor_type()->mutable_shape();
    for (auto& dim : *shape.mutable_dim()) {
      if (dim.dim_param() == "seq") dim.set_dim_value(time);
      if (dim.dim_param() == "batch") dim.set_dim_value(1);
    }
  }
}

TEST(WholeSequenceImportTest, AFixedNumberOfTimestepsIsLeftOpen) {
  for (const std::string direction : {"forward", "reverse"}) {
    onnx::ModelProto fixed = RnnModel(direction);
    FixTime(fixed, 20);

    const auto bundle = Import(fixed);

    ASSERT_TRUE(bundle.ok()) << bundle.status();
    EXPECT_EQ(BundleDigest(*bundle), BundleDigest(*Import(RnnModel(direction))));
  }
}

TEST(WholeSequenceImportTest, RefusesAGraphThatDependsOnItsNumberOfTimesteps) {
  onnx::ModelProto fixed = RnnModel("forward");
  FixTime(fixed, 20);
  AddIntegers(*fixed.mutable_graph(), "flat", {2}, {20, 1});
  AddNode(*fixed.mutable_graph(), "Reshape", {"all", "flat"}, {"y"});
  AddOutput(*fixed.mutable_graph(), "y", {"20", "1"});

  EXPECT_THAT(Import(fixed), IsError(absl::StatusCode::kInvalidArgument, "ONNX_SHAPES",
                                     "Export the model with an open time axis"));
}

TEST(WholeSequenceImportTest, GivesTheSameBundleEveryTime) {
  EXPECT_EQ(BundleDigest(*Import(RnnModel("reverse"))), BundleDigest(*Import(RnnModel("reverse"))));
}

}  // namespace
}  // namespace rnnserve::testing
