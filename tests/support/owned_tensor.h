// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SUPPORT_OWNED_TENSOR_H_
#define RNNSERVE_TESTS_SUPPORT_OWNED_TENSOR_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "core/base/tensor_view.h"

namespace rnnserve::testing {

// A tensor that owns its bytes, which a TensorView only borrows. The view stays valid as long as
// the tensor is neither changed nor moved. A value type.
class OwnedTensor {
 public:
  // Takes any bytes, whether they fit the shape or not.
  OwnedTensor(DataType dtype, Shape shape, std::string bytes)
      : dtype_(dtype), shape_(std::move(shape)), bytes_(std::move(bytes)) {}

  static OwnedTensor Floats(Shape shape, const std::vector<float>& values) {
    return Of(DataType::kFloat32, std::move(shape), values);
  }
  static OwnedTensor Int32s(Shape shape, const std::vector<int32_t>& values) {
    return Of(DataType::kInt32, std::move(shape), values);
  }
  static OwnedTensor Int64s(Shape shape, const std::vector<int64_t>& values) {
    return Of(DataType::kInt64, std::move(shape), values);
  }
  static OwnedTensor Bools(Shape shape, const std::vector<uint8_t>& values) {
    return Of(DataType::kBool, std::move(shape), values);
  }

  // REQUIRES: the number of elements does not overflow.
  static OwnedTensor Zeros(Shape shape, DataType dtype = DataType::kFloat32) {
    const auto bytes = static_cast<size_t>(*shape.NumElements() * DataTypeBytes(dtype));
    return {dtype, std::move(shape), std::string(bytes, '\0')};
  }

  TensorView view() const { return {dtype_, shape_, bytes_}; }
  operator TensorView() const { return view(); }  // NOLINT: stands for a view in a call

 private:
  template <typename T>
  static OwnedTensor Of(DataType dtype, Shape shape, const std::vector<T>& values) {
    std::string bytes(values.size() * sizeof(T), '\0');
    if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
    return {dtype, std::move(shape), std::move(bytes)};
  }

  DataType dtype_;
  Shape shape_;
  std::string bytes_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SUPPORT_OWNED_TENSOR_H_
