// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_WIRE_H_
#define RNNSERVE_CLIENT_CPP_WIRE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cpp/call_options.h"
#include "client/cpp/session.h"
#include "client/cpp/tensor.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "rnnserve/v1/session.pb.h"

// Conversion of values to and from their messages. Only client/cpp uses this header.
namespace rnnserve::client {

// Writes `tensor` into `message` as raw little-endian bytes.
void ToMessage(const Tensor& tensor, v1::Tensor* message);
void ToMessage(const std::vector<StateTensor>& states,
               google::protobuf::RepeatedPtrField<v1::StateTensor>* messages);
void ToMessage(const std::string& model, const SessionOptions& options,
               v1::OpenSessionRequest* message);

void ToMessage(const std::vector<NamedTensor>& tensors,
               google::protobuf::RepeatedPtrField<v1::NamedTensor>* messages);
void ToMessage(const std::string& session_id, const Tensor& input, const StepOptions& options,
               v1::StepRequest* message);
void ToMessage(const std::string& session_id, const std::vector<NamedTensor>& inputs,
               const StepOptions& options, v1::StepRequest* message);

v1::Priority ToMessage(Priority priority);
v1::Durability ToMessage(Durability durability);
// Returns the value of a field `timeout_ms`: at least 1, or 0 for an infinite timeout.
int64_t TimeoutMs(const CallOptions& options);

// Reads raw bytes or typed values. INTERNAL if the number of elements is not the product of the
// shape or the element type is unknown: then the server broke the protocol.
absl::StatusOr<Tensor> FromMessage(const v1::Tensor& message);
absl::StatusOr<std::vector<StateTensor>> FromMessages(
    const google::protobuf::RepeatedPtrField<v1::StateTensor>& messages);
absl::StatusOr<std::vector<NamedTensor>> FromMessages(
    const google::protobuf::RepeatedPtrField<v1::NamedTensor>& messages);
absl::StatusOr<StepResult> FromMessage(const v1::StepResponse& message);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_WIRE_H_
