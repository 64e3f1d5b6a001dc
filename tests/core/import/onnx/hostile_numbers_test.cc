// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Nodes whose results are as large as a number in the file says, and numbers with which a computation
// of shapes would overflow. Each is refused before anything of that size is made.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/import/onnx/graph_converter.h"
#include "tests/core/import/onnx/onnx_file.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr int64_t kLarge = int64_t{1} << 40;
constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();
constexpr int64_t kSmallest = std::numeric_limits<int64_t>::min();

class HostileNumbersTest : public ::testing::Test {
 protected:
  HostileNumbersTest() { AddOutput(graph_, "y", {}); }

  // Adds a tensor of ones.
  void AddOnes(const std::string& name, const std::vector<int64_t>& extents) {
    int64_t elements = 1;
    for (const int64_t extent : extents) elements *= extent;
    AddFloats(graph_, name, extents, std::vector<float>(static_cast<size_t>(elements), 1.0f));
  }
  void AddNumber(const std::string& name, int64_t value) { AddIntegers(graph_, name, {}, {value}); }
  void AddList(const std::string& name, const std::vector<int64_t>& values) {
    AddIntegers(graph_, name, {static_cast<int64_t>(values.size())}, values);
  }
  onnx::NodeProto& AddNode(const std::string& op_type, const std::vector<std::string>& inputs) {
    return rnnserve::testing::AddNode(graph_, op_type, inputs, {"y"});
  }
  static void SetText(onnx::NodeProto& node, const std::string& name, const std::string& value) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::STRING);
    attribute.set_s(value);
  }

  absl::StatusOr<std::vector<BuiltValue>> Convert() {
    const OnnxModel model = Read(proto_);
    ProgramBuilder builder;
    return GraphConverter(model, builder, nullptr).Convert();
  }
  static auto IsTooLarge() { return IsError(kInvalid, "MODEL_TOO_LARGE", "elements are allowed"); }
  static auto IsWrong(const std::string& text) { return IsError(kInvalid, "MODEL_CONFIG", text); }

  onnx::ModelProto proto_ = EmptyOnnx();
  onnx::GraphProto& graph_ = *proto_.mutable_graph();
};

TEST_F(HostileNumbersTest, ARangeOfManyIntegers) {
  AddNumber("zero", 0);
  AddNumber("end", kLarge);
  AddNumber("one", 1);
  AddNode("Range", {"zero", "end", "one"});

  EXPECT_THAT(Convert(), IsTooLarge());
}

TEST_F(HostileNumbersTest, ARangeOfAllIntegers) {
  AddNumber("first", kSmallest);
  AddNumber("end", kLargest);
  AddNumber("one", 1);
  AddNode("Range", {"first", "end", "one"});

  EXPECT_THAT(Convert(), IsTooLarge());
}

TEST_F(HostileNumbersTest, ARangeThatEndsAtTheLargestInteger) {
  AddNumber("first", kLargest - 3);
  AddNumber("end", kLargest);
  AddNumber("two", 2);
  AddNode("Range", {"first", "end", "two"});

  const auto results = Convert();

  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_THAT(results->at(0).tensor().integers(), ElementsAre(kLargest - 3, kLargest - 1));
}

TEST_F(HostileNumbersTest, ARangeInTheLargestStepsDownwards) {
  AddNumber("first", 5);
  AddNumber("end", kSmallest);
  AddNumber("step", kSmallest);
  AddNode("Range", {"first", "end", "step"});

  const auto results = Convert();

  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_THAT(results->at(0).tensor().integers(), ElementsAre(5, kSmallest + 5));
}

TEST_F(HostileNumbersTest, ARangeOfFloatsWithoutEnd) {
  for (const float end : {1e30f, std::numeric_limits<float>::infinity(), std::nanf("")}) {
    onnx::ModelProto proto = EmptyOnnx();
    onnx::GraphProto& graph = *proto.mutable_graph();
    AddOutput(graph, "y", {});
    AddFloats(graph, "zero", {}, {0});
    AddFloats(graph, "end", {}, {end});
    AddFloats(graph, "step", {}, {0.5f});
    rnnserve::testing::AddNode(graph, "Range", {"zero", "end", "step"}, {"y"});
    const OnnxModel model = Read(proto);
    ProgramBuilder builder;

    EXPECT_THAT(GraphConverter(model, builder, nullptr).Convert(), IsTooLarge()) << end;
  }
}

TEST_F(HostileNumbersTest, AWindowOfManyElements) {
  AddNumber("size", kLarge);
  AddNode("HannWindow", {"size"});

  EXPECT_THAT(Convert(), IsTooLarge());
}

TEST_F(HostileNumbersTest, ATransformOfManyElements) {
  AddOnes("x", {1, 4, 1});
  AddNumber("length", 1 << 20);
  AddNode("DFT", {"x", "length"});

  EXPECT_THAT(Convert(), IsTooLarge());
}

TEST_F(HostileNumbersTest, ManyLongFrames) {
  AddOnes("x", {1, 40000, 1});
  AddNumber("step", 1);
  AddNumber("length", 20000);
  AddNode("STFT", {"x", "step", "", "length"});

  EXPECT_THAT(Convert(), IsTooLarge());
}

TEST_F(HostileNumbersTest, WidePaddingWithTheOtherEnd) {
  proto_.mutable_opset_import(0)->set_version(19);
  AddOnes("x", {4});
  AddList("pads", {kLarge, kLargest});
  SetText(AddNode("Pad", {"x", "pads"}), "mode", "wrap");

  EXPECT_THAT(Convert(), IsTooLarge());
}

TEST_F(HostileNumbersTest, PaddingThatCutsOffMoreThanThereIs) {
  AddOnes("x", {4});
  AddList("pads", {kSmallest, 0});
  AddNode("Pad", {"x", "pads"});

  EXPECT_THAT(Convert(), IsWrong("cuts off more than there is"));
}

TEST_F(HostileNumbersTest, ManyRepeats) {
  AddOnes("x", {2, 2});
  AddList("repeats", {kLarge, kLargest});
  AddNode("Tile", {"x", "repeats"});

  EXPECT_THAT(Convert(), IsTooLarge());
}

TEST_F(HostileNumbersTest, ALongAxisByItsSize) {
  AddOnes("x", {1, 4});
  AddList("sizes", {1, kLarge});
  AddNode("Resize", {"x", "", "", "sizes"});

  EXPECT_THAT(Convert(), IsTooLarge());
}

TEST_F(HostileNumbersTest, ALongAxisByItsScale) {
  AddOnes("x", {1, 4});
  AddFloats(graph_, "scales", {2}, {1, std::numeric_limits<float>::infinity()});
  SetText(AddNode("Resize", {"x", "", "scales"}), "mode", "linear");

  EXPECT_THAT(Convert(), IsTooLarge());
}

TEST_F(HostileNumbersTest, AOneHotOfGreatDepth) {
  AddList("x", {0, 1});
  AddNumber("depth", kLarge);
  AddFloats(graph_, "values", {2}, {0, 1});
  AddNode("OneHot", {"x", "depth", "values"});

  EXPECT_THAT(Convert(), IsTooLarge());
}

TEST_F(HostileNumbersTest, BlocksWhoseSquareOverflows) {
  AddOnes("x", {1, 4, 2, 2});
  SetInt(AddNode("DepthToSpace", {"x"}), "blocksize", int64_t{1} << 32);

  EXPECT_THAT(Convert(), IsWrong("whole blocks"));
}

TEST_F(HostileNumbersTest, WindowsWhoseReachOverflows) {
  AddOnes("x", {1, 1, 4});
  AddOnes("kernel", {1, 1, 3});
  onnx::AttributeProto& attribute = *AddNode("Conv", {"x", "kernel"}).add_attribute();
  attribute.set_name("dilations");
  attribute.set_type(onnx::AttributeProto::INTS);
  attribute.add_ints(kLargest);

  EXPECT_THAT(Convert(), IsWrong("beyond every tensor"));
}

TEST_F(HostileNumbersTest, RowsThatAreLongerThanTheTensor) {
  AddOnes("x", {3, 2});
  AddList("lengths", {1, 99});
  AddNode("ReverseSequence", {"x", "lengths"});

  EXPECT_THAT(Convert(), IsWrong("a length is 99, and there are 3"));
}

TEST_F(HostileNumbersTest, AShapeWhoseProductOverflows) {
  AddOnes("x", {2, 2});
  AddList("shape", {int64_t{1} << 32, int64_t{1} << 32, -1});
  AddNode("Reshape", {"x", "shape"});

  EXPECT_THAT(Convert(), IsWrong("cannot become"));
}

TEST_F(HostileNumbersTest, ASliceOfNothingBackwards) {
  AddFloats(graph_, "x", {0}, {});
  AddList("start", {-1});
  AddList("end", {kSmallest});
  AddList("axis", {0});
  AddList("step", {-1});
  AddNode("Slice", {"x", "start", "end", "axis", "step"});

  const auto results = Convert();

  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_THAT(results->at(0).tensor().floats(), ElementsAre());
}

}  // namespace
}  // namespace rnnserve::testing
