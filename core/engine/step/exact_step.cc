// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/step/exact_step.h"

#include <utility>

#include "core/base/status_macros.h"

namespace rnnserve {

absl::StatusOr<ExactStep> ExactStep::Decide(const SessionLease& lease, const StepClaim& claim) {
  const SessionProgress progress = lease.ProgressFor(claim.index);
  const StepDecision decision = DecideStep(claim, progress);
  ExactStep step;
  if (decision == StepDecision::kReplay) {
    step.replayed_ = lease.FindReply(*claim.index);
  } else if (decision != StepDecision::kAccept) {
    return DecisionError(decision, claim, progress);
  } else if (claim.index.has_value()) {
    step.reply_.emplace();
    step.reply_->index = *claim.index;
    step.reply_->digest = claim.digest;
  }
  return step;
}

absl::Status ExactStep::Reserve(SessionTable& sessions, int64_t num_floats) {
  if (!reply_.has_value()) return absl::OkStatus();
  RNNSERVE_ASSIGN_OR_RETURN(reply_->share, sessions.ReserveReply(KeptReply::BytesOf(num_floats)));
  return absl::OkStatus();
}

void ExactStep::OnCommitted(SessionLease& lease, const Shape& output_shape,
                            absl::Span<const float> output, bool with_state) {
  if (!reply_.has_value()) return;
  reply_->output_shape = output_shape;
  reply_->output.assign(output.begin(), output.end());
  if (with_state) {
    const absl::Span<const float> block = lease.state().block();
    reply_->state.assign(block.begin(), block.end());
  }
  lease.KeepReply(*std::move(reply_));
  reply_.reset();
}

}  // namespace rnnserve
