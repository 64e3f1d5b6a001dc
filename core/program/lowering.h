// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_LOWERING_H_
#define RNNSERVE_CORE_PROGRAM_LOWERING_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/kernels/vector_map.h"
#include "core/program/dot_equation.h"
#include "core/program/program.h"
#include "core/program/reduce_instruction.h"
#include "core/program/row_instruction.h"
#include "core/program/strided_view.h"

namespace rnnserve {

// A value while a plan is made: where its elements are.
struct PlannedValue {
  ElementType type = ElementType::kFloat32;
  StorageId storage = 0;
  StridedView view;
};

// The windows of a convolution over x, [channels, spatial...]. All lists have one entry for each
// spatial axis. Elements before the first and behind the last one are zeros.
struct WindowGrid {
  std::vector<int64_t> positions;
  std::vector<int64_t> taps;
  std::vector<int64_t> strides;
  std::vector<int64_t> dilations;
  std::vector<int64_t> lows;  // zeros in front
  int64_t groups = 1;         // of channels
};

// The memories of a plan, while it is made.
class StorageList {
 public:
  virtual ~StorageList() = default;
  // Returns a new memory of `size` floats for values of one row.
  virtual StorageId NewRowStorage(int64_t size) = 0;
  // Returns the memory of these constant bits.
  virtual StorageId NewConstant(absl::Span<const float> values) = 0;
  // Returns the elements of a constant memory, or null if it is none.
  virtual const float* ConstantAt(StorageId storage) const = 0;
};

// Turns operations of a program into instructions for one row. A move becomes a view of the memory
// of its operand where that is possible. Used by one thread at a time: the one that makes the plan.
class Lowering {
 public:
  // Appends to `code`. Both must outlive this object.
  Lowering(StorageList& storages, std::vector<std::unique_ptr<RowInstruction>>& code)
      : storages_(storages), code_(code) {}

  // Appends the instructions of `operation` and returns its results. `values` are those of the
  // program.
  std::vector<PlannedValue> Lower(const std::vector<Program::Value>& values,
                                  const Program::Operation& operation,
                                  const std::vector<PlannedValue>& operands);

  // Returns the value in a dense memory, copied if it is not dense.
  PlannedValue Dense(const PlannedValue& value);
  // Copies a value to a part of a memory.
  void Copy(const PlannedValue& from, StorageId to, const StridedView& to_view);
  // Appends an elementwise function of floats, or kWhere, and returns its result, of this shape.
  PlannedValue Map(MapFunction function, absl::Span<const int64_t> extents,
                   std::vector<PlannedValue> operands);
  // Returns the sum of the products of two values, broadcast to `extents`, along `axes`.
  PlannedValue SumOfProducts(absl::Span<const int64_t> extents, absl::Span<const int64_t> axes,
                             const PlannedValue& first, const PlannedValue& second);
  // Returns the sum of products along the axes of `equation` that the result does not have.
  PlannedValue Dot(const DotEquation& equation, PlannedValue first, PlannedValue second);
  // Returns the windows as [groups, positions..., taps..., channels / groups].
  PlannedValue Windows(const PlannedValue& x, const WindowGrid& grid);
  // Returns the values of a row's state or input as elements of another type, or the reverse.
  PlannedValue Exchange(const PlannedValue& value, ElementType type, bool is_inward);
  void ExchangeTo(const PlannedValue& value, StorageId to);

 private:
  PlannedValue NewDense(ElementType type, absl::Span<const int64_t> extents);
  // Returns a new value whose elements follow each other in the order of those of the operand that
  // has as many.
  PlannedValue NewLike(ElementType type, absl::Span<const int64_t> extents,
                       const std::vector<PlannedValue>& operands);
  // Returns the value in a memory where no element is before the first one.
  PlannedValue Ascending(const PlannedValue& value);
  bool IsScalar(const PlannedValue& value, float wanted) const;
  PlannedValue Elementwise(const Program::Operation& operation, ElementType type,
                           absl::Span<const int64_t> extents, std::vector<PlannedValue> operands);
  PlannedValue Concat(const Attributes& attributes, absl::Span<const int64_t> extents,
                      const std::vector<PlannedValue>& operands);
  PlannedValue Pad(const Attributes& attributes, absl::Span<const int64_t> extents,
                   const std::vector<PlannedValue>& operands);
  PlannedValue Gather(const Attributes& attributes, absl::Span<const int64_t> extents,
                      const std::vector<PlannedValue>& operands);
  // Returns the result of a convolution, of this shape.
  PlannedValue Convolve(const Attributes::Window& window, absl::Span<const int64_t> extents,
                        const PlannedValue& x, const PlannedValue& kernel);
  // The same with one channel and one unit in each group. REQUIRES: x is padded.
  PlannedValue ConvolveDepthwise(const Attributes::Window& window,
                                 absl::Span<const int64_t> extents, const PlannedValue& x,
                                 const PlannedValue& kernel);
  // Returns x, [channels, spatial...], with zeros around it, in a memory where no element is before
  // the first one.
  PlannedValue Padded(const PlannedValue& x, const std::vector<Attributes::Pad>& pads);
  // As Dense, but copies a constant now, into a constant.
  PlannedValue DenseConstant(const PlannedValue& value);
  PlannedValue Update(const Attributes& attributes, const std::vector<PlannedValue>& operands);
  PlannedValue Reduce(const Program::Operation& operation, absl::Span<const int64_t> extents,
                      PlannedValue operand);
  std::vector<PlannedValue> Rare(const std::vector<Program::Value>& values,
                                 const Program::Operation& operation,
                                 const std::vector<PlannedValue>& operands);

  StorageList& storages_;
  std::vector<std::unique_ptr<RowInstruction>>& code_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_LOWERING_H_
