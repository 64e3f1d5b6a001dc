// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/end_reason.h"

#include "core/base/error.h"

namespace rnnserve {

absl::string_view EndReasonName(EndReason reason) {
  switch (reason) {
    case EndReason::kClosed:
      return "SESSION_CLOSED";
    case EndReason::kStreamEnded:
      return "SESSION_STREAM_ENDED";
    case EndReason::kExpired:
      return "SESSION_EXPIRED";
    case EndReason::kEvicted:
      return "SESSION_EVICTED";
    case EndReason::kMoved:
      return "SESSION_MOVED";
    case EndReason::kBroken:
      return "SESSION_BROKEN";
    case EndReason::kModelRetired:
      return "SESSION_MODEL_RETIRED";
  }
  return "";
}

absl::Status EndedError(EndReason reason) {
  switch (reason) {
    case EndReason::kClosed:
      return NotFound(EndReasonName(reason), "the session was closed");
    case EndReason::kStreamEnded:
      return NotFound(EndReasonName(reason), "the session ended with its stream");
    case EndReason::kExpired:
      return NotFound(EndReasonName(reason), "the session was idle for too long and expired");
    case EndReason::kEvicted:
      return NotFound(EndReasonName(reason), "the session was evicted");
    case EndReason::kMoved:
      return NotFound(EndReasonName(reason), "the session has moved to another server");
    case EndReason::kBroken:
      return NotFound(EndReasonName(reason), "the session was ended after an internal error");
    case EndReason::kModelRetired:
      return NotFound(
          EndReasonName(reason),
          "the model of the session was replaced, and the grace period of its sessions is over");
  }
  return absl::OkStatus();
}

}  // namespace rnnserve
