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

// One StepSessions call: a StepTask for each session, which share cell steps with those of other
// calls, and one answer when the last is done. The sessions that are free when the call comes are
// queued together, others when it is their turn. A session that stays on a model that was replaced
// is computed by that one.
//
// Lives until its last row is finished, by itself. Thread-safe.
class StepSessionsRun : public std::enable_shared_from_this<StepSessionsRun> {
 public:
  using Callback = absl::AnyInvocable<void(StepSessionsResult)>;

  // `pass` is given back after the callback. REQUIRES: the call is valid for the model, and the
  // model streams.
  StepSessionsRun(HostedModel::Use hosted, SessionTable& sessions, DurableSessions& durable,
                  const EngineOptions& options, StepSessionsCall call, Callback callback,
                  CallGate::Pass pass);

  // Gets in line for every session. REQUIRES: called once.
  void Start();

 private:
  using Tasks = std::vector<std::unique_ptr<StepTask>>;

  // Session `row` is free for this call, or will never be. The step that is to be computed; null if
  // the row needs none.
  std::unique_ptr<StepTask> OnLease(size_t row, absl::StatusOr<SessionLease> lease);
  // The same, and has it computed.
  void StepLeased(size_t row, absl::StatusOr<SessionLease> lease);
  // Whether the row can be computed by the model of its session, which may be another than the one
  // that has the name now: INVALID_ARGUMENT (SESSION_MODEL) if it is of another name;
  // FAILED_PRECONDITION (MODEL_CHANGED), naming both digests, if it takes other inputs or has other
  // outputs.
  absl::Status CheckModelOf(size_t row, const SessionLease& lease) const;
  StepClaim ClaimOf(size_t row) const;
  absl::Span<float> OutputOf(size_t row);
  std::unique_ptr<StepTask> MakeTask(size_t row, SessionLease lease);
  static void Submit(HostedModel& hosted, absl::Span<std::unique_ptr<StepTask>> tasks);
  void OnStep(size_t row, std::unique_ptr<StepTask> task, absl::Status status);
  // Session `row`, whose output is there, is answered this if it is stored; then the lease is
  // returned and the row finished.
  void Commit(size_t row, uint64_t version, SessionLease lease);
  void OnStored(size_t row, absl::Status status);
  // Session `row` has no result but this error.
  void Fail(size_t row, absl::Status status);
  // Makes the output of sessions that failed zero, if others did not.
  void ClearFailed();
  // Session `row` has its result.
  void Finish(size_t row, absl::Status status);

  const HostedModel::Use hosted_;
  const EngineOptions& options_;
  SessionTable& sessions_;
  DurableSessions& durable_;
  const StepSessionsCall call_;
  const CallGate::Pass pass_;
  Callback callback_;
  const Shape row_shape_;      // of the output of one session
  const int64_t output_size_;  // its floats

  std::shared_ptr<StepSessionsRun> self_;  // until the last row is finished

  // Each element is used by one thread at a time: the one that has the row.
  StepSessionsResult result_;
  std::vector<std::optional<ExactStep>> exact_;
  std::vector<absl::Status> statuses_;
  std::vector<char> is_replayed_;
  std::atomic<size_t> remaining_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_STEP_STEP_SESSIONS_RUN_H_
