// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_CALL_OPTIONS_H_
#define RNNSERVE_CLIENT_CPP_CALL_OPTIONS_H_

#include "absl/time/time.h"

namespace rnnserve::client {

// How long a call waits for its answer by default. It is far above the response time of a healthy
// server, so a client gives up only on answers that are lost.
inline constexpr absl::Duration kDefaultTimeout = absl::Seconds(30);

// The options that every call takes.
struct CallOptions {
  // The call fails with DEADLINE_EXCEEDED after this time; absl::InfiniteDuration() waits for ever.
  // The server knows the deadline of a unary call and of a step, and drops the work if it has not
  // begun. For any other action on a stream only the wait ends; the server may still perform the
  // action.
  absl::Duration timeout = kDefaultTimeout;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_CALL_OPTIONS_H_
