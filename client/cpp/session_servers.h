// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_SESSION_SERVERS_H_
#define RNNSERVE_CLIENT_CPP_SESSION_SERVERS_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "rnnserve/v1/session.pb.h"

namespace rnnserve::client {

// The servers on which a session may be, of which one is called at a time. Tests have some that
// fail in every way.
//
// Used by one thread at a time: the owner's. Each call waits for its answer and ends by `timeout`
// with DEADLINE_EXCEEDED. A failure without an ErrorReason is one of the connection, after which
// nobody knows whether the call was done.
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

  // How many there are, at least 1.
  virtual int size() const = 0;
  // Has the next call go to the next one, over a connection that is made anew; after the last comes
  // the first.
  virtual void MoveOn() = 0;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_SESSION_SERVERS_H_
