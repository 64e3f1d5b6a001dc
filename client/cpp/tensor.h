// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_TENSOR_H_
#define RNNSERVE_CLIENT_CPP_TENSOR_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/types/span.h"

namespace rnnserve::client {

// A dense, row-major array, as requests and replies contain it: features, outputs and states
// (float), token ids (int32 or int64) or masks (bool, one byte per element).
//
// A value that owns its elements; a copy copies them. Thread-compatible. Its functions never fail:
// the number of elements always equals the product of the shape.
//
//   Tensor frames({2, 3}, {1, 2, 3,  4, 5, 6});       // [time 2, features 3]
//   Tensor tokens({4}, std::vector<int32_t>{7, 7, 0, 9});
class Tensor {
 public:
  // Makes an empty float tensor of shape [0].
  Tensor() : shape_{0} {}

  // REQUIRES: every extent is >= 0 and their product is the number of values.
  Tensor(std::vector<int64_t> shape, std::vector<float> values);
  Tensor(std::vector<int64_t> shape, std::vector<int32_t> values);
  Tensor(std::vector<int64_t> shape, std::vector<int64_t> values);
  Tensor(std::vector<int64_t> shape, std::vector<bool> values);

  const std::vector<int64_t>& shape() const { return shape_; }
  size_t rank() const { return shape_.size(); }
  size_t num_elements() const;

  bool is_float() const { return std::holds_alternative<std::vector<float>>(values_); }
  bool is_int32() const { return std::holds_alternative<std::vector<int32_t>>(values_); }
  bool is_int64() const { return std::holds_alternative<std::vector<int64_t>>(values_); }
  bool is_bool() const { return std::holds_alternative<std::vector<uint8_t>>(values_); }

  // Return the elements, row-major. REQUIRES: the tensor has that element type.
  absl::Span<const float> floats() const { return std::get<std::vector<float>>(values_); }
  absl::Span<const int32_t> int32s() const { return std::get<std::vector<int32_t>>(values_); }
  absl::Span<const int64_t> int64s() const { return std::get<std::vector<int64_t>>(values_); }
  absl::Span<const uint8_t> bools() const { return std::get<std::vector<uint8_t>>(values_); }

  // Returns a copy of the rows [begin, end) of the first dimension.
  // REQUIRES: the rank is at least 1 and 0 <= begin <= end <= shape()[0].
  Tensor Rows(int64_t begin, int64_t end) const;

  // Returns the same elements in another shape. REQUIRES: `shape` has the same number of elements.
  Tensor Reshaped(std::vector<int64_t> shape) const;

  friend bool operator==(const Tensor& a, const Tensor& b) {
    return a.shape_ == b.shape_ && a.values_ == b.values_;
  }

 private:
  using Values = std::variant<std::vector<float>, std::vector<int32_t>, std::vector<int64_t>,
                              std::vector<uint8_t>>;
  Tensor(std::vector<int64_t> shape, Values values);

  std::vector<int64_t> shape_;
  Values values_;
};

// One recurrent state of a model, under the names that DescribeModel lists.
struct StateTensor {
  // The name of the recurrent layer, for example "lstm".
  std::string layer;
  // The name of the state in its layer, for example "h".
  std::string name;
  // Float; [units] for a session, [batch, units] in Infer.
  Tensor value;
};

// One input or output of a model that has several, by the name that DescribeModel gives. A value
// type.
struct NamedTensor {
  std::string name;
  Tensor value;
  // Bool, [time], or with the axis `sessions` in front, for an input with a time axis; false skips
  // the timestep. Default: all true. An output has none.
  std::optional<Tensor> mask{};
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_TENSOR_H_
