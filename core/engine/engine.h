// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_ENGINE_H_
#define RNNSERVE_CORE_ENGINE_ENGINE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/batching/queue_budget.h"
#include "core/batching/step_burst.h"
#include "core/checkpoint/durability_config.h"
#include "core/checkpoint/durable_sessions.h"
#include "core/engine/call_gate.h"
#include "core/engine/calls.h"
#include "core/engine/engine_options.h"
#include "core/engine/hosting/model_retirement.h"
#include "core/engine/hosting/model_table.h"
#include "core/engine/observer.h"
#include "core/engine/reset/session_reset.h"
#include "core/model/model.h"
#include "core/session/session_table.h"

namespace rnnserve {

struct NamedModel {
  std::string name;
  std::shared_ptr<const Model> model;
};

// What one model holds now.
struct ModelLoad {
  int64_t sessions = 0;
  int64_t state_bytes = 0;
  int64_t queued_steps = 0;
};

// Runs models for clients: holds the models and the sessions, and computes steps in batches. All
// that a server needs of rnnserve's core.
//
// Calls with a callback return at once. The callback runs exactly once, on the calling thread or on
// a worker, never under a lock; it must not block. The bytes that a call's tensors point to must
// stay until then. Calls on one session take effect in the order in which they were made.
//
// Errors, by code and reason. After any of them the states are as before the call, but where a line
// below says otherwise.
//
//   NOT_FOUND            MODEL_NOT_FOUND SESSION_UNKNOWN, or why it ended: SESSION_CLOSED
//                        SESSION_STREAM_ENDED SESSION_EXPIRED SESSION_EVICTED SESSION_MOVED
//                        SESSION_BROKEN SESSION_MODEL_RETIRED
//   ALREADY_EXISTS       MODEL_EXISTS SESSION_EXISTS
//   INVALID_ARGUMENT     MODEL_NAME SESSION_ID SESSION_IDS SESSION_MODEL IDLE_TIMEOUT REPLY_WINDOW
//                        RESET_TARGET FORK_TARGET STEP_INDICES RESUME_TOKEN
//     the input          INPUT_MISSING INPUT_UNKNOWN INPUT_TWICE INPUT_RANK INPUT_SHAPE
//                        INPUT_DTYPE TIMESTEPS BATCH_ROWS INFER_BYTES
//                        TOKEN_RANGE NOT_FINITE TENSOR_LENGTH
//     the mask           MASK_DTYPE MASK_SHAPE MASK_VALUE TENSOR_LENGTH
//     a state            STATE_MISSING STATE_UNKNOWN STATE_TWICE STATE_SHAPE STATE_DTYPE NOT_FINITE
//                        TENSOR_LENGTH
//     the place of a step: see DecisionError, and RESOURCE_EXHAUSTED REPLY_BYTES_LIMIT
//     durability         INVALID_ARGUMENT DURABILITY, FAILED_PRECONDITION NO_STORE, and the errors
//     of
//                        Checkpointer. Only what is not stored in time may have changed the state:
//                        a step with an index may be sent again, one without is ABORTED
//                        (NOT_DURABLE); SetState and ResetState were done, and are stored later
//     export and import  FAILED_PRECONDITION NO_SNAPSHOT_KEY MODEL_CHANGED SNAPSHOT_VERSION,
//     DATA_LOSS
//                        SNAPSHOT_BAD
//   FAILED_PRECONDITION  NOT_STREAMABLE STATE_NONFINITE (the result is not finite); of a row of
//                        StepSessions MODEL_CHANGED
//   RESOURCE_EXHAUSTED   SESSION_LIMIT STATE_BYTES_LIMIT SESSION_QUEUE_LIMIT
//                        RETIRING_MODELS_LIMIT
//     a queue is full    QUEUE_LIMIT QUEUE_BYTES_LIMIT TOTAL_QUEUE_LIMIT QUEUE_DISPLACED
//     it would be late   DEADLINE_UNREACHABLE
//   DEADLINE_EXCEEDED    NOT_EXECUTED
//   CANCELLED            NOT_EXECUTED
//   UNAVAILABLE          DRAINING
//   UNIMPLEMENTED        TRAINING_UNSUPPORTED (of this model; it names the layer)
//
// Thread-safe. The clock and the observer must outlive it.
class Engine {
 public:
  // To be made by a thread that reads requests, for those that it has read.
  using Burst = StepBurst;
  using StepCallback = absl::AnyInvocable<void(absl::StatusOr<StepResult>)>;
  using StepSessionsCallback = absl::AnyInvocable<void(absl::StatusOr<StepSessionsResult>)>;
  // The number of sessions that were reset.
  using ResetCallback = absl::AnyInvocable<void(absl::StatusOr<int64_t>)>;
  using OpenCallback = absl::AnyInvocable<void(absl::StatusOr<OpenedSession>)>;
  using AttachCallback = absl::AnyInvocable<void(absl::StatusOr<OpenedSession>)>;
  using ExportCallback = absl::AnyInvocable<void(absl::StatusOr<ExportedSession>)>;
  using ForkCallback = absl::AnyInvocable<void(absl::StatusOr<ForkedSession>)>;
  using StateCallback = absl::AnyInvocable<void(absl::StatusOr<SessionStateResult>)>;
  // The version of the session.
  using VersionCallback = absl::AnyInvocable<void(absl::StatusOr<uint64_t>)>;
  using InferCallback = absl::AnyInvocable<void(absl::StatusOr<InferResult>)>;

  // With a store, sessions may be durable; the engine owns it.
  Engine(const Clock& clock, EngineObserver& observer, EngineOptions options,
         std::optional<DurabilityConfig> store = std::nullopt);
  // Drains, then waits until nothing runs.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Makes a model available, with workers of its own. The name is 1 to 128 of [A-Za-z0-9._-].
  absl::Status AddModel(const std::string& name, std::shared_ptr<const Model> model);
  // Gives the name another model, which new sessions and inferences get from now on. Sessions that
  // are open stay on the model that they were opened with, bit for bit, until they end; those that
  // are left after EngineOptions::retire_after end with kModelRetired. The same model (by its
  // digest) changes nothing; one that retires becomes the current one again. Errors, after which
  // nothing has changed: NOT_FOUND (MODEL_NOT_FOUND); RESOURCE_EXHAUSTED (RETIRING_MODELS_LIMIT).
  // Waits for threads to start, but for no work.
  absl::StatusOr<ReplacedModel> ReplaceModel(const std::string& name,
                                             std::shared_ptr<const Model> model);
  // The current ones, in the order of their names.
  std::vector<NamedModel> models() const;
  // Those that the name held before and that still have sessions, the oldest first.
  std::vector<RetiringModel> retiring_models(absl::string_view name) const;
  absl::StatusOr<std::shared_ptr<const Model>> FindModel(absl::string_view name) const;
  ModelLoad load(absl::string_view model_name) const;

  // Refused for a model that cannot stream: NOT_STREAMABLE, naming the layer.
  // Calls on the session that follow are done once it is open.
  void OpenSession(const OpenSessionCall& call, OpenCallback callback);
  // Takes a session over in a new epoch, from the store if it is not here; steps that give an older
  // epoch are refused from then on.
  void AttachSession(absl::string_view session_id, AttachCallback callback);
  // INVALID_ARGUMENT (RESUME_TOKEN) unless these are the bytes of a token of this session, made by
  // an engine with the same key.
  absl::Status CheckResumeToken(absl::string_view session_id, absl::string_view token) const {
    return durable_.CheckResumeToken(session_id, token);
  }
  // Such a token of an open session as it is now; empty if it cannot go on elsewhere: without a
  // store, or bound to its stream. Nothing if it is not open.
  std::optional<std::string> ResumeTokenOf(absl::string_view session_id) const;
  // A session as bytes that may be imported here or by another engine with the same key.
  void ExportSession(absl::string_view session_id, ExportCallback callback);
  // Opens a session that was exported: a detached one with its state, version and kept replies.
  void ImportSession(const ImportSessionCall& call, OpenCallback callback);
  // Copies a session into new ones of version 0: all of them or none.
  void ForkSession(ForkSessionCall call, ForkCallback callback);
  // Advances a session by all the timesteps or by none. One with an index is done once, however
  // often it is called.
  void Step(StepCall call, StepCallback callback);
  // Advances each of many sessions of a model, or not. Fails as a whole, and advances none, only if
  // the model is unknown or cannot stream, the call is not valid, or the engine drains.
  void StepSessions(StepSessionsCall call, StepSessionsCallback callback);
  // Resets all the sessions or none; of a whole model, all that are open then, in memory at one
  // moment and those that are spilled after it, one by one. Success: what SetState of each would
  // wait for has come. Otherwise the first error that SetState of one would have; of a whole model
  // the others are reset all the same, but for spilled ones that could not be brought back.
  void ResetState(ResetStateCall call, ResetCallback callback);
  void GetState(absl::string_view session_id, StateCallback callback);
  void SetState(SetStateCall call, VersionCallback callback);
  void CloseSession(const CloseSessionCall& call, VersionCallback callback);
  // See SessionSpill::List. NOT_FOUND if it names an unknown model.
  absl::StatusOr<std::vector<SessionSummary>> ListSessions(const SessionFilter& filter,
                                                           absl::string_view after,
                                                           int64_t limit) const;
  // See SessionTable.
  void WatchSession(absl::string_view session_id, const std::shared_ptr<SessionWatcher>& watcher);
  void UnwatchSession(absl::string_view session_id, const std::shared_ptr<SessionWatcher>& watcher);
  // Computes a batch of any model, without a session. If a row fails the call fails and names it.
  void Infer(InferCall call, InferCallback callback);

  // Ends the sessions whose idle timeout has passed. To be called now and then.
  void ExpireIdleSessions();
  // Ends the sessions of models whose time is over, and lets go of replaced models that nothing
  // uses. To be called now and then, on a thread on which no callback runs.
  void RetireModels();
  // Writes the checkpoints that are due. To be called several times a second.
  void TickCheckpoints() { durable_.Tick(); }
  // Writes the checkpoints of all sessions that have changed; says whether the store has them
  // before the timeout.
  bool FlushCheckpoints(absl::Duration timeout) { return durable_.Flush(timeout); }
  // The same, and detached sessions that are not durable are written too, for another server to go
  // on with. For an engine that is drained.
  bool FlushForGood(absl::Duration timeout) { return durable_.FlushForGood(timeout); }
  // Sessions that are open and, for want of memory, in the store alone.
  int64_t num_spilled_sessions() const { return durable_.num_spilled(); }
  Checkpointer::Load checkpoint_load() const { return durable_.load(); }

  // From now on new sessions are refused; those that are open go on.
  void RefuseSessions() { gate_.CloseToSessions(); }
  // From now on sessions, steps and inferences are refused; what was accepted is finished.
  void StartDraining();
  // Whether everything accepted is finished; waits for it at most `timeout`.
  bool WaitUntilIdle(absl::Duration timeout);

 private:
  // The model that a session of the snapshot goes on with.
  absl::StatusOr<PinnedModel> FindModelOf(const Snapshot& snapshot) const;
  absl::StatusOr<SessionTable::OpenRequest> MakeOpenRequest(const OpenSessionCall& call) const;
  absl::StatusOr<SessionTable::OpenRequest> MakeOpenRequest(const ImportSessionCall& call) const;
  void Open(SessionTable::OpenRequest request, OpenCallback callback, CallGate::Pass pass);
  // What Step does once it is its turn on the session.
  void StepLeased(SessionLease lease, const StepCall& call, StepCallback callback,
                  CallGate::Pass pass);
  // Replies to a step that was committed, when its durability allows.
  void CommitStep(SessionLease lease, bool may_be_sent_again, StepResult result,
                  StepCallback callback, CallGate::Pass pass);

  // Constant after construction.
  const Clock& clock_;
  EngineObserver& observer_;
  const EngineOptions options_;

  // Synchronise themselves.
  CallGate gate_;
  SessionTable sessions_;
  QueueBudget queues_;
  ModelTable models_;
  SessionReset reset_;
  ModelRetirement retirement_;

  // The first to go: its callbacks need all the others.
  DurableSessions durable_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_ENGINE_H_
