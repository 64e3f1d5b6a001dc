// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Reads a few thousand randomly damaged files in the way in which the program reads files. Each must
// give a program or an error with a reason.

#include <gtest/gtest.h>

#include <random>

#include "core/base/error.h"
#include "core/import/confined_process.h"
#include "core/import/onnx/graph_reader.h"
#include "core/import/onnx/onnx_import.h"
#include "tests/core/import/onnx/onnx_file.h"

namespace rnnserve::testing {
namespace {

constexpr ProcessLimits kLimits = {uint64_t{1} << 30, 20};
constexpr int kNumFiles = 4000;

// Overwrites a few bytes or removes the end.
std::string Damage(std::string bytes, std::mt19937& random) {
  if (random() % 16 == 0) return bytes.substr(0, random() % bytes.size());
  for (size_t i = 0; i < 1 + random() % 8; ++i) {
    const char any = static_cast<char>(random());
    bytes[random() % bytes.size()] = random() % 4 == 0 ? '\xff' : any;
  }
  return bytes;
}

absl::Status TryToImport(const std::string& bytes) {
  const absl::StatusOr<OnnxModel> model = ReadOnnx(bytes, "");
  if (!model.ok()) return model.status();
  static const LayerRegistry registry = LayerRegistry::BuiltIn(CellRegistry::BuiltIn());
  return ImportOnnx(*model, {}, registry).status();
}

// An RNN of one unit in both directions, with lengths of rows and an initial state.
onnx::ModelProto BothDirections() {
  onnx::ModelProto model = EmptyOnnx();
  onnx::GraphProto& graph = *model.mutable_graph();
  AddInput(graph, "x", {"seq", "batch", "1"});
  AddInput(graph, "lengths", {"batch"}, onnx::TensorProto::INT32);
  AddFloats(graph, "w", {2, 1, 1}, {1.0f, 0.5f});
  AddFloats(graph, "r", {2, 1, 1}, {0.5f, 0.25f});
  AddFloats(graph, "h0", {2, 1, 1}, {0.5f, 0.25f});
  onnx::NodeProto& rnn =
      AddNode(graph, "RNN", {"x", "w", "r", "", "lengths", "h0"}, {"all", "last"});
  SetInt(rnn, "hidden_size", 1);
  onnx::AttributeProto& direction = *rnn.add_attribute();
  direction.set_name("direction");
  direction.set_type(onnx::AttributeProto::STRING);
  direction.set_s("bidirectional");
  AddOutput(graph, "all", {"seq", "2", "batch", "1"});
  AddOutput(graph, "last", {"2", "batch", "1"});
  return model;
}

// A Scan that adds up its input.
onnx::ModelProto RunningSum() {
  onnx::ModelProto model = EmptyOnnx();
  onnx::GraphProto& graph = *model.mutable_graph();
  AddInput(graph, "x", {"seq", "batch", "1"});
  AddFloats(graph, "zero", {1, 1}, {0.0f});
  onnx::NodeProto& scan = AddNode(graph, "Scan", {"zero", "x"}, {"last", "all"});
  SetInt(scan, "num_scan_inputs", 1);
  onnx::GraphProto& body = SetGraph(scan, "body");
  AddInput(body, "sum", {"1", "1"});
  AddInput(body, "element", {"1", "1"});
  AddNode(body, "Add", {"sum", "element"}, {"next"});
  AddNode(body, "Neg", {"next"}, {"y"});
  AddOutput(body, "next", {"1", "1"});
  AddOutput(body, "y", {"1", "1"});
  AddOutput(graph, "all", {"seq", "batch", "1"});
  return model;
}

class DamagedOnnxTest : public ::testing::TestWithParam<onnx::ModelProto (*)()> {};

TEST_P(DamagedOnnxTest, EndsInAModelOrInAnErrorWithAReason) {
  const std::string whole = GetParam()().SerializeAsString();
  ASSERT_TRUE(TryToImport(whole).ok()) << TryToImport(whole);
  std::mt19937 random(1);
  const absl::StatusOr<std::string> result =
      RunConfined(kLimits, [&]() -> absl::StatusOr<std::string> {
        for (int i = 0; i < kNumFiles; ++i) {
          const absl::Status status = TryToImport(Damage(whole, random));
          if (!status.ok() && ErrorReason(status).empty())
            return "no reason in file " + std::to_string(i);
        }
        return "all have reasons";
      });

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, "all have reasons");
}

INSTANTIATE_TEST_SUITE_P(Models, DamagedOnnxTest,
                         ::testing::Values(&Accumulator, &BothDirections, &RunningSum));

}  // namespace
}  // namespace rnnserve::testing
