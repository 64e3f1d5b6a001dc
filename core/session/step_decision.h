// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_STEP_DECISION_H_
#define RNNSERVE_CORE_SESSION_STEP_DECISION_H_

#include <array>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"

namespace rnnserve {

// Identifies the content of a step: the first half of a SHA-256.
using PayloadDigest = std::array<uint8_t, 16>;

// The place that a step claims among the steps of its session.
struct StepClaim {
  std::optional<uint64_t> index;  // the number of steps before it; without an index the step is new
  std::optional<uint64_t> epoch;  // in which its writer attached; none: not compared
  PayloadDigest digest{};         // compared only if there is an index
};

// The progress of a session when a step's turn comes.
struct SessionProgress {
  uint64_t version = 0;             // the number of committed steps
  uint64_t version_on_arrival = 0;  // when the step got in line; the steps in
                                    // [version_on_arrival, version) were in flight then
  uint64_t epoch = 1;
  int reply_window = 1;                        // how many replies are kept, >= 1
  std::optional<PayloadDigest> kept_digest{};  // of the kept reply to the step with this index
};

enum class StepDecision {
  kAccept,      // it is the next step: compute it
  kReplay,      // it was committed: send the kept reply again
  kFenced,      // another writer has attached since
  kStaleOwner,  // its writer has attached on another server since: this copy of the session is old
  kWindowFull,  // when it arrived, at least `reply_window` steps before it were in flight
  kReused,      // a step with this index but different content was committed
  kTooOld,      // it was committed, but its reply is no longer kept
  kGap,         // a step before it is missing
};

// Decides what to do with a step. A pure function. The state moves only after kAccept.
//
// The first row that applies decides; v is the version, w the reply window:
//
//   epoch < the session's                          kFenced
//   epoch > the session's                          kStaleOwner
//   no index                                       kAccept
//   index > v                                      kGap
//   index = v, and index < version_on_arrival + w  kAccept
//   index = v                                      kWindowFull
//   its reply is kept, with the same digest        kReplay
//   its reply is kept, with a different digest     kReused
//   otherwise                                      kTooOld
//
// A copy of a step in flight waits in line behind it and is decided at its own turn: it is replayed
// if the first was committed, and computed if the first was dropped.
StepDecision DecideStep(const StepClaim& claim, const SessionProgress& progress);

// Returns the error for the client, with `expected_index`, `version` or `epoch` where that helps.
//
//   kFenced      ABORTED STEP_FENCED               kReused   FAILED_PRECONDITION STEP_REUSED
//   kStaleOwner  UNAVAILABLE STALE_OWNER           kTooOld   OUT_OF_RANGE STEP_TOO_OLD
//   kWindowFull  UNAVAILABLE WINDOW_FULL           kGap      ABORTED STEP_GAP
//
// REQUIRES: `decision` is what DecideStep returned for the claim and the progress, and is neither
// kAccept nor kReplay.
absl::Status DecisionError(StepDecision decision, const StepClaim& claim,
                           const SessionProgress& progress);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_STEP_DECISION_H_
