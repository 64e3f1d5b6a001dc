// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Runs rnnserve-import on ONNX files. Tests what each flag and a file MODEL.onnx.json make of the
// bundle, and the error line when they do not fit.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "core/layers/layer_registry.h"
#include "core/model/bundle.h"
#include "core/model/workspace.h"
#include "tests/core/import/onnx/onnx_file.h"
#include "tests/support/child_process.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
namespace fs = std::filesystem;
using ModelPtr = std::shared_ptr<const Model>;

// The values of some tensors, one after the other.
using Tensors = std::vector<std::vector<float>>;

// Computes the timesteps of one row, each with these inputs, from the initial state on. Returns the
// outputs of the last one.
Tensors Outputs(const Model& model, const std::vector<Tensors>& timesteps) {
  Workspace workspace(model, 1, std::vector<int64_t>(model.inputs().size(), 1));
  const auto initial = model.initial_state();
  std::copy(initial.begin(), initial.end(), workspace.states().column(0));
  for (const Tensors& inputs : timesteps) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      std::copy(inputs[i].begin(), inputs[i].end(), workspace.input(i).At(0).column(0));
    }
    model.RunSequencePart(workspace);
    model.RunTail(workspace);
  }
  Tensors outputs;
  for (size_t i = 0; i < model.outputs().size(); ++i) {
    const ConstSequence output = model.output(workspace, i);
    outputs.emplace_back(output.At(0).column(0), output.At(0).column(0) + output.rows);
  }
  return outputs;
}

std::vector<std::string> StateNames(const Model& model) {
  std::vector<std::string> names;
  for (const auto& tensor : model.state_layout().tensors) names.push_back(tensor.name);
  return names;
}

// Returns a file as numpy.save writes it.
std::string Npy(const std::string& shape, const std::vector<float>& values) {
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }";
  header.resize(118, ' ');
  std::string bytes("\x93NUMPY\x01\x00\x76\x00", 10);
  bytes += header;
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  return bytes;
}

class OnnxCommandTest : public ::testing::Test {
 protected:
  OnnxCommandTest() { Save(Accumulator()); }

  void Save(const onnx::ModelProto& proto) { Write("model.onnx", proto.SerializeAsString()); }
  void Write(const std::string& file, const std::string& content) {
    std::ofstream(folder_.path() / file, std::ios::binary) << content;
  }
  std::string PathOf(const std::string& file) const { return folder_.path() / file; }

  // Runs the program on the model with these flags.
  ProcessOutcome Run(const std::string& flags, const std::string& file = "model.onnx") const {
    return RunShell(std::string(RNNSERVE_BIN_DIR) + "/rnnserve-import " + PathOf(file) + " " +
                    PathOf("bundle") + " --force " + flags);
  }
  // Imports the model and loads the bundle; the test fails if either is not possible.
  ModelPtr Import(const std::string& flags) const {
    const ProcessOutcome outcome = Run(flags);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "");
    auto model = LoadBundle(PathOf("bundle"), LayerRegistry::BuiltIn());
    EXPECT_THAT(model, IsOk());
    return *std::move(model);
  }
  // Expects the import to fail with this line on stderr, and to leave nothing behind.
  void ExpectRefused(const std::string& flags, const std::string& begin, const std::string& part,
                     const std::string& file = "model.onnx") const {
    const ProcessOutcome outcome = Run(flags, file);

    EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
    EXPECT_THAT(outcome.err, AllOf(StartsWith("error: " + begin + ": "), HasSubstr(part)));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_FALSE(fs::exists(PathOf("bundle")));
  }

  const TemporaryFolder folder_;
};

TEST_F(OnnxCommandTest, WritesABundleWithTheNamesOfTheFile) {
  const ModelPtr model = Import("");

  ASSERT_EQ(model->inputs().size(), 1u);
  EXPECT_EQ(model->inputs()[0].name, "x");
  EXPECT_EQ(model->inputs()[0].spec.shape, Shape({2}));
  ASSERT_EQ(model->outputs().size(), 1u);
  EXPECT_EQ(model->outputs()[0].name, "y");
  EXPECT_THAT(StateNames(*model), ElementsAre("h"));
  EXPECT_EQ(model->state_layout().tensors[0].shape, Shape({1, 2}));
  EXPECT_TRUE(model->is_streamable());
  EXPECT_EQ(Outputs(*model, {{{1, 2}}, {{10, 20}}}), (Tensors{{11, 22}}));
}

TEST_F(OnnxCommandTest, GivesTheSameDigestEveryTime) {
  EXPECT_EQ(Import("")->digest(), Import("")->digest());
}

// A model with the states a and b, whose names do not pair with those of their outputs:
// p = a + x, q = 2 b + x, y = p + 10 q.
onnx::ModelProto Unpaired() {
  onnx::ModelProto model = EmptyOnnx();
  onnx::GraphProto& graph = *model.mutable_graph();
  for (const char* name : {"x", "a", "b"}) AddInput(graph, name, {"batch", "2"});
  for (const char* name : {"p", "q", "y"}) AddOutput(graph, name, {"batch", "2"});
  AddFloats(graph, "two", {1}, {2});
  AddNode(graph, "Add", {"a", "x"}, {"p"});
  AddNode(graph, "Mul", {"b", "two"}, {"doubled"});
  AddNode(graph, "Add", {"doubled", "x"}, {"q"});
  AddFloats(graph, "ten", {1}, {10});
  AddNode(graph, "Mul", {"q", "ten"}, {"tenfold"});
  AddNode(graph, "Add", {"p", "tenfold"}, {"y"});
  return model;
}

TEST_F(OnnxCommandTest, StateNamesTheOutputThatIsTheNextValue) {
  Save(Unpaired());
  ExpectRefused("", "INVALID_ARGUMENT: ONNX_STATES", "--state INPUT=OUTPUT");

  const ModelPtr straight = Import("--state a=p --state b=q");
  const ModelPtr crossed = Import("--state a=q --state b=p");

  const std::vector<Tensors> x = {{{1, 1}}, {{10, 0}}, {{0, 0}}};
  EXPECT_THAT(StateNames(*straight), ElementsAre("a", "b"));
  EXPECT_EQ(Outputs(*straight, x), (Tensors{{251, 41}}));
  EXPECT_EQ(Outputs(*crossed, x), (Tensors{{232, 22}}));
}

TEST_F(OnnxCommandTest, StateNoneMakesAnInputOfWhatIsNamedLikeAState) {
  onnx::ModelProto proto = Accumulator();
  AddInput(*proto.mutable_graph(), "c", {"batch", "2"});
  AddOutput(*proto.mutable_graph(), "cn", {"batch", "2"});
  AddNode(*proto.mutable_graph(), "Add", {"c", "x"}, {"cn"});
  Save(proto);
  EXPECT_THAT(StateNames(*Import("")), ElementsAre("h", "c"));

  const ModelPtr model = Import("--state c=none");

  EXPECT_THAT(StateNames(*model), ElementsAre("h"));
  // Inputs and outputs are in the order of their names.
  ASSERT_EQ(model->inputs().size(), 2u);
  EXPECT_EQ(model->inputs()[0].name, "c");
  EXPECT_EQ(Outputs(*model, {{{5, 5}, {1, 2}}, {{7, 7}, {10, 20}}}), (Tensors{{17, 27}, {11, 22}}));
}

// The model y = hn = h + gain * x, with a number as an input.
onnx::ModelProto WithGain() {
  onnx::ModelProto model = EmptyOnnx();
  onnx::GraphProto& graph = *model.mutable_graph();
  AddInput(graph, "x", {"batch", "2"});
  AddInput(graph, "h", {"batch", "2"});
  AddInput(graph, "gain", {});
  AddOutput(graph, "y", {"batch", "2"});
  AddOutput(graph, "hn", {"batch", "2"});
  AddNode(graph, "Mul", {"x", "gain"}, {"scaled"});
  AddNode(graph, "Add", {"h", "scaled"}, {"hn"});
  AddNode(graph, "Identity", {"hn"}, {"y"});
  return model;
}

TEST_F(OnnxCommandTest, SetFixesAnInput) {
  Save(WithGain());
  EXPECT_EQ(Import("")->inputs().size(), 2u);

  const ModelPtr model = Import("--set gain=2.5");

  ASSERT_EQ(model->inputs().size(), 1u);
  EXPECT_EQ(Outputs(*model, {{{2, 4}}, {{10, 20}}}), (Tensors{{30, 60}}));
}

// The model y = hn = h + the sum of x over its axis "frames".
onnx::ModelProto WithFrames(const Axes& axes_of_x) {
  onnx::ModelProto model = EmptyOnnx();
  onnx::GraphProto& graph = *model.mutable_graph();
  AddInput(graph, "x", axes_of_x);
  AddInput(graph, "h", {"batch", "1", "2"});
  AddOutput(graph, "y", {"batch", "1", "2"});
  AddOutput(graph, "hn", {"batch", "1", "2"});
  AddIntegers(graph, "axis", {1}, {1});
  AddNode(graph, "ReduceSum", {"x", "axis"}, {"sum"});
  AddNode(graph, "Add", {"h", "sum"}, {"hn"});
  AddNode(graph, "Identity", {"hn"}, {"y"});
  return model;
}

TEST_F(OnnxCommandTest, SetFixesTheExtentOfADimension) {
  Save(WithFrames({"batch", "frames", "2"}));
  ExpectRefused("", "INVALID_ARGUMENT: ONNX_SHAPES", "--set frames=EXTENT");

  const ModelPtr model = Import("--set frames=3");

  EXPECT_EQ(model->inputs()[0].spec.shape, Shape({3, 2}));
  EXPECT_EQ(Outputs(*model, {{{1, 2, 3, 4, 5, 6}}}), (Tensors{{9, 12}}));
}

TEST_F(OnnxCommandTest, ShapeFixesAWholeInput) {
  Save(WithFrames({"", "", "2"}));
  ExpectRefused("", "INVALID_ARGUMENT: ONNX_SHAPES", "--shape x=");

  const ModelPtr model = Import("--shape x=1,3,2");

  EXPECT_EQ(model->inputs()[0].spec.shape, Shape({3, 2}));
  EXPECT_EQ(Outputs(*model, {{{1, 2, 3, 4, 5, 6}}}), (Tensors{{9, 12}}));
}

// The model y = hn = h + x, with x of a shape in which two axes could be the batch.
onnx::ModelProto WithTwoOnes() {
  onnx::ModelProto model = EmptyOnnx();
  onnx::GraphProto& graph = *model.mutable_graph();
  AddInput(graph, "x", {"1", "5", "1"});
  AddInput(graph, "h", {"1", "5", "1"});
  AddOutput(graph, "y", {"1", "5", "1"});
  AddOutput(graph, "hn", {"1", "5", "1"});
  AddNode(graph, "Add", {"h", "x"}, {"hn"});
  AddNode(graph, "Identity", {"hn"}, {"y"});
  return model;
}

TEST_F(OnnxCommandTest, BatchAxisDecidesBetweenAxes) {
  Save(WithTwoOnes());
  ExpectRefused("", "INVALID_ARGUMENT: ONNX_SHAPES", "--batch-axis x=0 or --batch-axis x=2");

  const ModelPtr model =
      Import("--batch-axis x=2 --batch-axis h=0 --batch-axis y=none --batch-axis hn=0");

  EXPECT_EQ(model->inputs()[0].spec.shape, Shape({1, 5}));
  EXPECT_EQ(model->state_layout().tensors[0].shape, Shape({5, 1}));
  EXPECT_EQ(model->outputs()[0].spec.shape, Shape({1, 5, 1}));
}

// An RNN of one unit that runs over the axis "span": h' = tanh(0.5 x + 0.25 h).
onnx::ModelProto RnnOverSpan() {
  onnx::ModelProto model = EmptyOnnx();
  onnx::GraphProto& graph = *model.mutable_graph();
  AddInput(graph, "x", {"span", "batch", "frame_size"});
  AddFloats(graph, "w", {1, 1, 1}, {0.5f});
  AddFloats(graph, "r", {1, 1, 1}, {0.25f});
  AddIntegers(graph, "one", {1}, {1});
  SetInt(AddNode(graph, "RNN", {"x", "w", "r"}, {"all", "last"}), "hidden_size", 1);
  AddNode(graph, "Squeeze", {"all", "one"}, {"y"});
  AddOutput(graph, "y", {"span", "batch", "1"});
  return model;
}

TEST_F(OnnxCommandTest, TimeAxisDecidesBetweenAxes) {
  Save(RnnOverSpan());
  ExpectRefused("--set frame_size=1", "INVALID_ARGUMENT: ONNX_SHAPES", "--time-axis x=");

  const ModelPtr model = Import("--set frame_size=1 --time-axis x=0");

  EXPECT_THAT(StateNames(*model), ElementsAre("the_RNN.h"));
  const Tensors outputs = Outputs(*model, {{{1}}, {{2}}});
  EXPECT_NEAR(outputs.at(0).at(0), std::tanh(1 + 0.25 * std::tanh(0.5)), 1e-6);
}

TEST_F(OnnxCommandTest, InitialStateReadsAFileOfNumpy) {
  Write("h0.npy", Npy("(1, 1, 2)", {100, 200}));

  const ModelPtr model = Import("--initial-state h=" + PathOf("h0.npy"));

  EXPECT_EQ(Outputs(*model, {{{1, 2}}}), (Tensors{{101, 202}}));
  EXPECT_EQ(Outputs(*Import("--initial-state h=zeros"), {{{1, 2}}}), (Tensors{{1, 2}}));
}

// A model without states, y = x.
onnx::ModelProto Window() {
  onnx::ModelProto model = EmptyOnnx();
  AddInput(*model.mutable_graph(), "x", {"1", "3"});
  AddOutput(*model.mutable_graph(), "y", {"1", "3"});
  AddNode(*model.mutable_graph(), "Neg", {"x"}, {"y"});
  return model;
}

TEST_F(OnnxCommandTest, OverlapPutsTheEndOfAFrameBeforeTheNext) {
  Save(Window());

  const ModelPtr model = Import("--overlap x=1");

  EXPECT_EQ(model->inputs()[0].spec.shape, Shape({2}));
  EXPECT_THAT(StateNames(*model), ElementsAre("x.overlap"));
  EXPECT_EQ(Outputs(*model, {{{1, 2}}, {{3, 4}}}), (Tensors{{-2, -3, -4}}));
}

TEST_F(OnnxCommandTest, AFileNextToTheModelSaysTheSameAsFlags) {
  Save(WithGain());
  Write("h0.npy", Npy("(1, 2)", {100, 200}));
  const std::string digest = Import("--set gain=2 --initial-state h=" + PathOf("h0.npy"))->digest();

  Write("model.onnx.json", R"({"set": {"gain": 2}, "initial_state": {"h": "h0.npy"}})");

  EXPECT_EQ(Import("")->digest(), digest);
}

TEST_F(OnnxCommandTest, FlagsWinAgainstTheFile) {
  Save(WithGain());
  Write("model.onnx.json", R"({"set": {"gain": 2}})");

  EXPECT_EQ(Outputs(*Import("--set gain=3"), {{{1, 1}}}), (Tensors{{3, 3}}));
}

struct BadSidecar {
  std::string name;
  std::string content;
  std::string error;
  std::string text;
};

class OnnxSidecarErrorTest : public OnnxCommandTest,
                             public ::testing::WithParamInterface<BadSidecar> {};

TEST_P(OnnxSidecarErrorTest, NamesTheFileAndTheKey) {
  Write("model.onnx.json", GetParam().content);

  ExpectRefused("", GetParam().error, GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(
    All, OnnxSidecarErrorTest,
    ::testing::Values(
        BadSidecar{"NotJson", "{\"state\": ", "INVALID_ARGUMENT: MODEL_FORMAT", "model.onnx.json'"},
        BadSidecar{"NotAnObject", "[1]", "INVALID_ARGUMENT: MODEL_CONFIG", "are not an object"},
        BadSidecar{"UnknownKey", R"({"states": {"h": "hn"}})", "INVALID_ARGUMENT: MODEL_CONFIG",
                   "model.onnx.json': 'states' is not an object with one of the names 'set'"},
        BadSidecar{"AListForAnObject", R"({"state": ["h"]})", "INVALID_ARGUMENT: MODEL_CONFIG",
                   "'state' is not an object"},
        BadSidecar{"ANumberForAName", R"({"state": {"h": 3}})", "INVALID_ARGUMENT: MODEL_CONFIG",
                   "'state' of 'h' is not the name of an output, or none"},
        BadSidecar{"AWordForAnAxis", R"({"batch_axis": {"x": "first"}})",
                   "INVALID_ARGUMENT: MODEL_CONFIG", "'batch_axis' of 'x' is not an axis"},
        BadSidecar{"AnInputThatIsNot", R"({"set": {"rate": 1}})", "INVALID_ARGUMENT: MODEL_CONFIG",
                   "'set' names 'rate', which is no input"},
        BadSidecar{"AStateThatIsNot", R"({"state": {"z": "hn"}})", "INVALID_ARGUMENT: MODEL_CONFIG",
                   "'z'"},
        BadSidecar{"AnOutputThatIsNot", R"({"state": {"h": "z"}})",
                   "INVALID_ARGUMENT: MODEL_CONFIG", "'z'"},
        BadSidecar{"AFileOutsideTheFolder", R"({"initial_state": {"h": "../h0.npy"}})",
                   "INVALID_ARGUMENT: MODEL_CONFIG", "'../h0.npy' is not a path below the folder"},
        BadSidecar{"AFileThatIsNotThere", R"({"initial_state": {"h": "h0.npy"}})",
                   "NOT_FOUND: MODEL_PATH", "h0.npy"}),
    [](const auto& test) { return test.param.name; });

struct BadFlags {
  std::string name;
  std::string flags;
  std::string error;
  std::string text;
};

class OnnxFlagErrorTest : public OnnxCommandTest, public ::testing::WithParamInterface<BadFlags> {};

TEST_P(OnnxFlagErrorTest, NamesTheFlagAndTheFault) {
  ExpectRefused(GetParam().flags, GetParam().error, GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(
    All, OnnxFlagErrorTest,
    ::testing::Values(
        BadFlags{"NoValue", "--state h", "INVALID_ARGUMENT: MODEL_CONFIG",
                 "--state h: it is not of the form NAME=VALUE"},
        BadFlags{"UnknownInput", "--batch-axis z=0", "INVALID_ARGUMENT: MODEL_CONFIG",
                 "'batch_axis' names 'z', which is no input or output of the model; there are 'h'"},
        BadFlags{"UnknownState", "--state z=hn", "INVALID_ARGUMENT: MODEL_CONFIG", "'z'"},
        BadFlags{"UnknownOutput", "--state h=z", "INVALID_ARGUMENT: MODEL_CONFIG", "'z'"},
        BadFlags{"AxisThatIsNot", "--batch-axis x=2", "INVALID_ARGUMENT: MODEL_CONFIG",
                 "'batch_axis' of 'x' is 2"},
        BadFlags{"ShapeThatContradicts", "--shape x=1,3", "INVALID_ARGUMENT: MODEL_CONFIG",
                 "'shape' of 'x' is [1, 3], but the file says"},
        BadFlags{"ShapeOfWords", "--shape x=a,b", "INVALID_ARGUMENT: MODEL_CONFIG",
                 "'shape' of 'x' is not a list of extents"},
        BadFlags{"TimeAxisWithStates", "--time-axis x=0", "INVALID_ARGUMENT: MODEL_CONFIG",
                 "'time_axis' is for models that have no states as inputs and outputs"},
        BadFlags{"OverlapOfAState", "--overlap h=1", "INVALID_ARGUMENT: MODEL_CONFIG",
                 "'overlap' names 'h', which clients do not send"},
        BadFlags{"OverlapOfEverything", "--overlap x=2", "INVALID_ARGUMENT: MODEL_CONFIG",
                 "from 1 to 1"},
        BadFlags{"InitialStateOfAnInput", "--initial-state x=zeros",
                 "INVALID_ARGUMENT: MODEL_CONFIG", "'initial_state' names 'x', which is no state"},
        BadFlags{"NoSuchFile", "--initial-state h=/nowhere/h0.npy", "NOT_FOUND: MODEL_PATH",
                 "h0.npy"}),
    [](const auto& test) { return test.param.name; });

TEST_F(OnnxCommandTest, AnInitialStateOfAnotherShapeIsRefused) {
  Write("h0.npy", Npy("(3,)", {1, 2, 3}));

  ExpectRefused("--initial-state h=" + PathOf("h0.npy"), "INVALID_ARGUMENT: MODEL_WEIGHTS",
                "has the shape [3], but the state 'h' has [1, 1, 2]");
}

TEST_F(OnnxCommandTest, AStateWithoutAnOutputLeavesAModelWithoutStates) {
  ExpectRefused("--state h=none", "INVALID_ARGUMENT: ONNX_STATES",
                "no input is named as the state of an output");
}

TEST_F(OnnxCommandTest, FlagsForOnnxAreRefusedForOtherFiles) {
  const ProcessOutcome outcome =
      RunShell(std::string(RNNSERVE_BIN_DIR) + "/rnnserve-import " + RNNSERVE_SOURCE_DIR +
               "/client/demo/models/sunspots.keras " + PathOf("bundle") + " --state h=hn");

  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, StartsWith("error: INVALID_ARGUMENT: MODEL_FORMAT: --state is for "));
}

TEST_F(OnnxCommandTest, ADamagedFileIsRefused) {
  const std::string whole = Accumulator().SerializeAsString();
  Write("cut.onnx", whole.substr(0, whole.size() / 2));
  Write("text.onnx", "this is no model");

  ExpectRefused("", "INVALID_ARGUMENT: MODEL_FORMAT", "", "cut.onnx");
  ExpectRefused("", "INVALID_ARGUMENT: MODEL_FORMAT", "", "text.onnx");
  ExpectRefused("", "NOT_FOUND: MODEL_PATH", "", "missing.onnx");
}

TEST_F(OnnxCommandTest, EveryMissingOperatorIsNamedAtOnce) {
  onnx::ModelProto proto = Accumulator();
  AddNode(*proto.mutable_graph(), "Unheard", {"x"}, {"u"});
  AddNode(*proto.mutable_graph(), "Relu", {"u"}, {"r"});
  onnx::OperatorSetIdProto& opset = *proto.add_opset_import();
  opset.set_domain("com.example");
  opset.set_version(1);
  AddNode(*proto.mutable_graph(), "Unseen", {"r"}, {"v"}).set_domain("com.example");
  AddOutput(*proto.mutable_graph(), "v", {"batch", "2"});
  Save(proto);

  ExpectRefused("", "UNIMPLEMENTED: OPERATOR_UNSUPPORTED",
                "not supported: 'Unheard' (opset 18) in node 'the_Unheard'; "
                "'Unseen' of domain 'com.example' (opset 1) in node 'the_Unseen'");
}

TEST_F(OnnxCommandTest, AFileIsRecognisedByItsContent) {
  fs::rename(PathOf("model.onnx"), PathOf("renamed.keras"));

  EXPECT_EQ(Run("", "renamed.keras").exit_code, 0);
}

TEST_F(OnnxCommandTest, TheHelpNamesTheFlagsAndTheFile) {
  const ProcessOutcome outcome = Run("--help");

  EXPECT_EQ(outcome.exit_code, 0);
  for (const char* flag : {"--state", "--set", "--shape", "--batch-axis", "--time-axis",
                           "--initial-state", "--overlap"}) {
    EXPECT_THAT(outcome.out, HasSubstr(flag));
  }
  EXPECT_THAT(outcome.out, HasSubstr("Facts that an ONNX file lacks; the file MODEL.onnx.json next "
                                     "to it can give them too"));
}

}  // namespace
}  // namespace rnnserve::testing
