// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/program_work.h"

#include <algorithm>
#include <bit>

#include "core/program/operation_traits.h"

namespace rnnserve {
namespace {

constexpr int64_t kMost = int64_t{1} << 62;

int64_t Multiply(int64_t a, int64_t b) {
  return std::min(CheckedMultiply(a, b).value_or(kMost), kMost);
}

int64_t ElementsOf(const Program::Value& value) {
  return std::min(value.shape.NumElements().value_or(kMost), kMost);
}

// Each letter of the equation is an axis of the first operand or, if it is not, of the second.
int64_t WorkOfDot(const Attributes& attributes, const Program::Value& a, const Program::Value& b) {
  const std::string& equation = attributes.equation;
  const size_t comma = equation.find(',');
  int64_t work = ElementsOf(a);
  for (int axis = 0; axis < b.shape.rank(); ++axis) {
    const char letter = equation[comma + 1 + static_cast<size_t>(axis)];
    if (equation.find(letter) > comma) work = Multiply(work, b.shape[axis]);
  }
  return work;
}

int64_t WorkOfPool(const Attributes& attributes, int64_t elements) {
  for (const int64_t size : attributes.window.size) elements = Multiply(elements, size);
  return elements;
}

}  // namespace

int64_t WorkOf(const Program& program, const Program::Operation& operation) {
  const Program::Value& first = program.values[operation.operands[0]];
  const int64_t results = ElementsOf(program.values[operation.results[0]]);
  switch (TraitsOf(operation.code).kind) {
    case OperationKind::kReduction:
      return ElementsOf(first);
    case OperationKind::kScan:
      return Multiply(ElementsOf(first), std::bit_width(static_cast<uint64_t>(ElementsOf(first))) +
                                             static_cast<int64_t>(operation.operands.size()) - 1);
    case OperationKind::kProduct:
      return WorkOfDot(operation.attributes, first, program.values[operation.operands[1]]);
    case OperationKind::kWindow:
      break;
    default:
      return results;
  }
  if (operation.operands.size() == 1) return WorkOfPool(operation.attributes, results);
  // An output channel reads, and an input channel writes, kernel[1] channels through the window.
  const Program::Value& kernel = program.values[operation.operands[1]];
  const int64_t window = ElementsOf(kernel) / kernel.shape[0];
  return Multiply(operation.code == OpCode::kConv ? results : ElementsOf(first), window);
}

}  // namespace rnnserve
