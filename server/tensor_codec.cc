// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/tensor_codec.h"

#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"

namespace rnnserve::server {
namespace {

constexpr int kMaxRank = 8;

absl::StatusOr<DataType> ToDataType(v1::DataType dtype, absl::string_view what) {
  switch (dtype) {
    case v1::DATA_TYPE_FLOAT32:
      return DataType::kFloat32;
    case v1::DATA_TYPE_INT32:
      return DataType::kInt32;
    case v1::DATA_TYPE_INT64:
      return DataType::kInt64;
    case v1::DATA_TYPE_BOOL:
      return DataType::kBool;
    default:
      return InvalidArgument("TENSOR_DTYPE",
                             absl::StrCat(what, ": dtype ", static_cast<int>(dtype),
                                          " is missing or unknown; raw bytes need one"));
  }
}

absl::Status WrongDtype(absl::string_view what, absl::string_view field, v1::DataType dtype) {
  return InvalidArgument("TENSOR_DTYPE", absl::StrCat(what, ": ", field, " does not hold ",
                                                      v1::DataType_Name(dtype), " elements"));
}

template <typename T, typename Values>
std::string Pack(const Values& values) {
  std::string bytes(static_cast<size_t>(values.size()) * sizeof(T), '\0');
  char* out = bytes.data();
  for (const auto& value : values) {
    const T element = static_cast<T>(value);
    std::memcpy(out, &element, sizeof(T));
    out += sizeof(T);
  }
  return bytes;
}

absl::StatusOr<std::pair<DataType, std::string>> PackInts(const v1::Tensor& tensor,
                                                          absl::string_view what) {
  if (tensor.dtype() == v1::DATA_TYPE_INT64 || tensor.dtype() == v1::DATA_TYPE_UNSPECIFIED) {
    return std::pair(DataType::kInt64, Pack<int64_t>(tensor.int_values()));
  }
  if (tensor.dtype() != v1::DATA_TYPE_INT32) {
    return WrongDtype(what, "int_values", tensor.dtype());
  }
  for (int i = 0; i < tensor.int_values_size(); ++i) {
    const int64_t value = tensor.int_values(i);
    if (value < std::numeric_limits<int32_t>::min() ||
        value > std::numeric_limits<int32_t>::max()) {
      return InvalidArgument("TENSOR_VALUE", absl::StrCat(what, ": element ", i, " is ", value,
                                                          ", out of the range of INT32"));
    }
  }
  return std::pair(DataType::kInt32, Pack<int32_t>(tensor.int_values()));
}

// Returns the elements of the typed field in use, as bytes.
absl::StatusOr<std::pair<DataType, std::string>> PackTyped(const v1::Tensor& tensor,
                                                           absl::string_view what) {
  const bool is_unspecified = tensor.dtype() == v1::DATA_TYPE_UNSPECIFIED;
  if (tensor.int_values_size() > 0) return PackInts(tensor, what);
  if (tensor.bool_values_size() > 0) {
    if (!is_unspecified && tensor.dtype() != v1::DATA_TYPE_BOOL) {
      return WrongDtype(what, "bool_values", tensor.dtype());
    }
    return std::pair(DataType::kBool, Pack<uint8_t>(tensor.bool_values()));
  }
  if (!is_unspecified && tensor.dtype() != v1::DATA_TYPE_FLOAT32) {
    return WrongDtype(what, "float_values", tensor.dtype());
  }
  return std::pair(DataType::kFloat32, Pack<float>(tensor.float_values()));
}

int CountTypedFields(const v1::Tensor& tensor) {
  return (tensor.float_values_size() > 0) + (tensor.int_values_size() > 0) +
         (tensor.bool_values_size() > 0);
}

absl::Status CheckBools(const TensorView& tensor, absl::string_view what) {
  if (tensor.dtype != DataType::kBool) return absl::OkStatus();
  for (size_t i = 0; i < tensor.bytes.size(); ++i) {
    const auto value = static_cast<unsigned char>(tensor.bytes[i]);
    if (value > 1) {
      return InvalidArgument("TENSOR_VALUE", absl::StrCat(what, ": byte ", i, " is ", value,
                                                          ", but a BOOL must be 0 or 1"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TensorView> DecodeTensor(const v1::Tensor& tensor, absl::string_view what,
                                        TensorStorage& storage) {
  const int typed_fields = CountTypedFields(tensor);
  if (typed_fields + (tensor.raw().empty() ? 0 : 1) > 1) {
    return InvalidArgument("TENSOR_ENCODING",
                           absl::StrCat(what, ": more than one field holds elements"));
  }
  if (tensor.shape_size() > kMaxRank) {
    return InvalidArgument("TENSOR_RANK",
                           absl::StrCat(what, ": ", tensor.shape_size(),
                                        " dimensions, but must be at most ", kMaxRank));
  }
  TensorView view;
  view.shape =
      Shape(absl::MakeConstSpan(tensor.shape().data(), static_cast<size_t>(tensor.shape_size())));
  if (typed_fields == 0) {
    RNNSERVE_ASSIGN_OR_RETURN(view.dtype, ToDataType(tensor.dtype(), what));
    view.bytes = tensor.raw();
  } else {
    RNNSERVE_ASSIGN_OR_RETURN(auto packed, PackTyped(tensor, what));
    view.dtype = packed.first;
    view.bytes = storage.emplace_back(std::move(packed.second));
  }
  RNNSERVE_RETURN_IF_ERROR(CheckLength(view, what));
  RNNSERVE_RETURN_IF_ERROR(CheckBools(view, what));
  return view;
}

TensorEncoding EncodingOf(const v1::Tensor& tensor) {
  return CountTypedFields(tensor) > 0 ? TensorEncoding::kTyped : TensorEncoding::kRaw;
}

void EncodeTensor(const Shape& shape, absl::Span<const float> values, TensorEncoding encoding,
                  v1::Tensor& tensor) {
  tensor.set_dtype(v1::DATA_TYPE_FLOAT32);
  for (const int64_t extent : shape.extents()) tensor.add_shape(extent);
  if (encoding == TensorEncoding::kTyped) {
    tensor.mutable_float_values()->Add(values.begin(), values.end());
  } else {
    tensor.set_raw(values.data(), values.size() * sizeof(float));
  }
}

}  // namespace rnnserve::server
