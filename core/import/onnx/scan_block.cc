// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A Scan over time as a block.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/import/onnx/recurrent_blocks.h"

namespace rnnserve {
namespace {

using ScanPass = GraphConverter::ScanPass;

// Returns the shape without extents of 1, among them the batch, but with one axis at least.
Shape Squeezed(const Shape& shape) {
  std::vector<int64_t> extents(shape.extents().begin(), shape.extents().end());
  extents.erase(std::remove(extents.begin(), extents.end(), 1), extents.end());
  if (extents.empty()) extents.push_back(1);
  return Shape(extents);
}

bool IsZero(const OnnxTensor& tensor) {
  if (tensor.type != ElementType::kFloat32) {
    return std::all_of(tensor.integers().begin(), tensor.integers().end(),
                       [](int64_t value) { return value == 0; });
  }
  return std::all_of(tensor.floats().begin(), tensor.floats().end(),
                     [](float value) { return value == 0.0f; });
}

}  // namespace

// The program of one pass. The operands of the block are those in `inputs` and `constants`, in the
// order of the program's.
class RecurrentBlocks::ScanStep {
 public:
  explicit ScanStep(const ScanPass& pass) : pass_(pass) {}

  absl::Status Build() {
    std::vector<BuiltValue> carried;
    std::vector<BuiltValue> scanned;
    std::map<std::string, BuiltValue> captured;
    for (size_t i = 0; i < pass_.scanned.size(); ++i) {
      RNNSERVE_ASSIGN_OR_RETURN(scanned.emplace_back(), AddInput(absl::StrCat("x", i), i));
    }
    for (size_t i = 0; i < pass_.carried.size(); ++i) {
      RNNSERVE_ASSIGN_OR_RETURN(carried.emplace_back(), AddState(i));
    }
    for (const auto& [name, value] : pass_.captured) {
      RNNSERVE_ASSIGN_OR_RETURN(captured[name], AddConstant(absl::StrCat("from ", name), value));
    }
    RNNSERVE_RETURN_IF_ERROR(BeginAtFirstValues(carried));
    RNNSERVE_ASSIGN_OR_RETURN(results_, pass_.convert_body(step_, carried, scanned, captured));
    for (size_t i = 0; i < pass_.carried.size(); ++i) {
      RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue next,
                                step_.Reshape(results_[i], step_.state_shape(i)));
      RNNSERVE_RETURN_IF_ERROR(step_.SetNextState(i, next));
    }
    for (const bool is_sequence : {true, false}) {
      for (size_t i = 0; i < results_.size(); ++i) {
        if (!pass_.wants[i] || (i >= pass_.carried.size()) != is_sequence) continue;
        if (is_sequence && results_[i].is_known()) continue;
        RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue row,
                                  step_.Reshape(results_[i], Squeezed(results_[i].shape())));
        RNNSERVE_RETURN_IF_ERROR(step_.AddOutput(absl::StrCat(is_sequence ? "y" : "last", i), row));
        outputs_.push_back(i);
        num_sequences_ += is_sequence ? 1 : 0;
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<ProgramBuilder::Result> Finish() { return step_.Finish("a Scan of the graph"); }

  std::vector<std::pair<std::string, BuiltValue>> inputs;     // name and value of the rest
  std::vector<std::pair<std::string, BuiltValue>> constants;  // the same
  // The results of the node, and which of them are outputs of the program.
  const std::vector<BuiltValue>& results() const { return results_; }
  const std::vector<size_t>& outputs() const { return outputs_; }
  size_t num_sequences() const { return num_sequences_; }

 private:
  absl::StatusOr<BuiltValue> AddInput(const std::string& name, size_t i) {
    const BuiltValue& value = pass_.scanned[i];
    if (value.is_known()) return value;
    inputs.emplace_back(name, value);
    RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue row,
                              step_.AddInput(name, value.type(), Squeezed(value.shape())));
    return step_.Reshape(row, value.shape());
  }

  absl::StatusOr<BuiltValue> AddConstant(const std::string& name, const BuiltValue& value) {
    constants.emplace_back(name, value);
    RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue row,
                              step_.AddConstant(name, value.type(), Squeezed(value.shape())));
    return step_.Reshape(row, value.shape());
  }

  // Adds state i. Notes the value that it begins with, unless the program can say it.
  absl::StatusOr<BuiltValue> AddState(size_t i) {
    const BuiltValue& initial = pass_.carried[i];
    const Shape shape = Squeezed(initial.shape());
    RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue row,
                              step_.AddState(absl::StrCat("state", i), initial.type(), shape));
    RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue state, step_.Reshape(row, initial.shape()));
    if (initial.is_known() && IsZero(initial.tensor())) return state;
    if (initial.is_known() && initial.type() == ElementType::kFloat32) {
      RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue weights, step_.Reshape(initial, shape));
      RNNSERVE_RETURN_IF_ERROR(step_.SetInitialState(i, weights));
      return state;
    }
    BuiltValue first = initial;
    if (!initial.is_known()) {
      RNNSERVE_ASSIGN_OR_RETURN(first, AddConstant(absl::StrCat("initial", i), initial));
    }
    first_values_[i] = first;
    return state;
  }

  // Replaces the states at the first timestep.
  absl::Status BeginAtFirstValues(std::vector<BuiltValue>& carried) {
    if (first_values_.empty()) return absl::OkStatus();
    const Shape one{1};
    RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue started,
                              step_.AddState("started", ElementType::kFloat32, one));
    RNNSERVE_RETURN_IF_ERROR(step_.SetNextState(
        carried.size(), BuiltValue(OnnxTensor{ElementType::kFloat32, one, {std::vector{1.0f}}})));
    RNNSERVE_ASSIGN_OR_RETURN(BuiltValue goes_on,
                              step_.Add(OpCode::kLt, {BuiltValue(ScalarTensor(0.0f)), started}));
    RNNSERVE_ASSIGN_OR_RETURN(goes_on, step_.Reshape(goes_on, Shape()));
    for (const auto& [i, first] : first_values_) {
      RNNSERVE_ASSIGN_OR_RETURN(carried[i],
                                step_.Add(OpCode::kWhere, {goes_on, carried[i], first}));
    }
    return absl::OkStatus();
  }

  const ScanPass& pass_;
  ProgramBuilder step_;
  std::map<size_t, BuiltValue> first_values_;
  std::vector<BuiltValue> results_;
  std::vector<size_t> outputs_;
  size_t num_sequences_ = 0;
};

absl::StatusOr<std::optional<std::vector<BuiltValue>>> RecurrentBlocks::ConvertScan(
    ProgramBuilder& rest, const ScanPass& pass) {
  if (std::all_of(pass.scanned.begin(), pass.scanned.end(),
                  [](const BuiltValue& value) { return value.is_known(); })) {
    return std::nullopt;
  }
  ScanStep step(pass);
  RNNSERVE_RETURN_IF_ERROR(step.Build());
  std::vector<BuiltValue> results = step.results();
  RecurrentBlock block;
  block.name = UnusedName(LayerName(pass.name.empty() ? "Scan" : pass.name));
  block.go_backwards = pass.is_reverse;
  block.num_sequences = step.num_sequences();
  for (const auto& [name, value] : step.inputs) {
    RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue row, rest.Reshape(value, Squeezed(value.shape())));
    RNNSERVE_ASSIGN_OR_RETURN(block.inputs.emplace_back(), Export(rest, block, name, row));
  }
  for (const auto& [name, value] : step.constants) {
    RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue row, rest.Reshape(value, Squeezed(value.shape())));
    RNNSERVE_ASSIGN_OR_RETURN(block.constants.emplace_back(), Export(rest, block, name, row));
  }
  // The values of the step have no meaning in the rest; those that nothing reads are zeros there.
  for (BuiltValue& result : results) {
    if (!result.is_known()) result = BuiltValue(ScalarTensor(0.0f));
  }
  for (size_t number : step.outputs()) {
    const BuiltValue& inner = step.results()[number];
    RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue row, Import(rest, block, absl::StrCat(number),
                                                           inner.type(), Squeezed(inner.shape())));
    RNNSERVE_ASSIGN_OR_RETURN(results[number], rest.Reshape(row, inner.shape()));
  }
  if (step.outputs().empty()) return std::nullopt;
  RNNSERVE_ASSIGN_OR_RETURN(block.step, step.Finish());
  blocks_.push_back(std::move(block));
  return std::optional<std::vector<BuiltValue>>(std::move(results));
}

}  // namespace rnnserve
