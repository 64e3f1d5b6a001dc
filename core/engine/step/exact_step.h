// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_STEP_EXACT_STEP_H_
#define RNNSERVE_CORE_ENGINE_STEP_EXACT_STEP_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/shape.h"
#include "core/session/session_lease.h"
#include "core/session/session_table.h"

namespace rnnserve {

// Makes a step idempotent. It is created when the step's turn comes and used until the step is
// committed: it decides by the index whether to compute or replay the step, reserves room for the
// reply, and keeps the reply. A step without an index is always computed, and its reply is not
// kept.
//
// Movable. Used by one thread at a time: the holder of the session's lease.
class ExactStep {
 public:
  // Decides what to do with a step whose turn it is. Errors: those of DecisionError.
  static absl::StatusOr<ExactStep> Decide(const SessionLease& lease, const StepClaim& claim);

  // Returns the kept reply to replay, which lies in the session; null if the step has to be
  // computed.
  const KeptReply* replayed() const { return replayed_; }

  // Reserves room for a reply of `num_floats` floats. RESOURCE_EXHAUSTED (REPLY_BYTES_LIMIT).
  absl::Status Reserve(SessionTable& sessions, int64_t num_floats);

  // Keeps the reply; if `with_state`, with the current state in it. REQUIRES: the step was just
  // committed, and Reserve returned OK.
  void OnCommitted(SessionLease& lease, const Shape& output_shape, absl::Span<const float> output,
                   bool with_state);

 private:
  const KeptReply* replayed_ = nullptr;
  std::optional<KeptReply> reply_;  // none if no reply is to be kept
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_STEP_EXACT_STEP_H_
