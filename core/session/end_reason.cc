// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/end_reason.h"

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

}  // namespace rnnserve
