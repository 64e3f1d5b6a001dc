// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_RNNCTL_PRINT_H_
#define RNNSERVE_CLIENT_RNNCTL_PRINT_H_

#include <cstdint>
#include <string>

#include "google/protobuf/message.h"
#include "rnnserve/v1/model.pb.h"

// How replies look.
namespace rnnserve::client {

// The reply in the JSON form of Protocol Buffers with the field names of the .proto, on one line.
// (That form writes 64-bit integers as strings.)
std::string ToJson(const google::protobuf::Message& reply);

// "1 234 567"
std::string FormatCount(int64_t count);

// Its first 12 digits: enough to tell two models apart by eye.
std::string FormatDigest(const std::string& digest);

// "float32 [time, 12]" or "token ids [time]"
std::string FormatInput(const v1::TensorSpec& spec);

// "[12]"; "[]" for a scalar.
std::string FormatShape(const google::protobuf::RepeatedField<int64_t>& shape);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_RNNCTL_PRINT_H_
