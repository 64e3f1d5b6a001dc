// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/cpp/status_conversion.h"

#include <string>

#include "absl/strings/cord.h"

namespace rnnserve::client {
namespace {

absl::StatusCode CodeOf(int code) {
  const bool is_known = code >= static_cast<int>(absl::StatusCode::kCancelled) &&
                        code <= static_cast<int>(absl::StatusCode::kUnauthenticated);
  return is_known ? static_cast<absl::StatusCode>(code) : absl::StatusCode::kUnknown;
}

absl::Status MakeStatus(int code, const std::string& text, const google::rpc::Status& details) {
  absl::Status status(CodeOf(code), text);
  for (const google::protobuf::Any& detail : details.details()) {
    status.SetPayload(detail.type_url(), absl::Cord(detail.value()));
  }
  return status;
}

}  // namespace

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) details.Clear();
  return MakeStatus(status.error_code(), status.error_message(), details);
}

absl::Status FromMessage(const google::rpc::Status& message) {
  return MakeStatus(message.code(), message.message(), message);
}

}  // namespace rnnserve::client
