// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_STATUS_CONVERSION_H_
#define RNNSERVE_CLIENT_CPP_STATUS_CONVERSION_H_

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/support/status.h"

// Conversion of statuses from the wire. Only client/cpp, client/load and their tests use this
// header.
namespace rnnserve::client {

// Return the same code and text; every detail becomes a payload under its type URL. Details that
// cannot be parsed are dropped, so that they do not hide the error itself. Codes that gRPC does not
// define become UNKNOWN.
absl::Status FromGrpc(const grpc::Status& status);
absl::Status FromMessage(const google::rpc::Status& message);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_STATUS_CONVERSION_H_
