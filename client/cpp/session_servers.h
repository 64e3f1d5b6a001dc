// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_SESSION_SERVERS_H_
#define RNNSERVE_CLIENT_CPP_SESSION_SERVERS_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "rnnserve/v1/session.pb.h"

namespace rnnserve::client {

// The servers that may hold a session. Only one of them is called at a time. Tests use an
// implementation that fails in every way.
//
// Used by one thread at a time: the owner's. Each call waits for its answer and fails with
// DEADLINE_EXCEEDED after `timeout`. A failure without an ErrorReason is a failure of the
// connection, after which it is not known whether the call was performed.
class SessionServers {
 public:
  virtual ~SessionServers() = default;

  virtual absl::StatusOr<v1::OpenSessionResponse> Open(const v1::OpenSessionRequest& request,
                                                       absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::AttachSessionResponse> Attach(const v1::AttachSessionRequest& request,
                                                           absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::StepResponse> Step(const v1::StepRequest& request,
                                                absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::GetStateResponse> GetState(const v1::GetStateRequest& request,
                                                        absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::CloseSessionResponse> Close(const v1::CloseSessionRequest& request,
                                                         absl::Duration timeout) = 0;

  // Returns the number of servers, at least 1.
  virtual int size() const = 0;
  // Directs the next call to the next server, over a new connection; the first server follows the
  // last one.
  virtual void MoveOn() = 0;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_SESSION_SERVERS_H_
