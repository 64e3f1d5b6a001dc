// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/cpp/tensor.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace rnnserve::client {
namespace {

// A broken precondition is a bug of the caller; continuing would read or send the wrong elements.
void CheckOrDie(bool condition, const char* text) {
  if (condition) return;
  std::fprintf(stderr, "rnnserve::client::Tensor: %s\n", text);
  std::abort();
}

size_t Product(const std::vector<int64_t>& shape) {
  size_t product = 1;
  for (int64_t extent : shape) {
    CheckOrDie(extent >= 0, "an extent is negative");
    product *= static_cast<size_t>(extent);
  }
  return product;
}

}  // namespace

Tensor::Tensor(std::vector<int64_t> shape, Values values)
    : shape_(std::move(shape)), values_(std::move(values)) {
  CheckOrDie(num_elements() == Product(shape_), "the shape does not match the number of values");
}

Tensor::Tensor(std::vector<int64_t> shape, std::vector<float> values)
    : Tensor(std::move(shape), Values(std::move(values))) {}

Tensor::Tensor(std::vector<int64_t> shape, std::vector<int32_t> values)
    : Tensor(std::move(shape), Values(std::move(values))) {}

Tensor::Tensor(std::vector<int64_t> shape, std::vector<int64_t> values)
    : Tensor(std::move(shape), Values(std::move(values))) {}

Tensor::Tensor(std::vector<int64_t> shape, std::vector<bool> values)
    : Tensor(std::move(shape), Values(std::vector<uint8_t>(values.begin(), values.end()))) {}

size_t Tensor::num_elements() const {
  return std::visit([](const auto& values) { return values.size(); }, values_);
}

Tensor Tensor::Rows(int64_t begin, int64_t end) const {
  CheckOrDie(!shape_.empty() && 0 <= begin && begin <= end && end <= shape_[0],
             "Rows: the range is outside the first dimension");
  const size_t row_size = shape_[0] == 0 ? 0 : num_elements() / static_cast<size_t>(shape_[0]);
  std::vector<int64_t> shape = shape_;
  shape[0] = end - begin;
  return std::visit(
      [&](const auto& values) {
        using Vector = std::decay_t<decltype(values)>;
        const auto first = values.begin() + static_cast<ptrdiff_t>(begin * row_size);
        const auto last = values.begin() + static_cast<ptrdiff_t>(end * row_size);
        return Tensor(std::move(shape), Values(Vector(first, last)));
      },
      values_);
}

Tensor Tensor::Reshaped(std::vector<int64_t> shape) const {
  return Tensor(std::move(shape), values_);
}

}  // namespace rnnserve::client
