// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/step_decision.h"

#include "absl/strings/str_cat.h"
#include "core/base/error.h"

namespace rnnserve {

StepDecision DecideStep(const StepClaim& claim, const SessionProgress& progress) {
  if (claim.epoch.has_value() && *claim.epoch < progress.epoch) return StepDecision::kFenced;
  if (claim.epoch.has_value() && *claim.epoch > progress.epoch) return StepDecision::kStaleOwner;
  if (!claim.index.has_value()) return StepDecision::kAccept;
  if (*claim.index > progress.version) return StepDecision::kGap;
  if (*claim.index == progress.version) {
    const uint64_t num_unanswered = *claim.index - progress.version_on_arrival;
    return num_unanswered < static_cast<uint64_t>(progress.reply_window)
               ? StepDecision::kAccept
               : StepDecision::kWindowFull;
  }
  if (!progress.kept_digest.has_value()) return StepDecision::kTooOld;
  return *progress.kept_digest == claim.digest ? StepDecision::kReplay : StepDecision::kReused;
}

absl::Status DecisionError(StepDecision decision, const StepClaim& claim,
                           const SessionProgress& progress) {
  const uint64_t index = claim.index.value_or(0);
  const uint64_t epoch = claim.epoch.value_or(0);
  switch (decision) {
    case StepDecision::kFenced:
      return WithNumber(
          MakeError(absl::StatusCode::kAborted, "STEP_FENCED",
                    absl::StrCat("the step is of epoch ", epoch,
                                 ", but another writer took over in epoch ", progress.epoch)),
          "epoch", progress.epoch);
    case StepDecision::kStaleOwner:
      return WithNumber(
          MakeError(absl::StatusCode::kUnavailable, "STALE_OWNER",
                    absl::StrCat("the step is of epoch ", epoch, ", but this server has epoch ",
                                 progress.epoch, " of the session")),
          "epoch", progress.epoch);
    case StepDecision::kWindowFull:
      return WithNumber(
          MakeError(absl::StatusCode::kUnavailable, "WINDOW_FULL",
                    absl::StrCat("step ", index, " came when ", index - progress.version_on_arrival,
                                 " steps before it were in flight, but the session keeps ",
                                 progress.reply_window, " replies")),
          "expected_index", progress.version);
    case StepDecision::kReused:
      return FailedPrecondition(
          "STEP_REUSED", absl::StrCat("step ", index, " was committed with different content"));
    case StepDecision::kTooOld:
      return WithNumber(MakeError(absl::StatusCode::kOutOfRange, "STEP_TOO_OLD",
                                  absl::StrCat("step ", index, " of ", progress.version,
                                               " was committed, but its reply is not kept")),
                        "version", progress.version);
    case StepDecision::kGap:
      return WithNumber(MakeError(absl::StatusCode::kAborted, "STEP_GAP",
                                  absl::StrCat("step ", index, " was sent, but ", progress.version,
                                               " is the next")),
                        "expected_index", progress.version);
    case StepDecision::kAccept:
    case StepDecision::kReplay:
      break;
  }
  return absl::OkStatus();
}

}  // namespace rnnserve
