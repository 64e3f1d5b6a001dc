// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_CALL_OPTIONS_H_
#define RNNSERVE_CLIENT_CPP_CALL_OPTIONS_H_

#include "absl/time/time.h"

namespace rnnserve::client {

// How long an answer may take if the caller says nothing: far above any answer of a healthy
// server, so that only a lost one is given up.
inline constexpr absl::Duration kDefaultTimeout = absl::Seconds(30);

// What every call takes.
struct CallOptions {
  // After this the call fails with DEADLINE_EXCEEDED; absl::InfiniteDuration() waits for ever. The
  // server knows the deadline of a unary call and of a step, and drops the work if it has not
  // begun; of another action on a stream only the wait ends, and it may still be done.
  absl::Duration timeout = kDefaultTimeout;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_CALL_OPTIONS_H_
