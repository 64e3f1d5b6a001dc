// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_STATUS_MAPPING_H_
#define RNNSERVE_SERVER_STATUS_MAPPING_H_

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"

namespace rnnserve::server {

// The one way in which an error leaves the server: code and text as they are, the reason as
// google.rpc.ErrorInfo of the domain "rnnserve", a retry delay as google.rpc.RetryInfo. The text is
// cut at 2048 bytes, because gRPC sends it in a header of bounded size.
google::rpc::Status ToRpcStatus(const absl::Status& status);

// The same, with google.rpc.Status in the details.
grpc::Status ToGrpcStatus(const absl::Status& status);

// The name of a code as gRPC spells it, for example "INVALID_ARGUMENT". For metrics.
std::string CodeName(absl::StatusCode code);

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_STATUS_MAPPING_H_
