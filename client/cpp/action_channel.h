// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_ACTION_CHANNEL_H_
#define RNNSERVE_CLIENT_CPP_ACTION_CHANNEL_H_

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "rnnserve/v1/inference.pb.h"

namespace rnnserve::client {

// Receives the result of an action, or the reason why there is none. The `error` of a result
// arrives as a Status.
using ActionCallback = absl::AnyInvocable<void(absl::StatusOr<v1::StreamResult>)>;

// A way to have the server perform actions on sessions: a gRPC stream, or one unary call per
// action.
//
// Thread-safe. A Session shares ownership of the channel that it was opened on.
class ActionChannel {
 public:
  virtual ~ActionChannel() = default;

  // Performs `action`; its tag is ignored. Actions on one session are performed in the order sent
  // over a stream, and in any order over unary calls. Calls `callback` exactly once: on a gRPC
  // thread or, if the action cannot be sent, on this thread before returning. `timeout` ends a
  // unary call; a stream ignores it.
  virtual void Send(v1::StreamAction action, absl::Duration timeout, ActionCallback callback) = 0;
};

// Sends `action` and waits for its result. DEADLINE_EXCEEDED if none arrives within `timeout`. Must
// not be called from a callback.
absl::StatusOr<v1::StreamResult> SendAndWait(ActionChannel& channel, v1::StreamAction action,
                                             absl::Duration timeout);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_ACTION_CHANNEL_H_
