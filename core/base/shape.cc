// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/base/shape.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace rnnserve {

std::optional<int64_t> CheckedMultiply(int64_t a, int64_t b) {
  int64_t product = 0;
  if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

std::optional<int64_t> Shape::NumElements() const {
  std::optional<int64_t> product = 1;
  for (const int64_t extent : extents_) {
    if (extent < 0) return std::nullopt;
    if (product.has_value()) product = CheckedMultiply(*product, extent);
  }
  return product;
}

std::string Shape::ToString() const {
  return absl::StrCat("[", absl::StrJoin(extents_, ", "), "]");
}

}  // namespace rnnserve
