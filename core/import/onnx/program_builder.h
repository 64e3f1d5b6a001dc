// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_PROGRAM_BUILDER_H_
#define RNNSERVE_CORE_IMPORT_ONNX_PROGRAM_BUILDER_H_

#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/import/onnx/onnx_tensor.h"
#include "core/model/weight_table.h"
#include "core/program/program.h"

namespace rnnserve {

// An operand of an operation while the program is built: a tensor that is known already, or a value
// that the program computes. A value type, cheap to copy.
class BuiltValue {
 public:
  BuiltValue() = default;  // to be assigned to; not to be used
  // Holds a known tensor. `name` is that of a weight made of it; "" if it has no name.
  explicit BuiltValue(std::shared_ptr<const OnnxTensor> tensor, absl::string_view name = "");
  explicit BuiltValue(OnnxTensor tensor, absl::string_view name = "");

  ElementType type() const { return type_; }
  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }

  bool is_known() const { return tensor_ != nullptr; }
  // REQUIRES: is_known().
  const OnnxTensor& tensor() const { return *tensor_; }

 private:
  friend class ProgramBuilder;

  ElementType type_ = ElementType::kFloat32;
  Shape shape_;
  std::shared_ptr<const OnnxTensor> tensor_;
  std::string name_;
  Program::ValueId id_ = 0;  // if it is not known
};

// Builds a program operation by operation. An operation whose operands are all known is computed at
// once, in float32 and int64, and adds nothing to the program. A known tensor that an operation of
// the program reads becomes a weight of it, if it has several floats, else a literal.
//
// The errors of all functions are about the operation alone, and whoever knows the node of the file
// adds its name: INVALID_ARGUMENT with the reasons of InferResults; INVALID_ARGUMENT, reason
// MODEL_CONFIG, if a known integer does not fit into 32 bits where the program needs it.
//
// Used by one thread at a time: the one that imports the file.
class ProgramBuilder {
 public:
  ProgramBuilder();
  ProgramBuilder(const ProgramBuilder&) = delete;
  ProgramBuilder& operator=(const ProgramBuilder&) = delete;

  // Adds one operation and returns its result. Elementwise operations broadcast their operands.
  absl::StatusOr<BuiltValue> Add(OpCode code, absl::Span<const BuiltValue> operands,
                                 Attributes attributes = {});
  absl::StatusOr<BuiltValue> Add(OpCode code, std::initializer_list<BuiltValue> operands,
                                 Attributes attributes = {});
  // Does what Add does, for kTopK and kSort, which have several results.
  absl::StatusOr<std::vector<BuiltValue>> AddAll(OpCode code, absl::Span<const BuiltValue> operands,
                                                 Attributes attributes);

  // Shorthands. They return `x` itself if there is nothing to do.
  absl::StatusOr<BuiltValue> Cast(const BuiltValue& x, ElementType type);
  absl::StatusOr<BuiltValue> Reshape(const BuiltValue& x, const Shape& shape);
  absl::StatusOr<BuiltValue> Broadcast(const BuiltValue& x, const Shape& shape);
  absl::StatusOr<BuiltValue> Transpose(const BuiltValue& x, std::vector<int64_t> perm);
  // Returns the elements start, start + 1, ... before `limit` along one axis (from 0).
  absl::StatusOr<BuiltValue> Slice(const BuiltValue& x, int axis, int64_t start, int64_t limit);
  absl::StatusOr<BuiltValue> Concat(absl::Span<const BuiltValue> parts, int axis);
  // See OpCode::kDot.
  absl::StatusOr<BuiltValue> Dot(const BuiltValue& a, const BuiltValue& b,
                                 absl::string_view equation);

  // Adds an input, a constant or a state of the program. The name must be new.
  absl::StatusOr<BuiltValue> AddInput(absl::string_view name, ElementType type, const Shape& shape);
  absl::StatusOr<BuiltValue> AddConstant(absl::string_view name, ElementType type,
                                         const Shape& shape);
  absl::StatusOr<BuiltValue> AddState(absl::string_view name, ElementType type, const Shape& shape);
  size_t num_states() const { return program_.states.size(); }
  // REQUIRES: there is such a state.
  const Shape& state_shape(size_t state) const {
    return program_.values[program_.states[state].value].shape;
  }
  // Sets the value of state number `state` (in the order of AddState) after the step.
  absl::Status SetNextState(size_t state, const BuiltValue& next);
  // Makes a weight of `initial` the value of the state before the first step.
  absl::Status SetInitialState(size_t state, const BuiltValue& initial);
  absl::Status AddOutput(absl::string_view name, const BuiltValue& value);

  // Removes the operations, weights and literals that no output and no state depends on, and
  // returns the program and its weights. The builder is empty afterwards.
  struct Result {
    Program program;
    WeightTable weights;  // by the names of the program
  };
  absl::StatusOr<Result> Finish(absl::string_view path);

 private:
  absl::StatusOr<Program::ValueId> Materialize(const BuiltValue& value);
  // Adds operations that compute floats which are not all finite. Returns their value.
  Program::ValueId MaterializeNonFinite(const BuiltValue& value);
  Program::ValueId AddLiteral(OnnxTensor tensor);
  Program::ValueId AddOperation(OpCode code, std::vector<Program::ValueId> operands,
                                const Shape& shape);
  absl::StatusOr<Program::ValueId> NewValue(absl::string_view name, ElementType type,
                                            const Shape& shape);
  std::string UnusedName(absl::string_view wish);
  BuiltValue ValueOf(Program::ValueId id) const;

  Program program_;
  std::map<Program::ValueId, std::shared_ptr<const OnnxTensor>> weights_;
  std::map<const OnnxTensor*, Program::ValueId> materialized_;
  // Keeps the tensors of `materialized_` alive, so that no address is used twice.
  std::vector<std::shared_ptr<const OnnxTensor>> kept_;
  std::set<std::string, std::less<>> names_;
  int64_t next_number_ = 0;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_PROGRAM_BUILDER_H_
