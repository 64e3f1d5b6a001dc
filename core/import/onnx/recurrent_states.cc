// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/recurrent_states.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace rnnserve {

bool IsRecurrentNode(const OnnxNode& node) {
  return node.domain.empty() &&
         (node.op_type == "LSTM" || node.op_type == "GRU" || node.op_type == "RNN");
}

namespace {

// The operand with the lengths of the rows, and the first of those with the initial states.
constexpr size_t kLengths = 4;
constexpr size_t kInitialH = 5;

bool AnyIsRecurrent(const std::vector<OnnxNode>& nodes) {
  return std::any_of(nodes.begin(), nodes.end(), [](const OnnxNode& node) {
    if (IsRecurrentNode(node) || (node.domain.empty() && node.op_type == "Scan")) return true;
    for (const auto& [name, attribute] : node.attributes) {
      const auto* graph = std::get_if<std::shared_ptr<const OnnxGraph>>(&attribute);
      if (graph != nullptr && AnyIsRecurrent((*graph)->nodes)) return true;
    }
    return false;
  });
}

// Returns whether the lengths are known, and no row ends before the only timestep. Exporters write
// the number of timesteps there.
bool AreAtLeastOne(const BuiltValue& lengths) {
  if (!lengths.is_known() || lengths.type() != ElementType::kInt32) return false;
  const std::vector<int64_t>& ends = lengths.tensor().integers();
  return std::all_of(ends.begin(), ends.end(), [](int64_t end) { return end >= 1; });
}

bool IsZero(const OnnxTensor& tensor) {
  return tensor.type == ElementType::kFloat32 &&
         std::all_of(tensor.floats().begin(), tensor.floats().end(),
                     [](float value) { return value == 0.0f; });
}

}  // namespace

bool HasRecurrentNodes(const OnnxModel& model) {
  return AnyIsRecurrent(model.graph.nodes) ||
         std::any_of(model.functions.begin(), model.functions.end(),
                     [](const auto& function) { return AnyIsRecurrent(function.second.nodes); });
}

absl::StatusOr<std::optional<std::vector<BuiltValue>>> RecurrentStates::Convert(
    NodeConversion& node) {
  if (!IsRecurrentNode(node.node())) return std::nullopt;
  const BuiltValue& x = node.operand(0);
  // It runs over another axis than time.
  if (x.rank() == 3 && x.shape()[node.Int("layout", 0) != 0 ? 1 : 0] != 1) return std::nullopt;
  if (node.String("direction", "forward") != "forward") {
    return NotServed("it runs backwards, so it needs timesteps that a session does not have yet");
  }
  if (node.has(kLengths) && !AreAtLeastOne(node.operand(kLengths))) {
    return NotServed("it has lengths of rows (sequence_lens)");
  }
  const std::vector<int64_t> kernel(node.operand(2).shape().extents().begin(),
                                    node.operand(2).shape().extents().end());
  if (kernel.size() != 3) return NotServed("R must have three axes");
  const Shape whole{1, 1, kernel[2]};  // direction and batch, in either layout
  const size_t num_states = node.node().op_type == "LSTM" ? 2 : 1;
  std::vector<std::optional<BuiltValue>> operands = node.optional_operands();
  operands.resize(std::max(operands.size(), kInitialH + num_states));
  ProgramBuilder& builder = node.builder();
  const size_t first_state = builder.num_states();
  for (size_t i = 0; i < num_states; ++i) {
    std::optional<BuiltValue>& operand = operands[kInitialH + i];
    const std::string name =
        absl::StrCat(node.node().name.empty() ? absl::StrCat(node.node().op_type, "_", num_states_)
                                              : node.node().name,
                     i == 0 ? ".h" : ".c");
    RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue row,
                              builder.AddState(name, ElementType::kFloat32, Shape{kernel[2]}));
    if (operand.has_value() && !operand->is_known()) {
      return NotServed("its initial state depends on the inputs");
    }
    if (operand.has_value() && !IsZero(operand->tensor())) {
      RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue initial,
                                builder.Reshape(*operand, Shape{kernel[2]}));
      RNNSERVE_RETURN_IF_ERROR(builder.SetInitialState(first_state + i, initial));
    }
    RNNSERVE_ASSIGN_OR_RETURN(operand, builder.Reshape(row, whole));
  }
  ++num_states_;
  OnnxNode with_states = node.node();
  with_states.outputs = {"Y", "Y_h", "Y_c"};
  with_states.outputs.resize(1 + num_states);
  const NamedConverter* line = FindConverter("", with_states.op_type, node.opset());
  if (line == nullptr) return std::nullopt;
  NodeConversion conversion(with_states, node.opset(), std::move(operands), builder);
  absl::StatusOr<std::vector<BuiltValue>> results = line->converter(conversion);
  RNNSERVE_RETURN_IF_ERROR(conversion.status());
  RNNSERVE_RETURN_IF_ERROR(results.status());
  RNNSERVE_RETURN_IF_ERROR(conversion.Check());
  if (results->size() < 1 + num_states) return NotServed("its states are not computed");
  for (size_t i = 0; i < num_states; ++i) {
    RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue next,
                              builder.Reshape((*results)[1 + i], Shape{kernel[2]}));
    RNNSERVE_RETURN_IF_ERROR(builder.SetNextState(first_state + i, next));
  }
  node.IgnoreAll();
  return std::optional<std::vector<BuiltValue>>(*std::move(results));
}

}  // namespace rnnserve
