// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/step/session_step.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "absl/types/span.h"
#include "core/batching/step_task.h"
#include "core/engine/checks/input_arrangement.h"
#include "core/engine/checks/input_validation.h"
#include "core/engine/checks/step_inputs.h"
#include "core/engine/hosting/hosted_model.h"
#include "core/engine/step/exact_step.h"
#include "core/engine/step/payload_digest.h"
#include "core/engine/step/step_outputs.h"

namespace rnnserve {
namespace {

StepClaim ClaimOf(const StepCall& call, absl::Span<const StepInput> inputs) {
  StepClaim claim;
  claim.index = call.step_index;
  claim.epoch = call.epoch;
  if (call.step_index.has_value()) {
    claim.digest = DigestOfStep(inputs, call.initial_state, call.return_state);
  }
  return claim;
}

// Returns the number of floats in the reply to a step of `time` timesteps.
int64_t ReplyFloats(const Model& model, int64_t time, bool return_state) {
  return model.StepOutputFloats(time) + (return_state ? model.state_layout().size : 0);
}

StepResult ReplayedResult(const KeptReply& reply, const SessionLease& lease) {
  const Model& model = *lease.model();
  StepResult result;
  const auto num_floats = static_cast<int64_t>(reply.output.size());
  result.outputs = SplitOutputs(model, model.TimestepsOfStepOutput(num_floats).value_or(1),
                                {reply.output.begin(), reply.output.end()});
  result.version = reply.index + 1;
  result.durable_version = lease.durable_version();
  result.epoch = lease.epoch();
  result.is_replayed = true;
  if (!reply.state.empty()) result.state = StateTensors(model, reply.state);
  return result;
}

StepResult MakeStepResult(StepTask& task, ExactStep& exact, bool return_state) {
  SessionLease& lease = std::get<SessionLease>(task.row);
  StepResult result;
  const Model& model = *lease.model();
  exact.OnCommitted(lease, KeptShape(model, task.num_timesteps), task.own_output, return_state);
  result.outputs = SplitOutputs(model, task.num_timesteps, std::move(task.own_output));
  result.version = lease.version();
  result.durable_version = lease.durable_version();
  result.epoch = lease.epoch();
  if (return_state) result.state = lease.state().Tensors(model);
  return result;
}

}  // namespace

void SessionStep::Start(StepCall call, Callback callback, CallGate::Pass pass) {
  const std::string id = call.session_id;
  // Only a step with an index may restore a session from another server, because its index shows
  // whether the restored state is older. With an epoch it must not, because the restored session
  // would be in a new epoch and refuse it. A spilled session comes back as it was, so Lease brings
  // it back for any step.
  const bool may_restore = call.step_index.has_value() && !call.epoch.has_value();
  auto step = [this, call = std::move(call), callback = std::move(callback),
               pass = std::move(pass)](absl::StatusOr<SessionLease> lease) mutable {
    if (!lease.ok()) return callback(lease.status());
    StepLeased(*std::move(lease), std::move(call), std::move(callback), std::move(pass));
  };
  if (may_restore) return durable_.LeaseOrRestore(id, std::move(step));
  durable_.Lease(id, std::move(step));
}

void SessionStep::StepLeased(SessionLease lease, StepCall call, Callback callback,
                             CallGate::Pass pass) {
  const Model& model = *lease.model();
  // If its turn comes too late, it takes no place in the queue.
  absl::Status status = CheckStillWanted(call.limits, clock_.Now());
  if (status.ok()) status = ArrangeInputs(model, call.inputs);
  if (!status.ok()) return callback(std::move(status));
  StepInputs inputs = StepInputsOf(call.inputs);
  auto exact = ExactStep::Decide(lease, ClaimOf(call, inputs));
  if (!exact.ok()) return callback(exact.status());
  if (exact->replayed() != nullptr) {
    StepResult result = ReplayedResult(*exact->replayed(), lease);
    if (lease.durability() != Durability::kSync || lease.durable_version() >= result.version) {
      return callback(std::move(result));
    }
    return CommitStep(std::move(lease), /*may_be_sent_again=*/true, std::move(result),
                      std::move(callback), std::move(pass));
  }
  status = ValidateStep(inputs, model, options_);
  std::optional<SessionState> start;
  if (status.ok() && !call.initial_state.empty()) {
    auto state = SessionState::FromTensors(model, call.initial_state);
    status = state.status();
    if (state.ok()) start = *std::move(state);
  }
  const int64_t time = status.ok() ? TimestepsOf(model, inputs) : 0;
  if (status.ok()) {
    status = exact->Reserve(sessions_, ReplyFloats(model, time, call.return_state));
  }
  if (!status.ok()) return callback(status);

  // Held beyond the lease, because the step may be done, and its session ended, before Submit
  // returns.
  const HostedModel::Use hosted = HostedModel::HostOf(lease);
  auto task = std::make_unique<StepTask>(
      std::move(lease), std::move(inputs), time,
      [this, callback = std::move(callback), exact = *std::move(exact),
       may_be_sent_again = call.step_index.has_value(), return_state = call.return_state,
       pass = std::move(pass)](std::unique_ptr<StepTask> done,
                               const absl::Status& outcome) mutable {
        if (!outcome.ok()) return callback(outcome);
        StepResult result = MakeStepResult(*done, exact, return_state);
        auto& committed = std::get<SessionLease>(done->row);
        if (committed.durability() == Durability::kNone) return callback(std::move(result));
        CommitStep(std::move(committed), may_be_sent_again, std::move(result), std::move(callback),
                   std::move(pass));
      });
  task->start = std::move(start);
  task->priority = call.priority;
  task->limits = call.limits;
  status = hosted->Submit(absl::MakeSpan(&task, 1));
  if (!status.ok()) Complete(std::move(task), std::move(status));
}

void SessionStep::CommitStep(SessionLease lease, bool may_be_sent_again, StepResult result,
                             Callback callback, CallGate::Pass pass) {
  const bool is_sync = lease.durability() == Durability::kSync;
  durable_.Commit(std::move(lease), [is_sync, may_be_sent_again, result = std::move(result),
                                     callback = std::move(callback),
                                     pass = std::move(pass)](absl::Status status) mutable {
    if (!status.ok()) {
      return callback(NotStoredError(std::move(status), may_be_sent_again));
    }
    if (is_sync) result.durable_version = std::max(result.durable_version, result.version);
    callback(std::move(result));
  });
}

}  // namespace rnnserve
