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

// Holds the bytes of the tensors of one request that had to be converted. Existing elements do not
// move when the list grows, so views of them stay valid as long as the list lives.
using TensorStorage = std::list<std::string>;

// Returns a view of a tensor of a request, whose length agrees with its shape. Raw bytes are used
// in place; typed elements are converted into `storage`. `what` names the tensor in error texts.
//
// Errors: INVALID_ARGUMENT: TENSOR_ENCODING (more than one field holds elements), TENSOR_DTYPE
// (missing, or different from the type of the elements), TENSOR_RANK (over 8), TENSOR_SHAPE,
// TENSOR_LENGTH, TENSOR_VALUE (a BOOL that is neither 0 nor 1, an INT32 out of range).
absl::StatusOr<TensorView> DecodeTensor(const v1::Tensor& tensor, absl::string_view what,
                                        TensorStorage& storage);

// The encoding of the elements of a reply. A reply uses the same encoding as its request, so that a
// client that sends typed values can read the answer.
enum class TensorEncoding { kRaw, kTyped };
TensorEncoding EncodingOf(const v1::Tensor& tensor);

// Writes a FLOAT32 tensor. REQUIRES: `values` has as many elements as `shape`.
void EncodeTensor(const Shape& shape, absl::Span<const float> values, TensorEncoding encoding,
                  v1::Tensor& tensor);

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_TENSOR_CODEC_H_
