// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_STEP_DECISION_H_
#define RNNSERVE_CORE_SESSION_STEP_DECISION_H_

#include <array>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"

namespace rnnserve {

// What identifies the content of a step: the first half of a SHA-256.
using PayloadDigest = std::array<uint8_t, 16>;

// What a step says of its place among the steps of its session.
struct StepClaim {
  std::optional<uint64_t> index;  // the steps before it; without one the step is new
  std::optional<uint64_t> epoch;  // in which its writer attached; without one it is not compared
  PayloadDigest digest{};         // of interest with an index
};

// Where a session stands when it is the turn of a step.
struct SessionProgress {
  uint64_t version = 0;             // the committed steps
  uint64_t version_on_arrival = 0;  // when the step got in line, so that [this, version) was
                                    // under way then
  uint64_t epoch = 1;
  int reply_window = 1;                        // the replies that are kept, >= 1
  std::optional<PayloadDigest> kept_digest{};  // of the kept reply of the step's index
};

enum class StepDecision {
  kAccept,      // it is the next step: compute it
  kReplay,      // it was committed: give the reply that was kept
  kFenced,      // another writer has attached since
  kStaleOwner,  // its writer attached elsewhere since: this copy of the session is old
  kWindowFull,  // its predecessors were not answered when it came, and their replies might be lost
  kReused,      // a committed step of this index had another content
  kTooOld,      // committed, but its reply is kept no more
  kGap,         // a step before it is missing
};

// What is to be done with a step. A pure function; the state moves after kAccept alone.
//
// Rows are looked at in this order; v is the version, w the reply window:
//
//   epoch < the session's                          kFenced
//   epoch > the session's                          kStaleOwner
//   no index                                       kAccept
//   index > v                                      kGap
//   index = v, and index < version_on_arrival + w  kAccept
//   index = v                                      kWindowFull
//   its reply is kept, of the same digest          kReplay
//   its reply is kept, of another digest           kReused
//   else                                           kTooOld
//
// A copy of a step that is still under way waits for its turn behind it, and is decided then: it is
// replayed if the first was committed, and computed if the first was dropped.
StepDecision DecideStep(const StepClaim& claim, const SessionProgress& progress);

// What the client is told, with the numbers `expected_index`, `version` or `epoch` where they help.
//
//   kFenced      ABORTED STEP_FENCED               kReused   FAILED_PRECONDITION STEP_REUSED
//   kStaleOwner  UNAVAILABLE STALE_OWNER           kTooOld   OUT_OF_RANGE STEP_TOO_OLD
//   kWindowFull  UNAVAILABLE WINDOW_FULL           kGap      ABORTED STEP_GAP
//
// REQUIRES: `decision` is none of kAccept and kReplay, and what DecideStep said of them.
absl::Status DecisionError(StepDecision decision, const StepClaim& claim,
                           const SessionProgress& progress);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_STEP_DECISION_H_
