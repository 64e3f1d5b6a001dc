// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Quantized tensors. Integers of 8 and 16 bits are int32 in a program, and a sum of products of them
// is computed in float32 in parts that are exact there, so every result is that of integers. Weights
// that are quantized in the file are turned into floats at import.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/import/onnx/ops/contraction.h"
#include "core/import/onnx/ops/converter_lists.h"
#include "core/import/onnx/ops/formula.h"

namespace rnnserve {
namespace {

using Results = absl::StatusOr<std::vector<BuiltValue>>;

// A float32 holds every integer up to 2^24, and a product of two numbers of 8 bits, each less its
// zero point, is at most 255^2. So a sum of this many products is exact.
constexpr int64_t kExactProducts = 258;

// Numbers of TensorProto.DataType.
constexpr int64_t kUint8 = 2;
constexpr int64_t kInt8 = 3;
constexpr int64_t kUint16 = 4;
constexpr int64_t kInt16 = 5;

struct Range {
  double low = 0;
  double high = 255;
};

Range RangeOf(Formula& f, int64_t data_type) {
  switch (data_type) {
    case kUint8:
      return {0, 255};
    case kInt8:
      return {-128, 127};
    case kUint16:
      return {0, 65535};
    case kInt16:
      return {-32768, 32767};
    default:
      f.Refuse(absl::StrCat("a result of element type number ", data_type,
                            " is not served; integers of 8 and 16 bits are"));
      return {};
  }
}

// The type of a zero point, which is that of the result.
int64_t TypeOf(Formula& f, const BuiltValue& zero_point) {
  if (zero_point.is_known() && zero_point.tensor().data_type != 0) {
    return zero_point.tensor().data_type;
  }
  f.Refuse("the type of its zero point is not known");
  return kUint8;
}

// A scale or zero point, to be broadcast to `shape`: one number, one for each element of an axis, or
// one for each block of `block_size` elements of it.
BuiltValue AlongAxis(Formula& f, const BuiltValue& parameter, const Shape& shape, int axis,
                     int64_t block_size) {
  if (!f.ok() || parameter.shape().NumElements() == 1) return f.Reshape(parameter, Shape());
  if (block_size > 0) {
    if (!f.Require(shape[axis] > 0, "it has no elements")) return parameter;
    std::vector<int64_t> blocks = Counting(shape[axis]);
    for (int64_t& index : blocks) index /= block_size;
    if (!f.Require(parameter.rank() == shape.rank() && parameter.shape()[axis] == blocks.back() + 1,
                   "the blocks do not fit")) {
      return parameter;
    }
    const Shape list{shape[axis]};
    return f.Gather(parameter, f.Integers(std::move(blocks), list), axis);
  }
  if (!f.Require(
          parameter.rank() == 1 && parameter.shape()[0] == shape[axis],
          absl::StrCat("a scale or zero point has the shape ", parameter.shape().ToString()))) {
    return parameter;
  }
  std::vector<int64_t> extents(static_cast<size_t>(shape.rank()), 1);
  extents[static_cast<size_t>(axis)] = shape[axis];
  return f.Reshape(parameter, Shape(extents));
}

// Rounds, to even where two integers are equally near, moves by the zero point and saturates.
BuiltValue Saturate(Formula& f, const BuiltValue& x, const std::optional<BuiltValue>& zero_point,
                    const Range& range) {
  BuiltValue y = f.Apply(OpCode::kRound, {x});
  if (zero_point.has_value()) y = f.Add(y, f.Cast(*zero_point, ElementType::kFloat32));
  return f.Cast(f.Min(f.Max(y, range.low), range.high), ElementType::kInt32);
}

int AxisOf(NodeConversion& node, Formula& f, const BuiltValue& x, const BuiltValue& scale) {
  const int64_t axis = node.Int("axis", 1);
  if (!f.ok() || scale.shape().NumElements() == 1) return 0;
  return node.Axis(axis, x.rank());
}

Results QuantizeLinear(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = f.Cast(node.operand(0), ElementType::kFloat32);
  const BuiltValue scale = node.operand(1);
  const int64_t block_size = node.Int("block_size", 0);
  node.Ignore("saturate");   // For floats of 8 bits, which are refused.
  node.Ignore("precision");  // Of the division, which is in float32.
  const int axis = AxisOf(node, f, x, scale);
  int64_t type = node.Int("output_dtype", 0);
  std::optional<BuiltValue> zero_point;
  if (node.has(2)) {
    if (type == 0) type = TypeOf(f, node.operand(2));
    zero_point = AlongAxis(f, node.operand(2), x.shape(), axis, block_size);
  }
  const Range range = RangeOf(f, type == 0 ? kUint8 : type);
  const BuiltValue divided = f.Div(x, AlongAxis(f, scale, x.shape(), axis, block_size));
  return f.Return({Saturate(f, divided, zero_point, range)});
}

Results DequantizeLinear(NodeConversion& node) {
  Formula f(node);
  BuiltValue x = node.operand(0);
  const BuiltValue scale = node.operand(1);
  const int64_t block_size = node.Int("block_size", 0);
  node.Ignore("output_dtype");  // Floats of any width are float32.
  if (!f.Require(x.type() == ElementType::kInt32, "it has no integers")) return f.Return({});
  const int axis = AxisOf(node, f, x, scale);
  if (node.has(2)) x = f.Sub(x, AlongAxis(f, node.operand(2), x.shape(), axis, block_size));
  return f.Return(
      {f.Mul(f.Cast(x, ElementType::kFloat32), AlongAxis(f, scale, x.shape(), axis, block_size))});
}

// The scale and zero point are those of the range of x with 0.
Results DynamicQuantizeLinear(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  if (!f.ok() || !f.Require(x.shape().NumElements() > 0, "it has no elements")) return f.Return({});
  std::vector<int64_t> axes = Counting(x.rank());
  const BuiltValue high = f.Max(f.Reduce(OpCode::kReduceMax, x, axes, false), 0.0);
  const BuiltValue low = f.Min(f.Reduce(OpCode::kReduceMin, x, axes, false), 0.0);
  const BuiltValue width = f.Div(f.Sub(high, low), 255.0);
  // As in ONNX Runtime, zeros alone have a scale of 1.
  const BuiltValue scale =
      f.Where(f.Less(f.Scalar(width, 0.0), width), width, f.Scalar(width, 1.0));
  const BuiltValue zero = f.Sub(f.Scalar(scale, 0.0), f.Div(low, scale));
  const BuiltValue zero_point =
      f.Cast(f.Apply(OpCode::kRound, {f.Min(f.Max(zero, 0.0), 255.0)}), ElementType::kInt32);
  return f.Return(
      {Saturate(f, f.Div(x, scale), zero_point, RangeOf(f, kUint8)), scale, zero_point});
}

// The integers of an operand less their zero point, as floats.
BuiltValue Centered(NodeConversion& node, Formula& f, size_t operand, size_t zero_point,
                    const Shape& zero_shape) {
  BuiltValue x = node.operand(operand);
  if (!f.Require(x.type() == ElementType::kInt32, "it has no integers")) return x;
  if (node.has(zero_point)) {
    const BuiltValue zero = node.operand(zero_point);
    const bool is_list = f.ok() && zero.rank() == 1 && zero.shape()[0] > 1;
    x = f.Sub(x, is_list                           ? f.Reshape(zero, zero_shape)
                 : zero.shape().NumElements() == 1 ? f.Reshape(zero, Shape())
                                                   : zero);
  }
  return f.Cast(x, ElementType::kFloat32);
}

// The product of two matrices of integers, as int32.
BuiltValue IntegerProduct(Formula& f, const BuiltValue& a, const BuiltValue& b) {
  if (!f.ok() || !f.Require(a.rank() > 0 && b.rank() > 0, "an operand is a scalar")) return a;
  const int axis_a = a.rank() - 1;
  const int axis_b = std::max(b.rank() - 2, 0);
  const int64_t count = a.shape()[axis_a];
  if (!f.Require(b.shape()[axis_b] == count && count > 0, "the operands do not fit")) return a;
  std::optional<BuiltValue> sum;
  for (int64_t begin = 0; begin < count && f.ok(); begin += kExactProducts) {
    const int64_t end = std::min(begin + kExactProducts, count);
    const BuiltValue part =
        f.Cast(MatrixProduct(f, f.Slice(a, axis_a, begin, end), f.Slice(b, axis_b, begin, end)),
               ElementType::kInt32);
    sum = sum.has_value() ? f.Add(*sum, part) : part;
  }
  return sum.value_or(a);
}

// Shapes for lists of zero points: one for each row of a matrix, and one for each column.
Shape RowsOf(const BuiltValue& a) {
  return a.rank() < 2 ? Shape() : Shape({a.shape()[a.rank() - 2], 1});
}
Shape ColumnsOf(const BuiltValue& b) {
  return b.rank() < 1 ? Shape() : Shape({b.shape()[b.rank() - 1]});
}

Results MatMulInteger(NodeConversion& node) {
  Formula f(node);
  const BuiltValue a = Centered(node, f, 0, 2, RowsOf(node.operand(0)));
  const BuiltValue b = Centered(node, f, 1, 3, ColumnsOf(node.operand(1)));
  return f.Return({IntegerProduct(f, a, b)});
}

// Operands: a, its scale and zero point, b, its scale and zero point, and those of y.
Results QLinearMatMul(NodeConversion& node) {
  Formula f(node);
  const Shape rows = RowsOf(node.operand(0));
  const auto scale = [&](size_t operand, const Shape& list) {
    const BuiltValue value = node.operand(operand);
    return f.ok() && value.shape().NumElements() == 1 ? f.Reshape(value, Shape())
           : value.rank() == 1                        ? f.Reshape(value, list)
                                                      : value;
  };
  const BuiltValue a = Centered(node, f, 0, 2, rows);
  const BuiltValue b = Centered(node, f, 3, 5, ColumnsOf(node.operand(3)));
  const BuiltValue product = f.Cast(IntegerProduct(f, a, b), ElementType::kFloat32);
  const BuiltValue factor =
      f.Div(f.Mul(scale(1, rows), scale(4, ColumnsOf(node.operand(3)))), scale(6, rows));
  const BuiltValue zero_point = node.operand(7);
  const Range range = RangeOf(f, TypeOf(f, zero_point));
  const BuiltValue zero = f.ok() && zero_point.shape().NumElements() == 1
                              ? f.Reshape(zero_point, Shape())
                              : f.Reshape(zero_point, rows);
  return f.Return({Saturate(f, f.Mul(product, factor), zero, range)});
}

// A convolution of integers, as int32. It has the attributes of Conv.
BuiltValue IntegerConvolution(NodeConversion& node, Formula& f, const BuiltValue& x,
                              const BuiltValue& kernel) {
  const int64_t groups = node.Int("group", 1);
  if (!f.ok() || !f.Require(x.rank() > 2 && kernel.rank() == x.rank(), "the shapes do not fit")) {
    return x;
  }
  OnnxNode conv;
  conv.op_type = "Conv";
  conv.inputs = {"x", "w"};
  conv.attributes = node.node().attributes;
  for (const auto& [name, value] : conv.attributes) node.Ignore(name);
  const int64_t window = Product(kernel.shape().extents().subspan(2));
  const int64_t channels = kernel.shape()[1];
  int64_t together = channels;
  if (channels * window > kExactProducts) together = kExactProducts / std::max<int64_t>(window, 1);
  if (together < 1 || (together < channels && groups != 1)) {
    f.Refuse(absl::StrCat("a sum of ", channels * window, " products may not be exact; at most ",
                          kExactProducts, " are served in a window or group"));
    return x;
  }
  std::optional<BuiltValue> sum;
  for (int64_t begin = 0; begin < channels && f.ok(); begin += together) {
    const int64_t end = std::min(begin + together, channels);
    const BuiltValue part_of_x = together < channels ? f.Slice(x, 1, begin, end) : x;
    NodeConversion conversion(conv, std::max<int64_t>(node.opset(), 11),
                              {part_of_x, f.Slice(kernel, 1, begin, end)}, node.builder());
    const Results results = FindConverter("", "Conv", conversion.opset())->converter(conversion);
    if (!f.Require(results.ok(), results.status().message())) return x;
    const BuiltValue part = f.Cast(results->front(), ElementType::kInt32);
    sum = sum.has_value() ? f.Add(*sum, part) : part;
  }
  return sum.value_or(x);
}

// A list with one number for each output channel, to be broadcast to [batch, channels, space...].
Shape ChannelsOf(const BuiltValue& list, int rank) {
  std::vector<int64_t> extents(static_cast<size_t>(std::max(rank - 1, 1)), 1);
  extents[0] = list.shape().NumElements().value_or(1);
  return Shape(extents);
}

// The shape for a list of zero points of a kernel, [channels, ...].
Shape KernelsOf(const BuiltValue& kernel) {
  std::vector<int64_t> extents(static_cast<size_t>(std::max(kernel.rank(), 1)), 1);
  if (kernel.rank() > 0) extents[0] = kernel.shape()[0];
  return Shape(extents);
}

Results ConvInteger(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = Centered(node, f, 0, 2, Shape());
  const BuiltValue kernel = Centered(node, f, 1, 3, KernelsOf(node.operand(1)));
  return f.Return({IntegerConvolution(node, f, x, kernel)});
}

// Operands: as of QLinearMatMul, and a bias.
Results QLinearConv(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = Centered(node, f, 0, 2, Shape());
  const BuiltValue kernel = Centered(node, f, 3, 5, KernelsOf(node.operand(3)));
  BuiltValue sum = IntegerConvolution(node, f, x, kernel);
  if (!f.ok()) return f.Return({});
  if (node.has(8))
    sum = f.Add(sum, f.Reshape(node.operand(8), ChannelsOf(node.operand(8), sum.rank())));
  const BuiltValue kernel_scale =
      f.Reshape(node.operand(4), ChannelsOf(node.operand(4), sum.rank()));
  const BuiltValue factor = f.Div(f.Mul(f.Reshape(node.operand(1), Shape()), kernel_scale),
                                  f.Reshape(node.operand(6), Shape()));
  const Range range = RangeOf(f, TypeOf(f, node.operand(7)));
  return f.Return({Saturate(f, f.Mul(f.Cast(sum, ElementType::kFloat32), factor),
                            f.Reshape(node.operand(7), Shape()), range)});
}

constexpr NamedConverter kConverters[] = {
    {"ConvInteger", ConvInteger, 10},
    {"DequantizeLinear", DequantizeLinear, 10},
    {"DynamicQuantizeLinear", DynamicQuantizeLinear, 11},
    {"MatMulInteger", MatMulInteger, 10},
    {"QLinearConv", QLinearConv, 10},
    {"QLinearMatMul", QLinearMatMul, 10},
    {"QuantizeLinear", QuantizeLinear, 10},
};

}  // namespace

absl::Span<const NamedConverter> QuantizationConverters() { return kConverters; }

}  // namespace rnnserve
