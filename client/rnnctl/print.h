// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_RNNCTL_PRINT_H_
#define RNNSERVE_CLIENT_RNNCTL_PRINT_H_

#include <cstdint>
#include <string>

#include "google/protobuf/message.h"
#include "rnnserve/v1/model.pb.h"

// Formats replies.
namespace rnnserve::client {

// Returns the reply in the JSON form of Protocol Buffers, with the field names of the .proto, on
// one line. (This form writes 64-bit integers as strings.)
std::string ToJson(const google::protobuf::Message& reply);

// Returns for example "1 234 567".
std::string FormatCount(int64_t count);

// Returns the first 12 digits, which are enough to distinguish two models by eye.
std::string FormatDigest(const std::string& digest);

// Returns for example "float32 [time, 12]" or "token ids [time]".
std::string FormatInput(const v1::TensorSpec& spec);

// Does the same for one of several inputs, which may have no time axis: "float32 [4] for all
// timesteps".
std::string FormatInput(const v1::NamedTensorSpec& input);

// Returns for example "[12]", or "[]" for a scalar.
std::string FormatShape(const google::protobuf::RepeatedField<int64_t>& shape);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_RNNCTL_PRINT_H_
