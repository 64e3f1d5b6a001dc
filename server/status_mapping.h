// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_STATUS_MAPPING_H_
#define RNNSERVE_SERVER_STATUS_MAPPING_H_

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"

namespace rnnserve::server {

// Converts an error for the wire; every error of the server goes through here. Code and text stay
// the same, the reason becomes a google.rpc.ErrorInfo of the domain "rnnserve", and a retry delay
// becomes a google.rpc.RetryInfo. The text is cut at 2048 bytes, because gRPC sends it in a header
// of bounded size.
google::rpc::Status ToRpcStatus(const absl::Status& status);

// Does the same for gRPC: the result carries the google.rpc.Status in its details.
grpc::Status ToGrpcStatus(const absl::Status& status);

// Returns the name of a code as gRPC spells it, for example "INVALID_ARGUMENT". Used by metrics.
std::string CodeName(absl::StatusCode code);

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_STATUS_MAPPING_H_
