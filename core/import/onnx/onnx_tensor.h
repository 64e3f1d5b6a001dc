// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_ONNX_TENSOR_H_
#define RNNSERVE_CORE_IMPORT_ONNX_ONNX_TENSOR_H_

#include <cstdint>
#include <variant>
#include <vector>

#include "core/base/shape.h"
#include "core/program/operation.h"

namespace rnnserve {

// A tensor whose elements are known at import: an initializer, an attribute, or the result of
// operations on such. Floats of every width become float32. Integers keep 64 bits, because the
// arithmetic on shapes needs them; truth values are the integers 0 and 1.
//
// A value type. Thread-compatible.
struct OnnxTensor {
  ElementType type = ElementType::kFloat32;
  Shape shape;
  // Row-major, as many as the shape says. Floats if the type is kFloat32, else integers.
  std::variant<std::vector<float>, std::vector<int64_t>> elements;
  // The type in the file, a TensorProto.DataType; 0 if the tensor was computed. The type of a zero
  // point says where its results saturate.
  int32_t data_type = 0;

  // REQUIRES: the type is kFloat32.
  const std::vector<float>& floats() const { return std::get<0>(elements); }
  // REQUIRES: the type is kInt32 or kBool.
  const std::vector<int64_t>& integers() const { return std::get<1>(elements); }

  int64_t size() const;
};

// Shorthands for tensors of a rank of 0 and 1.
OnnxTensor ScalarTensor(float value);
OnnxTensor ScalarTensor(int64_t value);
OnnxTensor ScalarTensor(bool value);
OnnxTensor ListTensor(std::vector<int64_t> values);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_ONNX_TENSOR_H_
