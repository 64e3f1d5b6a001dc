// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/recurrent_blocks.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/import/onnx/recurrent_states.h"

namespace rnnserve {
namespace {

// Operands of LSTM, GRU and RNN.
constexpr size_t kX = 0;
constexpr size_t kR = 2;
constexpr size_t kLengths = 4;
constexpr size_t kInitialH = 5;

// Row number `index` of a value with `rows` rows, in whatever axes.
absl::StatusOr<BuiltValue> RowOf(ProgramBuilder& builder, const BuiltValue& value, int64_t rows,
                                 int64_t index) {
  const int64_t size = value.shape().NumElements().value_or(0) / rows;
  RNNSERVE_ASSIGN_OR_RETURN(BuiltValue matrix, builder.Reshape(value, Shape{rows, size}));
  RNNSERVE_ASSIGN_OR_RETURN(matrix, builder.Slice(matrix, 0, index, index + 1));
  return builder.Reshape(matrix, Shape{size});
}

// Returns the rows as one value of that shape.
absl::StatusOr<BuiltValue> OfRows(ProgramBuilder& builder, absl::Span<const BuiltValue> rows,
                                  const Shape& shape) {
  RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue joined, builder.Concat(rows, 0));
  return builder.Reshape(joined, shape);
}

bool IsKnown(const std::optional<BuiltValue>& operand) {
  return !operand.has_value() || operand->is_known();
}

}  // namespace

// One direction of a node, as a block. The converter of the node computes all directions; of those
// but one, nothing is read, so that they leave no trace.
class RecurrentBlocks::Direction {
 public:
  Direction(NodeConversion& node, int64_t directions, int64_t index)
      : node_(node),
        directions_(directions),
        index_(index),
        hidden_(node.operand(kR).shape()[2]),
        num_states_(node.node().op_type == "LSTM" ? 2 : 1),
        operands_(node.optional_operands()) {
    operands_.resize(std::max(operands_.size(), kInitialH + num_states_));
  }

  // Builds the program. `has_counts` says that the block has an input "counts".
  absl::StatusOr<ProgramBuilder::Result> Build(bool has_counts) {
    const BuiltValue x = node_.operand(kX);
    RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue row,
                              step_.AddInput("x", ElementType::kFloat32, Shape{x.shape()[2]}));
    RNNSERVE_ASSIGN_OR_RETURN(operands_[kX], step_.Reshape(row, x.shape()));
    if (has_counts) {
      RNNSERVE_ASSIGN_OR_RETURN(operands_[kLengths],
                                step_.AddInput("counts", ElementType::kInt32, Shape{1}));
    }
    for (size_t i = 0; i < num_states_; ++i) RNNSERVE_RETURN_IF_ERROR(AddState(i));
    if (started_.has_value()) {
      RNNSERVE_RETURN_IF_ERROR(step_.SetNextState(
          *started_, BuiltValue(OnnxTensor{ElementType::kFloat32, Shape{1}, {std::vector{1.0f}}})));
    }
    RNNSERVE_RETURN_IF_ERROR(AddStep());
    return step_.Finish("a recurrence of the ONNX graph");
  }

 private:
  // Adds state i, and makes the operand for the converter of its value before the step.
  absl::Status AddState(size_t i) {
    std::optional<BuiltValue>& operand = operands_[kInitialH + i];
    if (operand.has_value() && operand->type() != ElementType::kFloat32) {
      return InvalidArgument("MODEL_CONFIG", "an initial state does not hold floats");
    }
    const bool is_first = i == 0;
    state_numbers_.push_back(step_.num_states());
    RNNSERVE_ASSIGN_OR_RETURN(
        BuiltValue state,
        step_.AddState(is_first ? "h" : "c", ElementType::kFloat32, Shape{hidden_}));
    if (operand.has_value() && operand->is_known()) {
      RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue initial,
                                RowOf(step_, *operand, directions_, index_));
      const std::vector<float>& floats = initial.tensor().floats();
      if (std::any_of(floats.begin(), floats.end(), [](float value) { return value != 0.0f; })) {
        RNNSERVE_RETURN_IF_ERROR(step_.SetInitialState(state_numbers_.back(), initial));
      }
    } else if (operand.has_value()) {
      RNNSERVE_ASSIGN_OR_RETURN(state, AddComputedInitial(is_first ? "h0" : "c0", state));
    }
    const BuiltValue zeros(OnnxTensor{ElementType::kFloat32, Shape{hidden_},
                                      std::vector<float>(static_cast<size_t>(hidden_), 0.0f)});
    std::vector<BuiltValue> rows(static_cast<size_t>(directions_), zeros);
    rows[static_cast<size_t>(index_)] = state;
    const Shape whole = node_.Int("layout", 0) != 0 ? Shape{1, directions_, hidden_}
                                                    : Shape{directions_, 1, hidden_};
    RNNSERVE_ASSIGN_OR_RETURN(operand, OfRows(step_, rows, whole));
    return absl::OkStatus();
  }

  // Returns the state, or at the first timestep the constant that it begins with.
  absl::StatusOr<BuiltValue> AddComputedInitial(const std::string& name, const BuiltValue& state) {
    RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue initial,
                              step_.AddConstant(name, ElementType::kFloat32, Shape{hidden_}));
    if (!started_.has_value()) {
      started_ = step_.num_states();
      RNNSERVE_ASSIGN_OR_RETURN(has_started_,
                                step_.AddState("started", ElementType::kFloat32, Shape{1}));
    }
    const BuiltValue zero(ScalarTensor(0.0f));
    RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue goes_on,
                              step_.Add(OpCode::kLt, {zero, has_started_}));
    return step_.Add(OpCode::kWhere, {goes_on, state, initial});
  }

  absl::Status AddStep() {
    OnnxNode with_states = node_.node();
    with_states.inputs.resize(operands_.size());
    with_states.outputs = {"Y", "Y_h", "Y_c"};
    with_states.outputs.resize(1 + num_states_);
    const NamedConverter* line = FindConverter("", with_states.op_type, node_.opset());
    if (line == nullptr) return NotServed("its operator set is too old");
    NodeConversion conversion(with_states, node_.opset(), operands_, step_);
    absl::StatusOr<std::vector<BuiltValue>> results = line->converter(conversion);
    RNNSERVE_RETURN_IF_ERROR(conversion.status());
    RNNSERVE_RETURN_IF_ERROR(results.status());
    RNNSERVE_RETURN_IF_ERROR(conversion.Check());
    const char* const names[] = {"y", "h", "c"};
    for (size_t i = 0; i < 1 + num_states_; ++i) {
      RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue result,
                                RowOf(step_, (*results)[i], directions_, index_));
      if (i > 0) RNNSERVE_RETURN_IF_ERROR(step_.SetNextState(state_numbers_[i - 1], result));
      if (node_.wants(i)) RNNSERVE_RETURN_IF_ERROR(step_.AddOutput(names[i], result));
    }
    return absl::OkStatus();
  }

  NodeConversion& node_;
  const int64_t directions_;
  const int64_t index_;
  const int64_t hidden_;
  const size_t num_states_;
  ProgramBuilder step_;
  std::vector<std::optional<BuiltValue>> operands_;
  std::vector<size_t> state_numbers_;
  std::optional<size_t> started_;  // the number of the state that says so
  BuiltValue has_started_;
};

std::string RecurrentBlocks::LayerName(std::string name) {
  std::replace_if(
      name.begin(), name.end(),
      [](unsigned char c) { return !absl::ascii_isalnum(c) && c != '_' && c != '.' && c != '-'; },
      '_');
  const size_t begin = name.find_first_not_of('_');
  return begin == std::string::npos ? "recurrence" : name.substr(begin);
}

std::string RecurrentBlocks::UnusedName(const std::string& wish) {
  std::string name = wish;
  for (int i = 1; !names_.insert(name).second; ++i) name = absl::StrCat(wish, "_", i);
  return name;
}

absl::StatusOr<std::string> RecurrentBlocks::Export(ProgramBuilder& rest,
                                                    const RecurrentBlock& block,
                                                    const std::string& name,
                                                    const BuiltValue& value) {
  std::string full_name = UnusedName(absl::StrCat(block.name, " reads ", name));
  RNNSERVE_RETURN_IF_ERROR(rest.AddOutput(full_name, value));
  return full_name;
}

absl::StatusOr<BuiltValue> RecurrentBlocks::Import(ProgramBuilder& rest, RecurrentBlock& block,
                                                   const std::string& name, ElementType type,
                                                   const Shape& shape) {
  block.results.push_back(UnusedName(absl::StrCat(block.name, " gives ", name)));
  return rest.AddInput(block.results.back(), type, shape);
}

absl::StatusOr<BuiltValue> RecurrentBlocks::Counts(NodeConversion& node) {
  const std::string& key = node.node().inputs[kLengths];
  if (const auto found = counts_.find(key); found != counts_.end()) return found->second;
  ProgramBuilder& rest = node.builder();
  RecurrentBlock block;
  block.name = UnusedName(LayerName(absl::StrCat(key, ".counts")));
  block.num_sequences = 1;
  const BuiltValue x = node.operand(kX);
  const Shape features{x.shape()[2]};
  const Shape one{1};
  ProgramBuilder step;
  RNNSERVE_RETURN_IF_ERROR(step.AddInput("x", ElementType::kFloat32, features).status());
  RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue lengths,
                            step.AddConstant("lengths", ElementType::kInt32, one));
  RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue t, step.AddState("t", ElementType::kInt32, one));
  RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue next,
                            step.Add(OpCode::kAdd, {t, BuiltValue(ScalarTensor(int64_t{1}))}));
  RNNSERVE_RETURN_IF_ERROR(step.SetNextState(0, next));
  RNNSERVE_ASSIGN_OR_RETURN(BuiltValue counts, step.Add(OpCode::kLt, {t, lengths}));
  RNNSERVE_ASSIGN_OR_RETURN(counts, step.Cast(counts, ElementType::kInt32));
  RNNSERVE_RETURN_IF_ERROR(step.AddOutput("counts", counts));
  RNNSERVE_ASSIGN_OR_RETURN(block.step, step.Finish("the lengths of the ONNX graph"));
  RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue row, rest.Reshape(x, features));
  RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue given, rest.Reshape(node.operand(kLengths), one));
  RNNSERVE_ASSIGN_OR_RETURN(block.inputs.emplace_back(), Export(rest, block, "x", row));
  RNNSERVE_ASSIGN_OR_RETURN(block.constants.emplace_back(), Export(rest, block, "lengths", given));
  RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue result,
                            Import(rest, block, "counts", ElementType::kInt32, one));
  blocks_.push_back(std::move(block));
  counts_[key] = result;
  return result;
}

absl::StatusOr<std::optional<std::vector<BuiltValue>>> RecurrentBlocks::Convert(
    NodeConversion& node) {
  if (!IsRecurrentNode(node.node())) return std::nullopt;
  const BuiltValue x = node.operand(kX);
  const BuiltValue recurrent_kernel = node.operand(kR);
  const bool is_batch_first = node.Int("layout", 0) != 0;
  if (x.rank() != 3 || recurrent_kernel.rank() != 3 || x.is_known()) return std::nullopt;
  if (x.shape()[is_batch_first ? 1 : 0] != 1 || x.shape()[is_batch_first ? 0 : 1] != 1) {
    return std::nullopt;
  }
  const std::vector<std::optional<BuiltValue>>& operands = node.optional_operands();
  for (size_t i = 1; i < operands.size(); ++i) {
    const bool may_depend = i >= kLengths && i < kInitialH + 2;
    if (!may_depend && !IsKnown(operands[i])) {
      return NotServed("its weights depend on the inputs and states");
    }
  }
  const std::string direction = node.String("direction", "forward");
  const int64_t directions = direction == "bidirectional" ? 2 : 1;
  const int64_t hidden = recurrent_kernel.shape()[2];
  const size_t num_states = node.node().op_type == "LSTM" ? 2 : 1;
  ProgramBuilder& rest = node.builder();
  RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue row, rest.Reshape(x, Shape{x.shape()[2]}));
  // Known lengths are those of whole sequences: exporters write the number of timesteps there.
  const bool has_counts = operands.size() > kLengths && !IsKnown(operands[kLengths]);
  BuiltValue counts;
  if (has_counts) {
    RNNSERVE_ASSIGN_OR_RETURN(counts, Counts(node));
  }
  const std::string base =
      LayerName(node.node().name.empty() ? node.node().op_type : node.node().name);
  std::vector<std::vector<BuiltValue>> results(1 + num_states);  // of each, the directions
  for (int64_t d = 0; d < directions; ++d) {
    RecurrentBlock block;
    block.go_backwards = direction == "reverse" || d == 1;
    block.name =
        UnusedName(directions == 1 ? base : absl::StrCat(base, d == 0 ? ".forward" : ".backward"));
    RNNSERVE_ASSIGN_OR_RETURN(block.step, Direction(node, directions, d).Build(has_counts));
    RNNSERVE_ASSIGN_OR_RETURN(block.inputs.emplace_back(), Export(rest, block, "x", row));
    if (has_counts) {
      RNNSERVE_ASSIGN_OR_RETURN(block.inputs.emplace_back(), Export(rest, block, "counts", counts));
    }
    for (size_t i = 0; i < num_states; ++i) {
      if (operands.size() <= kInitialH + i || IsKnown(operands[kInitialH + i])) continue;
      RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue initial,
                                RowOf(rest, *operands[kInitialH + i], directions, d));
      RNNSERVE_ASSIGN_OR_RETURN(block.constants.emplace_back(),
                                Export(rest, block, i == 0 ? "h0" : "c0", initial));
    }
    block.num_sequences = node.wants(0) ? 1 : 0;
    const char* const names[] = {"y", "h", "c"};
    for (size_t i = 0; i < 1 + num_states; ++i) {
      if (!node.wants(i)) continue;
      RNNSERVE_ASSIGN_OR_RETURN(
          results[i].emplace_back(),
          Import(rest, block, names[i], ElementType::kFloat32, Shape{hidden}));
    }
    blocks_.push_back(std::move(block));
  }
  std::vector<BuiltValue> joined(1 + num_states, BuiltValue(ScalarTensor(0.0f)));
  for (size_t i = 0; i < joined.size(); ++i) {
    if (!node.wants(i)) continue;
    const Shape sequence =
        is_batch_first ? Shape{1, 1, directions, hidden} : Shape{1, directions, 1, hidden};
    const Shape last = is_batch_first ? Shape{1, directions, hidden} : Shape{directions, 1, hidden};
    RNNSERVE_ASSIGN_OR_RETURN(joined[i], OfRows(rest, results[i], i == 0 ? sequence : last));
  }
  node.IgnoreAll();
  return std::optional<std::vector<BuiltValue>>(std::move(joined));
}

}  // namespace rnnserve
