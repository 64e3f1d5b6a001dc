// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_ACTION_CHANNEL_H_
#define RNNSERVE_CLIENT_CPP_ACTION_CHANNEL_H_

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "rnnserve/v1/inference.pb.h"

namespace rnnserve::client {

// Receives the result of an action, or why there is none. A result's `error` arrives as a Status.
using ActionCallback = absl::AnyInvocable<void(absl::StatusOr<v1::StreamResult>)>;

// A way to have actions on sessions done: a gRPC stream, or one unary call for each.
//
// Thread-safe. A Session shares ownership of the channel it came over.
class ActionChannel {
 public:
  virtual ~ActionChannel() = default;

  // Has `action` done; its tag is ignored. Actions on one session are done in the order sent over a
  // stream, and in any order over unary calls. Calls `callback` exactly once: from a thread of
  // gRPC, or from this one, before returning, if the action cannot be sent. `timeout` ends a unary
  // call; a stream ignores it.
  virtual void Send(v1::StreamAction action, absl::Duration timeout, ActionCallback callback) = 0;
};

// Sends `action` and waits for its result: DEADLINE_EXCEEDED if none arrives within `timeout`.
// Must not be called from a callback.
absl::StatusOr<v1::StreamResult> SendAndWait(ActionChannel& channel, v1::StreamAction action,
                                             absl::Duration timeout);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_ACTION_CHANNEL_H_
