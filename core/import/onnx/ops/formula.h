// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_OPS_FORMULA_H_
#define RNNSERVE_CORE_IMPORT_ONNX_OPS_FORMULA_H_

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/base/shape.h"
#include "core/import/onnx/op_converter.h"
#include "core/program/operation.h"

namespace rnnserve {

// Writes what an operator computes as nested expressions, f.Mul(x, f.Sigmoid(x)), with one check at
// the end. After the first failure every function returns a known scalar 0 and does nothing, and
// Return gives the failure. So a converter may only index the shape of a value after it has checked
// ok(), or that of an operand whose rank it has required.
//
// A view of the node. Used by one thread at a time: the one that imports the file.
class Formula {
 public:
  explicit Formula(NodeConversion& node) : node_(node) {}

  bool ok() const { return status_.ok(); }
  // INVALID_ARGUMENT, reason MODEL_CONFIG: the node is wrong.
  void Fail(absl::string_view text);
  // UNIMPLEMENTED, reason MODEL_CONFIG: the node is right, but not served.
  void Refuse(absl::string_view text);
  // Fails unless `condition`, which it returns.
  bool Require(bool condition, absl::string_view text);
  // INVALID_ARGUMENT, reason MODEL_TOO_LARGE, unless a tensor of these extents may be made. Returns
  // whether it may. Required before anything is made whose size the file says in a number.
  bool RequireRoom(std::initializer_list<int64_t> extents);

  // Returns the results, or the first failure of the node or the formula.
  absl::StatusOr<std::vector<BuiltValue>> Return(std::vector<BuiltValue> results);

  // Return known values.
  BuiltValue Floats(std::vector<float> values, const Shape& shape);
  BuiltValue Integers(std::vector<int64_t> values, const Shape& shape);
  BuiltValue Bools(std::vector<int64_t> values, const Shape& shape);
  // Returns a scalar of the type of `like`.
  BuiltValue Scalar(const BuiltValue& like, double value);
  // Returns 0, 1, ... n - 1.
  BuiltValue Iota(int64_t n);

  // Applies any operation with one result.
  BuiltValue Apply(OpCode code, std::initializer_list<BuiltValue> operands,
                   Attributes attributes = {});
  // Does what Apply does, for kTopK and kSort. After a failure the list is empty.
  std::vector<BuiltValue> ApplyAll(OpCode code, absl::Span<const BuiltValue> operands,
                                   Attributes attributes);

  BuiltValue Add(const BuiltValue& a, const BuiltValue& b) { return Apply(OpCode::kAdd, {a, b}); }
  BuiltValue Sub(const BuiltValue& a, const BuiltValue& b) { return Apply(OpCode::kSub, {a, b}); }
  BuiltValue Mul(const BuiltValue& a, const BuiltValue& b) { return Apply(OpCode::kMul, {a, b}); }
  BuiltValue Div(const BuiltValue& a, const BuiltValue& b) { return Apply(OpCode::kDiv, {a, b}); }
  BuiltValue Max(const BuiltValue& a, const BuiltValue& b) { return Apply(OpCode::kMax, {a, b}); }
  BuiltValue Min(const BuiltValue& a, const BuiltValue& b) { return Apply(OpCode::kMin, {a, b}); }
  BuiltValue Less(const BuiltValue& a, const BuiltValue& b) { return Apply(OpCode::kLt, {a, b}); }
  // Do the same with a number, which becomes a scalar of the type of `x`.
  BuiltValue Add(const BuiltValue& x, double number) { return Add(x, Scalar(x, number)); }
  BuiltValue Sub(const BuiltValue& x, double number) { return Sub(x, Scalar(x, number)); }
  BuiltValue Mul(const BuiltValue& x, double number) { return Mul(x, Scalar(x, number)); }
  BuiltValue Div(const BuiltValue& x, double number) { return Div(x, Scalar(x, number)); }
  BuiltValue Max(const BuiltValue& x, double number) { return Max(x, Scalar(x, number)); }
  BuiltValue Min(const BuiltValue& x, double number) { return Min(x, Scalar(x, number)); }
  BuiltValue Less(const BuiltValue& x, double number) { return Less(x, Scalar(x, number)); }
  BuiltValue Where(const BuiltValue& condition, const BuiltValue& then, const BuiltValue& other) {
    return Apply(OpCode::kWhere, {condition, then, other});
  }
  BuiltValue Reciprocal(const BuiltValue& x) { return Div(Scalar(x, 1.0), x); }
  BuiltValue Cast(const BuiltValue& x, ElementType type);
  // Casts to a type that is given as a number of TensorProto.DataType.
  BuiltValue CastTo(const BuiltValue& x, int64_t data_type);

  // Moves. Axes count from 0.
  BuiltValue Reshape(const BuiltValue& x, const Shape& shape);
  BuiltValue Broadcast(const BuiltValue& x, const Shape& shape);
  BuiltValue Transpose(const BuiltValue& x, std::vector<int64_t> perm);
  BuiltValue Slice(const BuiltValue& x, int axis, int64_t start, int64_t limit, int64_t step = 1);
  BuiltValue Concat(absl::Span<const BuiltValue> parts, int axis);
  // Returns the elements of `x` along an axis that `indices`, int32 of any rank, name. Its axes
  // replace that axis. Indices are not negative.
  BuiltValue Gather(const BuiltValue& x, const BuiltValue& indices, int axis);
  // Returns index number `index` of an axis, which is removed.
  BuiltValue At(const BuiltValue& x, int axis, int64_t index);

  // Reductions, which leave extents of 1 behind if `keep` is set.
  BuiltValue Reduce(OpCode code, const BuiltValue& x, const std::vector<int64_t>& axes, bool keep);
  BuiltValue Sum(const BuiltValue& x, const std::vector<int64_t>& axes, bool keep) {
    return Reduce(OpCode::kReduceSum, x, axes, keep);
  }
  BuiltValue Mean(const BuiltValue& x, const std::vector<int64_t>& axes, bool keep);

  // See OpCode::kDot.
  BuiltValue Dot(const BuiltValue& a, const BuiltValue& b, absl::string_view equation);

 private:
  BuiltValue Take(absl::StatusOr<BuiltValue> result);
  // Returns a known tensor without elements, which no operation of a program may have.
  BuiltValue Empty(ElementType type, const Shape& shape);

  NodeConversion& node_;
  absl::Status status_;
};

// Shorthands for shapes.
std::vector<int64_t> ExtentsOf(const BuiltValue& x);
// Returns the product of the extents first, first + 1, ... before last.
int64_t Product(absl::Span<const int64_t> extents);
// Returns the shape with an extent of 1 at each of the axes.
Shape WithOnes(const Shape& shape, const std::vector<int64_t>& axes);
// Returns the shape that NumPy broadcasts two shapes to; of two extents that do not fit, the larger
// one.
Shape ExpandedShape(const Shape& a, const Shape& b);
// Returns 0, 1, ... n - 1.
std::vector<int64_t> Counting(int64_t n);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_OPS_FORMULA_H_
