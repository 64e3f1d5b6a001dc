// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_INFER_CALLS_H_
#define RNNSERVE_SERVER_INFER_CALLS_H_

#include "absl/status/statusor.h"
#include "core/engine/calls.h"
#include "rnnserve/v1/inference.pb.h"
#include "server/tensor_codec.h"

namespace rnnserve::server {

// Converts a request into a call of the engine. The tensors of the call borrow their bytes from the
// request and from `storage`. Errors: INVALID_ARGUMENT (FIELD_MISSING, FIELD_CONFLICT, and the
// errors of DecodePriority and DecodeTensor); UNIMPLEMENTED (FIELD_UNSUPPORTED).
absl::StatusOr<InferCall> ToInferCall(const v1::InferRequest& request, CallLimits limits,
                                      TensorStorage& storage);

// Converts the result into the reply to `request`, encoded as the first input of the request was.
v1::InferResponse ToInferResponse(const v1::InferRequest& request, const InferResult& result);

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_INFER_CALLS_H_
