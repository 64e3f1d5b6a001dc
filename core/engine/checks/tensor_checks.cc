// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/checks/tensor_checks.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"

namespace rnnserve {
namespace {

// Returns element i of an INT32 or INT64 tensor. ElementAt returns a floating-point number, which
// rounds large integers.
int64_t IntegerAt(const TensorView& tensor, int64_t i) {
  const bool is_wide = tensor.dtype == DataType::kInt64;
  const char* element = tensor.bytes.data() + i * DataTypeBytes(tensor.dtype);
  int64_t wide = 0;
  int32_t narrow = 0;
  if (is_wide) {
    std::memcpy(&wide, element, sizeof(wide));
  } else {
    std::memcpy(&narrow, element, sizeof(narrow));
  }
  return is_wide ? wide : narrow;
}

}  // namespace

TensorChecks::TensorChecks(const Model::Input& expected, const TensorView& tensor, bool has_batch,
                           std::string name)
    : expected_(expected), tensor_(tensor), has_batch_(has_batch), name_(std::move(name)) {}

absl::string_view TensorChecks::leading_names() const {
  if (!has_batch_) return has_time() ? "time and " : "";
  return has_time() ? "batch, time and " : "batch and ";
}

std::string TensorChecks::mask_name() const {
  return name_ == "input" ? "mask" : absl::StrCat("mask of ", name_);
}

absl::Status TensorChecks::CheckRank() const {
  const int rank = num_leading() + expected_.spec.shape.rank();
  if (tensor_.shape.rank() == rank) return absl::OkStatus();
  return InvalidArgument(
      "INPUT_RANK", absl::StrCat(name_, " has ", tensor_.shape.rank(), " dimensions, shape ",
                                 tensor_.shape.ToString(), ", but the model needs ", rank, ": ",
                                 leading_names(), expected_.spec.shape.ToString()));
}

absl::Status TensorChecks::CheckExtent(int axis, int64_t max, absl::string_view reason,
                                       absl::string_view what) const {
  const int64_t extent = tensor_.shape[axis];
  if (extent >= 1 && extent <= max) return absl::OkStatus();
  return InvalidArgument(reason,
                         absl::StrCat(name_, " has ", extent, " ", what, ", not 1 to ", max));
}

absl::Status TensorChecks::CheckRows(int64_t max) const {
  return CheckExtent(0, max, "BATCH_ROWS", "rows");
}

absl::Status TensorChecks::CheckTimesteps(int64_t max) const {
  if (!has_time()) return absl::OkStatus();
  return CheckExtent(num_leading() - 1, max, "TIMESTEPS", "timesteps");
}

absl::Status TensorChecks::CheckFeatures() const {
  const Shape& shape = expected_.spec.shape;
  for (int i = 0; i < shape.rank(); ++i) {
    const int axis = num_leading() + i;
    if (tensor_.shape[axis] == shape[i]) continue;
    return InvalidArgument(
        "INPUT_SHAPE",
        absl::StrCat(name_, " has ", tensor_.shape[axis], " in dimension ", axis, " of ",
                     tensor_.shape.ToString(), ", but the model needs ", shape[i]));
  }
  return absl::OkStatus();
}

absl::Status TensorChecks::CheckTokens() const {
  const int64_t count = *tensor_.shape.NumElements();
  for (int64_t i = 0; i < count; ++i) {
    const int64_t token = IntegerAt(tensor_, i);
    if (token >= 0 && token < expected_.num_tokens) continue;
    return InvalidArgument("TOKEN_RANGE",
                           absl::StrCat(name_, ": token ", i, " is ", token, ", not from 0 to ",
                                        expected_.num_tokens - 1));
  }
  return absl::OkStatus();
}

absl::Status TensorChecks::CheckValues() const {
  const bool is_integer = tensor_.dtype == DataType::kInt32 || tensor_.dtype == DataType::kInt64;
  if (expected_.is_token_ids ? !is_integer : tensor_.dtype != DataType::kFloat32) {
    return InvalidArgument(
        "INPUT_DTYPE",
        absl::StrCat(name_, " is ", DataTypeName(tensor_.dtype), ", but the model needs ",
                     expected_.is_token_ids ? "INT32 or INT64" : "FLOAT32"));
  }
  RNNSERVE_RETURN_IF_ERROR(CheckLength(tensor_, name_));
  RNNSERVE_RETURN_IF_ERROR(CheckFinite(tensor_, name_));
  return expected_.is_token_ids ? CheckTokens() : absl::OkStatus();
}

absl::Status TensorChecks::CheckMask(const std::optional<TensorView>& mask) const {
  if (!mask.has_value()) return absl::OkStatus();
  if (!has_time()) {
    return InvalidArgument("MASK_SHAPE",
                           absl::StrCat(name_, " has no time axis, so it cannot have a mask"));
  }
  if (mask->dtype != DataType::kBool) {
    return InvalidArgument(
        "MASK_DTYPE", absl::StrCat(mask_name(), " is ", DataTypeName(mask->dtype), ", not BOOL"));
  }
  const Shape expected(tensor_.shape.extents().subspan(0, static_cast<size_t>(num_leading())));
  if (!(mask->shape == expected)) {
    return InvalidArgument("MASK_SHAPE",
                           absl::StrCat(mask_name(), " has shape ", mask->shape.ToString(),
                                        ", but the input needs ", expected.ToString()));
  }
  RNNSERVE_RETURN_IF_ERROR(CheckLength(*mask, mask_name()));
  const size_t bad = mask->bytes.find_first_not_of(absl::string_view("\0\1", 2));
  if (bad == absl::string_view::npos) return absl::OkStatus();
  return InvalidArgument(
      "MASK_VALUE",
      absl::StrCat(mask_name(), ": byte ", bad, " is ",
                   static_cast<int>(static_cast<unsigned char>(mask->bytes[bad])), ", not 0 or 1"));
}

}  // namespace rnnserve
