// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/batching/call_limits.h"

#include "absl/strings/str_cat.h"
#include "core/base/error.h"

namespace rnnserve {

absl::Status CheckStillWanted(const CallLimits& limits, absl::Time now, absl::Duration needed) {
  if (limits.cancellation != nullptr && limits.cancellation->is_cancelled()) {
    return MakeError(absl::StatusCode::kCancelled, "NOT_EXECUTED",
                     "the call was cancelled before its work began; nothing was executed");
  }
  if (now >= limits.deadline) {
    return MakeError(
        absl::StatusCode::kDeadlineExceeded, "NOT_EXECUTED",
        absl::StrCat("the deadline passed ", absl::FormatDuration(now - limits.deadline),
                     " before the work could begin; nothing was executed"));
  }
  if (needed > limits.deadline - now) {
    return MakeError(
        absl::StatusCode::kDeadlineExceeded, "NOT_EXECUTED",
        absl::StrCat("the work takes about ", absl::FormatDuration(needed),
                     " and the deadline is in ", absl::FormatDuration(limits.deadline - now),
                     "; nothing was executed"));
  }
  return absl::OkStatus();
}

}  // namespace rnnserve
