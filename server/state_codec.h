// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_STATE_CODEC_H_
#define RNNSERVE_SERVER_STATE_CODEC_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/session/session_state.h"
#include "rnnserve/v1/tensor.pb.h"
#include "server/tensor_codec.h"

namespace rnnserve::server {

using StateTensors = google::protobuf::RepeatedPtrField<v1::StateTensor>;

// Decodes the states of a request. They borrow their bytes from the request and from `storage`.
// `field` names them in error texts. Errors: any error of DecodeTensor.
absl::StatusOr<std::vector<NamedState>> DecodeStates(const StateTensors& states,
                                                     absl::string_view field,
                                                     TensorStorage& storage);

// Appends the states to a reply.
void EncodeStates(const std::vector<StateValue>& values, TensorEncoding encoding,
                  StateTensors& states);

// Returns INVALID_ARGUMENT (FIELD_MISSING).
absl::Status FieldMissing(absl::string_view field);
// Returns UNIMPLEMENTED (FIELD_UNSUPPORTED).
absl::Status FieldUnsupported(absl::string_view field);

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_STATE_CODEC_H_
