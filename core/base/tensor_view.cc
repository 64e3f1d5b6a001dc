// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/base/tensor_view.h"

#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"

namespace rnnserve {
namespace {

// Uses memcpy because the bytes may be unaligned.
template <typename T>
T Load(const TensorView& tensor, int64_t i) {
  T value;
  std::memcpy(&value, tensor.bytes.data() + static_cast<size_t>(i) * sizeof(T), sizeof(T));
  return value;
}

}  // namespace

int64_t DataTypeBytes(DataType dtype) {
  switch (dtype) {
    case DataType::kFloat32:
    case DataType::kInt32:
      return 4;
    case DataType::kInt64:
      return 8;
    case DataType::kBool:
      return 1;
  }
  return 0;
}

absl::string_view DataTypeName(DataType dtype) {
  switch (dtype) {
    case DataType::kFloat32:
      return "FLOAT32";
    case DataType::kInt32:
      return "INT32";
    case DataType::kInt64:
      return "INT64";
    case DataType::kBool:
      return "BOOL";
  }
  return "";
}

absl::Status CheckLength(const TensorView& tensor, absl::string_view what) {
  const auto elements = tensor.shape.NumElements();
  const auto bytes =
      elements.has_value() ? CheckedMultiply(*elements, DataTypeBytes(tensor.dtype)) : std::nullopt;
  if (!bytes.has_value()) {
    return InvalidArgument(
        "TENSOR_SHAPE",
        absl::StrCat(what, ": the shape ", tensor.shape.ToString(), " is negative or too large"));
  }
  if (static_cast<uint64_t>(*bytes) != tensor.bytes.size()) {
    return InvalidArgument(
        "TENSOR_LENGTH",
        absl::StrCat(what, ": ", tensor.bytes.size(), " bytes, but ", DataTypeName(tensor.dtype),
                     " of shape ", tensor.shape.ToString(), " takes ", *bytes));
  }
  return absl::OkStatus();
}

absl::Status CheckFinite(const TensorView& tensor, absl::string_view what) {
  if (tensor.dtype != DataType::kFloat32) return absl::OkStatus();
  const int64_t count = static_cast<int64_t>(tensor.bytes.size() / sizeof(float));
  for (int64_t i = 0; i < count; ++i) {
    const float value = Load<float>(tensor, i);
    if (!std::isfinite(value)) {
      return InvalidArgument("NOT_FINITE",
                             absl::StrCat(what, ": element ", i, " is ", value, ", not finite"));
    }
  }
  return absl::OkStatus();
}

double ElementAt(const TensorView& tensor, int64_t i) {
  switch (tensor.dtype) {
    case DataType::kFloat32:
      return Load<float>(tensor, i);
    case DataType::kInt32:
      return Load<int32_t>(tensor, i);
    case DataType::kInt64:
      return static_cast<double>(Load<int64_t>(tensor, i));
    case DataType::kBool:
      return Load<uint8_t>(tensor, i) != 0 ? 1.0 : 0.0;
  }
  return 0.0;
}

}  // namespace rnnserve
