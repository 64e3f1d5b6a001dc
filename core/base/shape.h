// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BASE_SHAPE_H_
#define RNNSERVE_CORE_BASE_SHAPE_H_

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"

namespace rnnserve {

// a * b, or nothing if it would overflow or either is negative.
std::optional<int64_t> CheckedMultiply(int64_t a, int64_t b);

// The extents of a dense row-major tensor, outermost first; a value type, cheap to copy.
// Extents are whatever the caller gave: NumElements() is the check.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int64_t> extents) : extents_(extents) {}
  explicit Shape(absl::Span<const int64_t> extents) : extents_(extents.begin(), extents.end()) {}

  int rank() const { return static_cast<int>(extents_.size()); }
  int64_t operator[](int i) const { return extents_[static_cast<size_t>(i)]; }
  absl::Span<const int64_t> extents() const { return extents_; }

  // The product of the extents (1 for rank 0), or nothing if an extent is negative or the product
  // overflows.
  std::optional<int64_t> NumElements() const;

  // For example "[2, 12]".
  std::string ToString() const;

  friend bool operator==(const Shape& a, const Shape& b) { return a.extents_ == b.extents_; }

 private:
  absl::InlinedVector<int64_t, 4> extents_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BASE_SHAPE_H_
