// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_OPERATION_TRAITS_H_
#define RNNSERVE_CORE_PROGRAM_OPERATION_TRAITS_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>

#include "absl/strings/string_view.h"
#include "core/program/operation.h"

namespace rnnserve {

// A set of element types.
class ElementTypes {
 public:
  constexpr ElementTypes(std::initializer_list<ElementType> types) {
    for (const ElementType type : types) bits_ |= 1u << static_cast<unsigned>(type);
  }
  constexpr bool Has(ElementType type) const {
    return (bits_ >> static_cast<unsigned>(type) & 1u) != 0;
  }

 private:
  unsigned bits_ = 0;
};

// How an operation treats its operands as a whole.
enum class OperationKind {
  kElementwise,  // broadcasts the operands; an element of the result depends on one element of each
  kMove,         // every element of the result is an element of an operand, known at load
  kIndexed,      // moves with indices from the data
  kReduction,    // along `axes`, or along `axis` for kArgMax and kArgMin
  kScan,         // cumulative sums and sorting: along one axis, which stays
  kProduct,      // kDot
  kWindow,       // convolutions and pools
};

// The type that an operation gives its results.
enum class ResultType { kSame, kBool, kInt32, kAttribute };

// The use that an operation makes of an operand.
enum class OperandRole {
  kData,       // all operands of this role have the same type, one of `data_types`
  kCondition,  // bool
  kIndex,      // int32
  kOther,      // has a type of its own: what kSort rearranges
};

// The attributes of an operation, as bits. The name in the text form is in the comment.
enum Attribute : uint32_t {
  kAttributeAxis = 1u << 0,         // axis
  kAttributeAxes = 1u << 1,         // axes
  kAttributePerm = 1u << 2,         // perm
  kAttributeShape = 1u << 3,        // shape
  kAttributeSlices = 1u << 4,       // slices
  kAttributePads = 1u << 5,         // pads, and mode (optional)
  kAttributeStarts = 1u << 6,       // starts
  kAttributeType = 1u << 7,         // type
  kAttributeEquation = 1u << 8,     // equation
  kAttributeK = 1u << 9,            // k
  kAttributeReverse = 1u << 10,     // reverse (optional)
  kAttributeExclusive = 1u << 11,   // exclusive (optional)
  kAttributeDescending = 1u << 12,  // descending (optional)
  kAttributeWindow = 1u << 13,      // strides, dilations, pads (all optional)
  kAttributeSize = 1u << 14,        // size
  kAttributeOutputPads = 1u << 15,  // output_pads (optional)
  kAttributeGroups = 1u << 16,      // groups (optional)
};

// The properties of one operation that do not depend on its operands. One table holds those of all
// operations; the reader, the planner and PROGRAMS.md's test use it. A value type.
struct OperationTraits {
  static constexpr size_t kManyOperands = std::numeric_limits<size_t>::max();

  OpCode code;
  absl::string_view name;
  OperationKind kind;
  size_t operands_min;
  size_t operands_max;  // kManyOperands: any number
  ElementTypes data_types;
  ResultType result_type;  // of the first result; kTopK's second one is int32
  uint32_t attributes;     // bits of Attribute
};

const OperationTraits& TraitsOf(OpCode code);

// Returns what the operand at `position`, counted from 0, is used for.
OperandRole RoleOfOperand(OpCode code, size_t position);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_OPERATION_TRAITS_H_
