// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_INPUT_CODEC_H_
#define RNNSERVE_SERVER_INPUT_CODEC_H_

#include "absl/status/statusor.h"
#include "core/engine/calls.h"
#include "rnnserve/v1/tensor.pb.h"
#include "server/tensor_codec.h"

namespace rnnserve::server {

// The fields of an InferRequest, StepRequest or StepSessionsRequest that hold the model's inputs. A
// view of the request.
struct RequestInputs {
  const v1::Tensor* input = nullptr;  // null: missing
  const v1::Tensor* mask = nullptr;   // null: missing
  const google::protobuf::RepeatedPtrField<v1::NamedTensor>& inputs;
};

// Returns these fields of a request.
template <typename Request>
RequestInputs InputsOf(const Request& request) {
  return {request.has_input() ? &request.input() : nullptr,
          request.has_mask() ? &request.mask() : nullptr, request.inputs()};
}

// Decodes either `input` and `mask`, as an input without a name, or `inputs`. They borrow their
// bytes from the request and from `storage`. Errors: INVALID_ARGUMENT (FIELD_MISSING;
// FIELD_CONFLICT if both are given; the errors of DecodeTensor).
absl::StatusOr<NamedInputs> DecodeInputs(const RequestInputs& request, TensorStorage& storage);

// Returns the encoding of the first input. The outputs in the reply have the same.
TensorEncoding EncodingOf(const RequestInputs& request);

// Writes the outputs of the model to a reply: a single one to `output`, several to `outputs`. Each
// has a name, a shape and values.
template <typename Outputs, typename Response>
void EncodeOutputs(const Outputs& outputs, TensorEncoding encoding, Response& response) {
  if (outputs.size() == 1) {
    EncodeTensor(outputs[0].shape, outputs[0].values, encoding, *response.mutable_output());
    return;
  }
  for (const auto& output : outputs) {
    v1::NamedTensor& named = *response.add_outputs();
    named.set_name(output.name);
    EncodeTensor(output.shape, output.values, encoding, *named.mutable_tensor());
  }
}

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_INPUT_CODEC_H_
