// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_STRIDED_VIEW_H_
#define RNNSERVE_CORE_PROGRAM_STRIDED_VIEW_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "core/base/shape.h"
#include "core/program/operation.h"

namespace rnnserve {

// Where the elements of a value are in a memory: element (i, j, ...) is at
// offset + i * strides[0] + j * strides[1] + ... Moves of elements that keep their order along each
// axis are views of the same memory. A value type.
struct StridedView {
  int64_t offset = 0;
  std::vector<int64_t> extents;
  std::vector<int64_t> strides;

  // Returns the view of a dense row-major value.
  static StridedView Dense(absl::Span<const int64_t> extents, int64_t offset = 0);

  int rank() const { return static_cast<int>(extents.size()); }
  // Returns the number of elements.
  int64_t size() const;
  // Returns whether the elements follow each other in memory in row-major order.
  bool IsDense() const;

  // Return the view of the result of the operation of that name.
  StridedView Transposed(absl::Span<const int64_t> perm) const;
  StridedView Sliced(absl::Span<const Attributes::Slice> slices) const;
  // Aligned at the last axis.
  StridedView Broadcast(absl::Span<const int64_t> to) const;
  // Returns nullopt if the elements have to be copied to have that shape.
  std::optional<StridedView> Reshaped(absl::Span<const int64_t> to) const;
};

// The loops over several views of the same extents, with as few axes as possible: axes of extent 1
// are left out, and axes that are one after the other in all views become one. At least one axis.
struct LoopNest {
  enum class Order {
    kRowMajor,  // the first axis is the outermost
    kOfMemory,  // the axis with the smallest steps in the first view is the innermost
  };
  // REQUIRES: all views have the extents of the first.
  explicit LoopNest(absl::Span<const StridedView> views, Order order = Order::kRowMajor);

  int rank() const { return static_cast<int>(extents.size()); }
  int64_t inner_extent() const { return extents.back(); }
  int64_t inner_stride(size_t view) const { return strides[view].back(); }

  std::vector<int64_t> extents;
  std::vector<std::vector<int64_t>> strides;  // of each view
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_STRIDED_VIEW_H_
