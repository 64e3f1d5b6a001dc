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

// Returns a * b, or nullopt if the product overflows or either factor is negative.
std::optional<int64_t> CheckedMultiply(int64_t a, int64_t b);

// The extents of a dense row-major tensor, outermost first. A value type, cheap to copy. The
// constructors do not check the extents; NumElements() does.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int64_t> extents) : extents_(extents) {}
  explicit Shape(absl::Span<const int64_t> extents) : extents_(extents.begin(), extents.end()) {}

  int rank() const { return static_cast<int>(extents_.size()); }
  int64_t operator[](int i) const { return extents_[static_cast<size_t>(i)]; }
  absl::Span<const int64_t> extents() const { return extents_; }

  // Returns the product of the extents (1 for rank 0), or nullopt if an extent is negative or the
  // product overflows.
  std::optional<int64_t> NumElements() const;

  // Returns, for example, "[2, 12]".
  std::string ToString() const;

  friend bool operator==(const Shape& a, const Shape& b) { return a.extents_ == b.extents_; }

 private:
  absl::InlinedVector<int64_t, 4> extents_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BASE_SHAPE_H_
