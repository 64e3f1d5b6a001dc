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

// What makes a step safe to send again, from its turn to its commit: it is decided by its place
// among the steps of its session, room is held for its reply, and the reply is kept. A step without
// an index is none of that: it is done when it comes, and nothing is kept.
//
// Movable. Used by one thread at a time: whoever has the lease.
class ExactStep {
 public:
  // Decides what is to be done now that it is the turn of the step. Errors: those of DecisionError.
  static absl::StatusOr<ExactStep> Decide(const SessionLease& lease, const StepClaim& claim);

  // The reply to give again; null if the step is to be computed. Lies in the session.
  const KeptReply* replayed() const { return replayed_; }

  // Holds room for a reply of so many floats. RESOURCE_EXHAUSTED (REPLY_BYTES_LIMIT).
  absl::Status Reserve(SessionTable& sessions, int64_t num_floats);

  // Keeps the reply. `with_state`: and the state as it is now. REQUIRES: the step was just
  // committed, and there is room for it.
  void OnCommitted(SessionLease& lease, const Shape& output_shape, absl::Span<const float> output,
                   bool with_state);

 private:
  const KeptReply* replayed_ = nullptr;
  std::optional<KeptReply> reply_;  // if one is to be kept
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_STEP_EXACT_STEP_H_
