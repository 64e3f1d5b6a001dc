// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_STEP_REMEDY_H_
#define RNNSERVE_CLIENT_CPP_STEP_REMEDY_H_

#include "absl/status/status.h"

namespace rnnserve::client {

// What helps after a call that failed, for a caller that may send it again.
enum class StepRemedy {
  kNone,    // it was refused and would be again; it has not been done
  kWait,    // it has not been done; later it might be
  kResend,  // whether it was done is not known: the same call again tells
  kAttach,  // the session is not here, or not as the caller thinks: attach
  kMoveOn,  // this server goes away: attach at another one
  kStop,    // the session has ended, or is not the caller's any more
};

// The remedy for `status`, by its code and ErrorReason. A pure function. The first row counts:
//
//   no reason: UNAVAILABLE, CANCELLED, INTERNAL, UNKNOWN, DEADLINE_EXCEEDED   kResend
//   STEP_FENCED, STEP_REUSED, STEP_TOO_OLD                                    kStop
//   SESSION_UNKNOWN, SESSION_MOVED, STALE_OWNER, FENCED, STEP_GAP             kAttach
//   DRAINING                                                                  kMoveOn
//   RESOURCE_EXHAUSTED with a RetryDelay                                      kWait
//   UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED (the server said so itself)     kWait
//   NOT_FOUND with a reason (the session has ended), INTERNAL, DATA_LOSS      kStop
//   else                                                                      kNone
//
// REQUIRES: status is not OK.
StepRemedy RemedyFor(const absl::Status& status);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_STEP_REMEDY_H_
