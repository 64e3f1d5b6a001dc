// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests what is read from a file, and which files are refused before they can do harm.

#include "core/import/onnx/graph_reader.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "tests/core/import/onnx/onnx_file.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::testing {
namespace {

using onnx::TensorProto;

absl::StatusOr<OnnxTensor> ReadTensor(TensorProto tensor, const std::string& folder = "") {
  onnx::ModelProto model = Accumulator();
  tensor.set_name("t");
  *model.mutable_graph()->add_initializer() = std::move(tensor);
  absl::StatusOr<OnnxModel> read = ReadOnnx(model.SerializeAsString(), folder);
  if (!read.ok()) return read.status();
  return *read->graph.initializers.at("t");
}

TensorProto Tensor(int type, int64_t extent, const std::string& raw) {
  TensorProto tensor;
  tensor.set_data_type(type);
  tensor.add_dims(extent);
  tensor.set_raw_data(raw);
  return tensor;
}

TEST(OnnxGraphReaderTest, ReadsInputsOutputsNodesAndTensors) {
  const OnnxModel model = Read(Accumulator());

  EXPECT_EQ(model.opsets.at(""), 18);
  ASSERT_EQ(model.graph.inputs.size(), 2u);
  EXPECT_EQ(model.graph.inputs[0].axes->at(0).symbol, "batch");
  EXPECT_EQ(model.graph.inputs[0].axes->at(1).extent, 2);
  EXPECT_EQ(model.graph.nodes[0].op_type, "Add");
  EXPECT_EQ(model.graph.initializers.at("flat")->integers(), (std::vector<int64_t>{-1, 2}));
}

TEST(OnnxGraphReaderTest, ReadsEveryWidthOfFloats) {
  using std::string_literals::operator""s;
  EXPECT_EQ(
      ReadTensor(Tensor(TensorProto::FLOAT16, 4, "\x00\x3c\x01\x00\x00\xfc\x00\xc0"s))->floats(),
      (std::vector<float>{1.0f, 0x1p-24f, -INFINITY, -2.0f}));
  EXPECT_EQ(ReadTensor(Tensor(TensorProto::BFLOAT16, 1, "\x80\x3f"s))->floats(),
            std::vector<float>{1.0f});
  EXPECT_EQ(ReadTensor(Tensor(TensorProto::DOUBLE, 1, "\0\0\0\0\0\0\xf8\x3f"s))->floats(),
            std::vector<float>{1.5f});
  EXPECT_THAT(
      ReadTensor(Tensor(TensorProto::DOUBLE, 1, "\xff\xff\xff\xff\xff\xff\xef\x7f"s)),
      IsError(absl::StatusCode::kInvalidArgument, "MODEL_WEIGHTS", "too large for float32"));
}

TEST(OnnxGraphReaderTest, ReadsEveryWidthOfIntegers) {
  using std::string_literals::operator""s;
  EXPECT_EQ(ReadTensor(Tensor(TensorProto::INT8, 2, "\xff\x02"s))->integers(),
            (std::vector<int64_t>{-1, 2}));
  EXPECT_EQ(ReadTensor(Tensor(TensorProto::UINT8, 1, "\xff"s))->integers(),
            std::vector<int64_t>{255});
  EXPECT_EQ(ReadTensor(Tensor(TensorProto::BOOL, 2, "\x02\x00"s))->integers(),
            (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(
      ReadTensor(Tensor(TensorProto::INT64, 1, "\xff\xff\xff\xff\xff\xff\xff\x7f"s))->integers(),
      std::vector<int64_t>{INT64_MAX});
  EXPECT_THAT(ReadTensor(Tensor(TensorProto::UINT64, 1, std::string(8, '\xff'))),
              IsError(absl::StatusCode::kInvalidArgument, "MODEL_WEIGHTS", "too large"));
}

TEST(OnnxGraphReaderTest, RefusesStringsAndComplexNumbers) {
  EXPECT_THAT(ReadTensor(Tensor(TensorProto::STRING, 1, "a")),
              IsError(absl::StatusCode::kUnimplemented, "DTYPE_UNSUPPORTED", "'t'"));
}

TEST(OnnxGraphReaderTest, RefusesATensorWhoseDataHasAnotherLength) {
  EXPECT_THAT(
      ReadTensor(Tensor(TensorProto::FLOAT, 2, "1234")),
      IsError(absl::StatusCode::kInvalidArgument, "MODEL_WEIGHTS", "needs 8 bytes, but it has 4"));
  EXPECT_THAT(ReadTensor(Tensor(TensorProto::FLOAT, -1, "")),
              IsError(absl::StatusCode::kInvalidArgument, "MODEL_WEIGHTS", "impossible"));
}

TEST(OnnxGraphReaderTest, RefusesATensorOfTwoGibibytesBeforeItAllocates) {
  EXPECT_THAT(ReadTensor(Tensor(TensorProto::FLOAT, int64_t{1} << 29, "")),
              IsError(absl::StatusCode::kInvalidArgument, "MODEL_TOO_LARGE", "536870912 elements"));
}

TensorProto External(const std::string& location, const std::string& offset) {
  TensorProto tensor;
  tensor.set_data_type(TensorProto::FLOAT);
  tensor.add_dims(1);
  tensor.set_data_location(TensorProto::EXTERNAL);
  onnx::StringStringEntryProto* entry = tensor.add_external_data();
  entry->set_key("location");
  entry->set_value(location);
  entry = tensor.add_external_data();
  entry->set_key("offset");
  entry->set_value(offset);
  return tensor;
}

TEST(OnnxGraphReaderTest, ReadsExternalDataBelowTheFolderAlone) {
  const TemporaryFolder folder;
  const float numbers[] = {1.0f, 2.5f};
  std::ofstream(folder.path().string() + "/w.bin", std::ios::binary)
      .write(reinterpret_cast<const char*>(numbers), sizeof(numbers));

  EXPECT_EQ(ReadTensor(External("w.bin", "4"), folder.path().string())->floats(),
            std::vector<float>{2.5f});
  EXPECT_THAT(ReadTensor(External("w.bin", "6"), folder.path().string()),
              IsError(absl::StatusCode::kInvalidArgument, "MODEL_WEIGHTS", "'w.bin' has 8"));
  EXPECT_THAT(ReadTensor(External("../w.bin", "0"), folder.path().string()),
              IsError(absl::StatusCode::kInvalidArgument, "MODEL_WEIGHTS", "not a path below"));
  EXPECT_THAT(ReadTensor(External(folder.path().string() + "/w.bin", "0"), folder.path().string()),
              IsError(absl::StatusCode::kInvalidArgument, "MODEL_WEIGHTS", "not a path below"));
  EXPECT_THAT(ReadTensor(External("w.bin", "-4"), folder.path().string()),
              IsError(absl::StatusCode::kInvalidArgument, "MODEL_WEIGHTS", "'-4'"));
}

TEST(OnnxGraphReaderTest, RefusesExternalDataThatIsALinkOutOfTheFolder) {
  const TemporaryFolder folder;
  std::filesystem::create_symlink("/etc/passwd", folder.path().string() + "/w.bin");

  EXPECT_THAT(ReadTensor(External("w.bin", "0"), folder.path().string()),
              IsError(absl::StatusCode::kInvalidArgument, "MODEL_WEIGHTS", "link out of"));
}

TEST(OnnxGraphReaderTest, RefusesWhatIsNoOnnxModel) {
  EXPECT_THAT(ReadOnnx("PK\x03\x04 a zip", ""),
              IsError(absl::StatusCode::kInvalidArgument, "MODEL_FORMAT", "not an ONNX model"));
  EXPECT_THAT(ReadOnnx("", ""),
              IsError(absl::StatusCode::kInvalidArgument, "MODEL_FORMAT", "not an ONNX model"));
  const std::string bytes = Accumulator().SerializeAsString();
  EXPECT_THAT(ReadOnnx(bytes.substr(0, bytes.size() / 2), ""),
              IsError(absl::StatusCode::kInvalidArgument, "MODEL_FORMAT", "damaged"));
}

TEST(OnnxGraphReaderTest, RefusesOperatorSetsBefore7) {
  onnx::ModelProto model = Accumulator();
  model.mutable_opset_import(0)->set_version(6);

  EXPECT_THAT(ReadOnnx(model.SerializeAsString(), ""),
              IsError(absl::StatusCode::kUnimplemented, "MODEL_UNSUPPORTED", "operator set 6"));
}

TEST(OnnxGraphReaderTest, RefusesGraphsThatAreNestedTooDeep) {
  onnx::ModelProto model = Accumulator();
  onnx::GraphProto* graph = model.mutable_graph();
  for (int i = 0; i < 200; ++i) {
    graph = &SetGraph(AddNode(*graph, "If", {"x"}, {"z"}), "then_branch");
  }

  EXPECT_FALSE(ReadOnnx(model.SerializeAsString(), "").ok());
}

}  // namespace
}  // namespace rnnserve::testing
