// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/peers/onnx_model.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "absl/strings/string_view.h"

namespace rnnserve::testing {
namespace {

// The constants of ONNX's format that the model below needs.
constexpr int64_t kIrVersion = 8;
constexpr int64_t kOperatorSet = 14;
constexpr int64_t kFloat = 1;         // TensorProto.DataType
constexpr int64_t kIntAttribute = 2;  // AttributeProto.AttributeType

// A message in protobuf's wire format, written field by field. This avoids a dependency on ONNX's
// generated classes for a dozen fields.
class Message {
 public:
  Message& Number(uint64_t field, int64_t value) {
    Varint(field << 3);
    Varint(static_cast<uint64_t>(value));
    return *this;
  }
  Message& Bytes(uint64_t field, absl::string_view value) {
    Varint(field << 3 | 2);
    Varint(value.size());
    bytes_.append(value.data(), value.size());
    return *this;
  }
  Message& Nested(uint64_t field, const Message& value) { return Bytes(field, value.bytes_); }
  const std::string& bytes() const { return bytes_; }

 private:
  void Varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

using Shape = std::vector<int64_t>;

// Makes a TensorProto: dims 1, data_type 2, name 8, raw_data 9.
Message Tensor(absl::string_view name, const Shape& shape, const std::vector<float>& values) {
  Message result;
  for (const int64_t size : shape) result.Number(1, size);
  result.Number(2, kFloat).Bytes(8, name);
  return result.Bytes(9, {reinterpret_cast<const char*>(values.data()), 4 * values.size()});
}

// Makes a ValueInfoProto: name 1, type 2 { tensor_type 1 { elem_type 1, shape 2 { dim 1 { value 1
// }}}}.
Message Value(absl::string_view name, const Shape& sizes) {
  Message shape;
  for (const int64_t size : sizes) shape.Nested(1, Message().Number(1, size));
  const Message tensor = Message().Number(1, kFloat).Nested(2, shape);
  return Message().Bytes(1, name).Nested(2, Message().Nested(1, tensor));
}

// Makes an AttributeProto: name 1, i 3, type 20.
Message Attribute(absl::string_view name, int64_t value) {
  return Message().Bytes(1, name).Number(3, value).Number(20, kIntAttribute);
}

// Returns the index in ONNX's order of each gate in Keras' order: i f c o becomes i o f c; z r h
// stays.
std::vector<int64_t> GatePlaces(PeerCell cell) {
  return cell == PeerCell::kLstm ? std::vector<int64_t>{0, 2, 3, 1} : std::vector<int64_t>{0, 1, 2};
}

// Transposes Keras' [rows, G * units] to [G * units, rows] in ONNX's order of gates. A bias is one
// row.
std::vector<float> Transposed(const PeerTask& task, absl::Span<const float> weights) {
  const std::vector<int64_t> places = GatePlaces(task.cell);
  const auto columns = task.num_gates() * task.units;
  const auto rows = static_cast<int64_t>(weights.size()) / columns;
  std::vector<float> result(weights.size());
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      const int64_t place = places[static_cast<size_t>(column / task.units)];
      const int64_t to = place * task.units + column % task.units;
      result[static_cast<size_t>(to * rows + row)] =
          weights[static_cast<size_t>(row * columns + column)];
    }
  }
  return result;
}

// ONNX has an input bias followed by a recurrent bias. Keras has the second only in a GRU with
// reset_after; for the other layers it is zero.
std::vector<float> Bias(const PeerTask& task) {
  const auto row_size = static_cast<size_t>(task.num_gates() * task.units);
  std::vector<float> result = Transposed(task, task.bias.first(row_size));
  if (task.bias.size() == row_size) {
    result.resize(2 * row_size);
  } else {
    const std::vector<float> recurrent = Transposed(task, task.bias.subspan(row_size));
    result.insert(result.end(), recurrent.begin(), recurrent.end());
  }
  return result;
}

// Makes a NodeProto: input 1, output 2, op_type 4, attribute 5. An empty name stands for an omitted
// input, here the lengths of the sequences.
Message Node(const PeerTask& task) {
  const bool is_lstm = task.cell == PeerCell::kLstm;
  Message node;
  for (const char* input : {"X", "W", "R", "B", "", "H"}) node.Bytes(1, input);
  for (const char* output : {"Y", "Y_h"}) node.Bytes(2, output);
  if (is_lstm) node.Bytes(1, "C").Bytes(2, "Y_c");
  node.Bytes(4, is_lstm ? "LSTM" : "GRU").Nested(5, Attribute("hidden_size", task.units));
  if (task.cell == PeerCell::kGruResetAfter) node.Nested(5, Attribute("linear_before_reset", 1));
  return node;
}

// Makes a GraphProto: node 1, name 2, initializer 5, input 11, output 12.
Message Graph(const PeerTask& task) {
  const int64_t columns = task.num_gates() * task.units;
  const Shape state = {1, task.batch, task.units};
  Message graph;
  graph.Nested(1, Node(task)).Bytes(2, "layer");
  graph.Nested(5, Tensor("W", {1, columns, task.input_size}, Transposed(task, task.kernel)));
  graph.Nested(5, Tensor("R", {1, columns, task.units}, Transposed(task, task.recurrent_kernel)));
  graph.Nested(5, Tensor("B", {1, 2 * columns}, Bias(task)));
  graph.Nested(11, Value("X", {task.num_timesteps, task.batch, task.input_size}));
  graph.Nested(11, Value("H", state));
  graph.Nested(12, Value("Y", {task.num_timesteps, 1, task.batch, task.units}));
  graph.Nested(12, Value("Y_h", state));
  if (task.cell == PeerCell::kLstm) {
    graph.Nested(11, Value("C", state)).Nested(12, Value("Y_c", state));
  }
  return graph;
}

}  // namespace

// Makes a ModelProto: ir_version 1, graph 7, opset_import 8 { version 2 }.
std::string OnnxModel(const PeerTask& task) {
  return Message()
      .Number(1, kIrVersion)
      .Nested(7, Graph(task))
      .Nested(8, Message().Number(2, kOperatorSet))
      .bytes();
}

}  // namespace rnnserve::testing
