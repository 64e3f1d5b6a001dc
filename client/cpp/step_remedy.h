// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_STEP_REMEDY_H_
#define RNNSERVE_CLIENT_CPP_STEP_REMEDY_H_

#include "absl/status/status.h"

namespace rnnserve::client {

// Tells a caller that can send a failed call again what to do about the failure.
enum class StepRemedy {
  kNone,    // the call was refused and would be refused again; it was not performed
  kWait,    // the call was not performed; it may succeed later
  kResend,  // unknown whether the call was performed; sending it again will tell
  kAttach,  // the session is not here, or not at the expected step: attach
  kMoveOn,  // this server is going away: attach at another one
  kStop,    // the session has ended, or no longer belongs to the caller
};

// Returns the remedy for `status`, by its code and ErrorReason. A pure function. The first row that
// matches applies:
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
