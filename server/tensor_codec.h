// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_TENSOR_CODEC_H_
#define RNNSERVE_SERVER_TENSOR_CODEC_H_

#include <list>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/base/shape.h"
#include "core/base/tensor_view.h"
#include "rnnserve/v1/tensor.pb.h"

namespace rnnserve::server {

// Bytes of the tensors of one request that had to be converted. Its elements do not move when it
// grows, so views of them stay valid as long as it lives.
using TensorStorage = std::list<std::string>;

// A view of a tensor of a request. Raw bytes are used where they lie; typed elements are converted
// into `storage`. The length agrees with the shape. `what` names the tensor in error texts.
//
// Errors: INVALID_ARGUMENT: TENSOR_ENCODING (no elements, or raw and typed ones), TENSOR_DTYPE
// (missing, or not that of the elements), TENSOR_RANK (over 8), TENSOR_SHAPE, TENSOR_LENGTH,
// TENSOR_VALUE (a BOOL that is neither 0 nor 1, an INT32 out of range).
absl::StatusOr<TensorView> DecodeTensor(const v1::Tensor& tensor, absl::string_view what,
                                        TensorStorage& storage);

// How the elements of a reply are written. A reply follows its request, so that who asks with
// typed values can read the answer.
enum class TensorEncoding { kRaw, kTyped };
TensorEncoding EncodingOf(const v1::Tensor& tensor);

// Writes a FLOAT32 tensor. REQUIRES: `values` has as many elements as `shape`.
void EncodeTensor(const Shape& shape, absl::Span<const float> values, TensorEncoding encoding,
                  v1::Tensor& tensor);

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_TENSOR_CODEC_H_
