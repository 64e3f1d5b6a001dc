// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/cpp/step_remedy.h"

#include <cassert>
#include <string>

#include "client/cpp/error.h"

namespace rnnserve::client {
namespace {

// Handles the errors that gRPC itself reports: a broken connection, a proxy that gave up, a lost
// answer.
StepRemedy RemedyWithoutReason(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDeadlineExceeded:
      return StepRemedy::kResend;
    case absl::StatusCode::kResourceExhausted:
      return RetryDelay(status).has_value() ? StepRemedy::kWait : StepRemedy::kNone;
    default:
      return StepRemedy::kNone;
  }
}

StepRemedy RemedyByCode(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kResourceExhausted:
      return RetryDelay(status).has_value() ? StepRemedy::kWait : StepRemedy::kNone;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
      return StepRemedy::kWait;
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kDataLoss:
      return StepRemedy::kStop;
    default:
      return StepRemedy::kNone;
  }
}

}  // namespace

StepRemedy RemedyFor(const absl::Status& status) {
  assert(!status.ok());
  const std::string reason = ErrorReason(status);
  if (reason.empty()) return RemedyWithoutReason(status);
  if (reason == "STEP_FENCED" || reason == "STEP_REUSED" || reason == "STEP_TOO_OLD") {
    return StepRemedy::kStop;
  }
  // FENCED: this server had an outdated copy, which the snapshot store revealed; it has dropped the
  // copy.
  if (reason == "SESSION_UNKNOWN" || reason == "SESSION_MOVED" || reason == "STALE_OWNER" ||
      reason == "FENCED" || reason == "STEP_GAP") {
    return StepRemedy::kAttach;
  }
  if (reason == "DRAINING") return StepRemedy::kMoveOn;
  return RemedyByCode(status);
}

}  // namespace rnnserve::client
