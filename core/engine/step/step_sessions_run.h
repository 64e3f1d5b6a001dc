// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_STEP_STEP_SESSIONS_RUN_H_
#define RNNSERVE_CORE_ENGINE_STEP_STEP_SESSIONS_RUN_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/batching/step_task.h"
#include "core/checkpoint/durable_sessions.h"
#include "core/engine/call_gate.h"
#include "core/engine/calls.h"
#include "core/engine/hosting/hosted_model.h"
#include "core/engine/step/exact_step.h"
#include "core/session/session_table.h"

namespace rnnserve {

// One StepSessions call: a StepTask for each session, which shares cell steps with the tasks of
// other calls, and one answer when the last is done. The tasks of sessions that are free when the
// call arrives are queued together; the others are queued when it is their turn. A session that is
// pinned to a replaced model is computed by that model.
//
// Keeps itself alive until its last row is finished. Thread-safe.
class StepSessionsRun : public std::enable_shared_from_this<StepSessionsRun> {
 public:
  using Callback = absl::AnyInvocable<void(StepSessionsResult)>;

  // `pass` is returned after the callback. REQUIRES: the call is valid for the model, and the model
  // is streamable.
  StepSessionsRun(HostedModel::Use hosted, SessionTable& sessions, DurableSessions& durable,
                  const EngineOptions& options, StepSessionsCall call, Callback callback,
                  CallGate::Pass pass);

  // Waits in line for every session and queues its step. REQUIRES: called once.
  void Start();

 private:
  using Tasks = std::vector<std::unique_ptr<StepTask>>;

  // Handles the lease of session `row`, or the error in its place. Returns the step to compute, or
  // null if the row is finished or only waits for the store.
  std::unique_ptr<StepTask> OnLease(size_t row, absl::StatusOr<SessionLease> lease);
  // Calls OnLease and submits the step that it returns.
  void StepLeased(size_t row, absl::StatusOr<SessionLease> lease);
  // Checks that the session's model can compute the row; it may be an older model than the one that
  // the name holds now. INVALID_ARGUMENT (SESSION_MODEL) if the session's model has another name;
  // FAILED_PRECONDITION (MODEL_CHANGED), naming both digests, if its inputs or outputs differ.
  absl::Status CheckModelOf(size_t row, const SessionLease& lease) const;
  StepClaim ClaimOf(size_t row) const;
  absl::Span<float> OutputOf(size_t row);
  std::unique_ptr<StepTask> MakeTask(size_t row, SessionLease lease);
  static void Submit(HostedModel& hosted, absl::Span<std::unique_ptr<StepTask>> tasks);
  void OnStep(size_t row, std::unique_ptr<StepTask> task, absl::Status status);
  // Sets the versions of session `row`, whose output is complete, returns the lease, and finishes
  // the row when the session's durability allows.
  void Commit(size_t row, uint64_t version, SessionLease lease);
  void OnStored(size_t row, absl::Status status);
  // Finishes session `row` with an error as its only result.
  void Fail(size_t row, absl::Status status);
  // Zeroes the outputs of the failed sessions.
  void ClearFailed();
  // Records the result of session `row`; the last row runs the callback.
  void Finish(size_t row, absl::Status status);

  const HostedModel::Use hosted_;
  const EngineOptions& options_;
  SessionTable& sessions_;
  DurableSessions& durable_;
  const StepSessionsCall call_;
  const CallGate::Pass pass_;
  Callback callback_;
  const int64_t num_timesteps_;
  const int64_t output_size_;  // floats in the outputs of one session

  std::shared_ptr<StepSessionsRun> self_;  // until the last row is finished

  // Each element is used by one thread at a time: the one that handles its row.
  StepSessionsResult result_;  // without the outputs until the last row is finished
  FloatValues outputs_;        // [sessions, output_size_]
  std::vector<std::optional<ExactStep>> exact_;
  std::vector<absl::Status> statuses_;
  std::vector<char> is_replayed_;
  std::atomic<size_t> remaining_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_STEP_STEP_SESSIONS_RUN_H_
