// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/onnx_tensor.h"

#include <utility>

namespace rnnserve {

int64_t OnnxTensor::size() const {
  return static_cast<int64_t>(type == ElementType::kFloat32 ? floats().size() : integers().size());
}

OnnxTensor ScalarTensor(float value) {
  return {ElementType::kFloat32, Shape{}, std::vector<float>{value}};
}

OnnxTensor ScalarTensor(int64_t value) {
  return {ElementType::kInt32, Shape{}, std::vector<int64_t>{value}};
}

OnnxTensor ScalarTensor(bool value) {
  return {ElementType::kBool, Shape{}, std::vector<int64_t>{value ? 1 : 0}};
}

OnnxTensor ListTensor(std::vector<int64_t> values) {
  const auto size = static_cast<int64_t>(values.size());
  return {ElementType::kInt32, Shape{size}, std::move(values)};
}

}  // namespace rnnserve
