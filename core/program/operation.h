// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_OPERATION_H_
#define RNNSERVE_CORE_PROGRAM_OPERATION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/base/shape.h"

namespace rnnserve {

// The type of the elements of a value inside a program. Each element takes 32 bits: a float, a
// two's complement integer that wraps around, or a truth value stored as the integer 0 or 1.
enum class ElementType { kFloat32, kInt32, kBool };

// Returns "float32", "int32" or "bool".
absl::string_view ElementTypeName(ElementType type);
// Returns the type of that name, or nullopt if there is none.
std::optional<ElementType> ElementTypeFromName(absl::string_view name);

// The operations of step programs. PROGRAMS.md says what each one computes; the names in it, and in
// files, are those of OpCodeName.
enum class OpCode {
  // Elementwise, one operand.
  kNeg,
  kAbs,
  kSign,
  kExp,
  kExpm1,
  kLog,
  kLog1p,
  kSqrt,
  kRsqrt,
  kSquare,
  kSin,
  kCos,
  kTan,
  kAsin,
  kAcos,
  kAtan,
  kSinh,
  kCosh,
  kAsinh,
  kAcosh,
  kAtanh,
  kTanh,
  kSigmoid,
  kSoftplus,
  kLogSigmoid,
  kSilu,
  kGelu,  // the exact form, with erf
  kRelu,
  kErf,
  kErfc,
  kFloor,
  kCeil,
  kRound,  // to the nearest, ties to even
  kIsFinite,
  kIsNan,
  kNot,
  // Elementwise, two operands.
  kAdd,
  kSub,
  kMul,
  kDiv,  // integers: towards zero
  kMax,  // NaN if either is NaN
  kMin,
  kPow,
  kRem,  // the sign of the dividend
  kMod,  // the sign of the divisor
  kAtan2,
  kEq,
  kNe,
  kLt,
  kLe,
  kGt,
  kGe,
  kAnd,
  kOr,
  kXor,
  // Elementwise, other.
  kWhere,  // (condition, then, else)
  kCast,   // to Attributes::type
  // Moves of elements that are known at load.
  kReshape,    // to Attributes::shape
  kTranspose,  // Attributes::perm
  kBroadcast,  // to Attributes::shape, aligned at the last axis
  kSlice,      // Attributes::slices
  kConcat,     // any number of operands, along Attributes::axis
  kPad,        // Attributes::pads and mode; kConstant has a second operand, the value, a scalar
  kGather,     // (x, indices): `indices` is a literal of any rank, along Attributes::axis
  // Moves with indices from the data. An index out of range counts as the nearest one in range.
  kTake,          // (x, index): as kGather, with an index that is computed
  kTakeAlong,     // (x, index): one index for each element, along Attributes::axis
  kUpdate,        // (x, part): writes `part` into a copy of x, from Attributes::starts on
  kScatterAlong,  // (x, index, updates): the reverse of kTakeAlong; a later element wins
  // Reductions along Attributes::axes, which are removed from the shape.
  kReduceSum,
  kReduceMax,
  kReduceMin,
  kReduceProd,
  kReduceAny,
  kReduceAll,
  kArgMax,  // along Attributes::axis, which is removed; the first of equal elements
  kArgMin,
  kCumSum,  // along Attributes::axis; Attributes::reverse, Attributes::exclusive
  kSort,    // along Attributes::axis, ascending, stable; Attributes::descending. (x, more...): the
            // further operands are rearranged in the same way
  kTopK,    // the Attributes::k largest along the last axis, descending: (values, indices)
  // Products.
  kDot,   // (a, b): Attributes::equation, as numpy.einsum reads it (dot_equation.h)
  kConv,  // (x, kernel): x [channels, spatial...], kernel [out, channels / groups, size...]
  kConvTranspose,  // (x, kernel): x [channels, spatial...], kernel [channels, out / groups, size...]
  kMaxPool,        // x [channels, spatial...]
  kSumPool,        // as kMaxPool; padding counts as zeros
};
constexpr int kNumOpCodes = static_cast<int>(OpCode::kSumPool) + 1;

// Returns the name that files use: "add", "reduce_sum".
absl::string_view OpCodeName(OpCode code);
// Returns the operation of that name, or nullopt if there is none.
std::optional<OpCode> OpCodeFromName(absl::string_view name);

// How kPad fills.
enum class PadMode { kConstant, kReflect, kEdge };

// The options of an operation. Each operation reads only those that its comment above names; the
// others are empty. A value type.
struct Attributes {
  // Elements start, start + step, ... before limit (after it, if step is negative; -1 is before the
  // first element).
  struct Slice {
    int64_t start = 0;
    int64_t limit = 0;
    int64_t step = 1;
  };
  // Elements added in front of and behind one axis; negative numbers are not allowed.
  struct Pad {
    int64_t low = 0;
    int64_t high = 0;
  };
  // How kConv, kConvTranspose, kMaxPool and kSumPool move along their spatial axes. All lists have
  // one entry for each of them.
  struct Window {
    std::vector<int64_t> size;  // pools only; a convolution's kernel has it
    std::vector<int64_t> strides;
    std::vector<int64_t> dilations;
    std::vector<Pad> pads;
    std::vector<int64_t> output_pads;  // kConvTranspose only
    int64_t groups = 1;                // convolutions only
  };

  int64_t axis = 0;  // from 0
  std::vector<int64_t> axes;
  std::vector<int64_t> perm;  // axis i of the result is axis perm[i] of the operand
  Shape shape;
  std::vector<Slice> slices;  // one for each axis
  std::vector<Pad> pads;      // one for each axis
  PadMode mode = PadMode::kConstant;
  std::vector<int64_t> starts;  // one for each axis
  ElementType type = ElementType::kFloat32;
  std::string equation;  // "a,ac->c": one letter for each axis, no repeats in an operand
  int64_t k = 0;
  bool reverse = false;
  bool exclusive = false;
  bool descending = false;
  Window window;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_OPERATION_H_
