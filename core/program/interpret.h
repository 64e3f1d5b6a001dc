// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_INTERPRET_H_
#define RNNSERVE_CORE_PROGRAM_INTERPRET_H_

#include <bit>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "core/program/program.h"
#include "core/program/program_interpreter.h"

namespace rnnserve {

// The parts of ProgramInterpreter, one for each kind of operation. Internal to this folder.

// One operation at work, with its operands and results.
struct Interpretation {
  const Program& program;
  const Program::Operation& operation;
  absl::Span<const ProgramInterpreter::Elements* const> operands;

  const Program::Value& operand(size_t i) const { return program.values[operation.operands[i]]; }
  const Program::Value& result(size_t i = 0) const { return program.values[operation.results[i]]; }
  const Attributes& attributes() const { return operation.attributes; }
};

using ElementsList = std::vector<ProgramInterpreter::Elements>;

// Return the elements of the results.
ElementsList InterpretElementwise(const Interpretation& at);
ElementsList InterpretMove(const Interpretation& at);
ElementsList InterpretIndexed(const Interpretation& at);
ElementsList InterpretReduction(const Interpretation& at);
ElementsList InterpretScan(const Interpretation& at);
ElementsList InterpretProduct(const Interpretation& at);
ElementsList InterpretWindow(const Interpretation& at);

inline float AsFloat(uint32_t element) { return std::bit_cast<float>(element); }
inline int32_t AsInteger(uint32_t element) { return std::bit_cast<int32_t>(element); }
inline uint32_t FromFloat(float value) { return std::bit_cast<uint32_t>(value); }
inline uint32_t FromInteger(int32_t value) { return std::bit_cast<uint32_t>(value); }

// Repeats elements of shape `from` so that they have the shape `to`.
ProgramInterpreter::Elements BroadcastElements(const ProgramInterpreter::Elements& elements,
                                               const Shape& from, const Shape& to);

// Converts an element as kCast does.
uint32_t CastElement(uint32_t element, ElementType from, ElementType to);

// Computes an elementwise operation of two operands.
uint32_t ComputeBinary(OpCode code, ElementType type, uint32_t a, uint32_t b);

// A position in a shape, which can be moved on in row-major order.
class Position {
 public:
  explicit Position(const Shape& shape)
      : shape_(shape), indices_(static_cast<size_t>(shape.rank())) {}

  int64_t operator[](size_t axis) const { return indices_[axis]; }
  const std::vector<int64_t>& indices() const { return indices_; }
  // Moves to the next element; returns false, and begins anew, after the last one.
  bool Next();

 private:
  const Shape& shape_;
  std::vector<int64_t> indices_;
};

// Returns where the element at `indices` is in a dense row-major tensor.
size_t OffsetOf(const Shape& shape, absl::Span<const int64_t> indices);

// A shape seen from one axis: `outer` times `extent` times `inner` elements.
struct AxisView {
  AxisView(const Shape& shape, int64_t axis);
  size_t Offset(size_t o, size_t i, size_t along) const { return (o * extent + along) * inner + i; }
  size_t outer = 1;
  size_t extent = 1;
  size_t inner = 1;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_INTERPRET_H_
