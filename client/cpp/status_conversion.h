// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_STATUS_CONVERSION_H_
#define RNNSERVE_CLIENT_CPP_STATUS_CONVERSION_H_

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/support/status.h"

// Statuses off the wire. Only client/cpp, client/load and their tests use this header.
namespace rnnserve::client {

// The same code and text; every detail becomes a payload under its type URL. Details that cannot be
// parsed are left out: they must not hide the error itself. Codes outside gRPC's become UNKNOWN.
absl::Status FromGrpc(const grpc::Status& status);
absl::Status FromMessage(const google::rpc::Status& message);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_STATUS_CONVERSION_H_
