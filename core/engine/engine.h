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
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/batching/step_burst.h"
#include "core/checkpoint/checkpoint_load.h"
#include "core/checkpoint/durability_config.h"
#include "core/engine/calls.h"
#include "core/engine/engine_options.h"
#include "core/engine/observer.h"
#include "core/model/model.h"
#include "core/session/session_summary.h"
#include "core/session/session_watcher.h"

namespace rnnserve {

// A model and the name under which clients find it.
struct NamedModel {
  std::string name;
  std::shared_ptr<const Model> model;
};

// The load of all models of one name, current and retiring.
struct ModelLoad {
  int64_t sessions = 0;
  int64_t state_bytes = 0;
  int64_t queued_steps = 0;
};

// Runs models for clients: holds the models and the sessions, and computes steps in batches. This
// is the only part of rnnserve's core that a server calls.
//
// Calls with a callback return at once. The callback runs exactly once, on the calling thread, on a
// worker or on a thread of the snapshot store, and never under a lock that another thread waits
// for; it must not block. The bytes that a call's tensors point to must stay valid until then.
// Calls on one session take effect in the order in which they were made.
//
// Errors, by code and reason. After an error the states are as before the call, except where a line
// below says otherwise.
//
//   NOT_FOUND            MODEL_NOT_FOUND; SESSION_UNKNOWN, or why the session ended: SESSION_CLOSED
//                        SESSION_STREAM_ENDED SESSION_EXPIRED SESSION_EVICTED SESSION_MOVED
//                        SESSION_BROKEN SESSION_MODEL_RETIRED
//   ALREADY_EXISTS       MODEL_EXISTS SESSION_EXISTS
//   INVALID_ARGUMENT     MODEL_NAME SESSION_ID SESSION_IDS SESSION_MODEL IDLE_TIMEOUT REPLY_WINDOW
//                        RESET_TARGET FORK_TARGET STEP_INDICES RESUME_TOKEN DURABILITY
//     the input          INPUT_MISSING INPUT_UNKNOWN INPUT_TWICE INPUT_RANK INPUT_SHAPE
//                        INPUT_DTYPE TIMESTEPS BATCH_ROWS INFER_BYTES TOKEN_RANGE NOT_FINITE
//                        TENSOR_LENGTH
//     the mask           MASK_DTYPE MASK_SHAPE MASK_VALUE TENSOR_LENGTH
//     a state            STATE_MISSING STATE_UNKNOWN STATE_TWICE STATE_SHAPE STATE_DTYPE NOT_FINITE
//                        TENSOR_LENGTH
//   FAILED_PRECONDITION  NO_STORE NO_SNAPSHOT_KEY NOT_STREAMABLE; STATE_NONFINITE: the result is
//                        not finite
//     StepSessions       MODEL_CHANGED, for a row
//     import             MODEL_CHANGED SNAPSHOT_VERSION
//   DATA_LOSS            SNAPSHOT_BAD, from an import
//   RESOURCE_EXHAUSTED   SESSION_LIMIT STATE_BYTES_LIMIT SESSION_QUEUE_LIMIT REPLY_BYTES_LIMIT
//                        RETIRING_MODELS_LIMIT
//     a queue is full    QUEUE_LIMIT QUEUE_BYTES_LIMIT TOTAL_QUEUE_LIMIT QUEUE_DISPLACED
//     too late           DEADLINE_UNREACHABLE
//   DEADLINE_EXCEEDED    NOT_EXECUTED
//   CANCELLED            NOT_EXECUTED
//   UNAVAILABLE          DRAINING
//   UNIMPLEMENTED        TRAINING_UNSUPPORTED, naming the layer of the model
//
// A step with an index or an epoch can also fail as DecisionError says.
//
// Calls that wait for the store can also fail with the errors of Checkpointer. Only such a failure
// may leave the state changed. A step with an index may then be sent again; a step without one gets
// ABORTED (NOT_DURABLE). SetState and ResetState have taken effect and are stored later.
//
// Thread-safe. The clock and the observer must outlive it.
class Engine {
 public:
  // A thread that reads requests makes one for the requests that it has read. See StepBurst.
  using Burst = StepBurst;
  using StepCallback = absl::AnyInvocable<void(absl::StatusOr<StepResult>)>;
  using StepSessionsCallback = absl::AnyInvocable<void(absl::StatusOr<StepSessionsResult>)>;
  // Gets the number of sessions that were reset.
  using ResetCallback = absl::AnyInvocable<void(absl::StatusOr<int64_t>)>;
  using OpenCallback = absl::AnyInvocable<void(absl::StatusOr<OpenedSession>)>;
  using AttachCallback = absl::AnyInvocable<void(absl::StatusOr<OpenedSession>)>;
  using ExportCallback = absl::AnyInvocable<void(absl::StatusOr<ExportedSession>)>;
  using ForkCallback = absl::AnyInvocable<void(absl::StatusOr<ForkedSession>)>;
  using StateCallback = absl::AnyInvocable<void(absl::StatusOr<SessionStateResult>)>;
  // Gets the version of the session.
  using VersionCallback = absl::AnyInvocable<void(absl::StatusOr<uint64_t>)>;
  using InferCallback = absl::AnyInvocable<void(absl::StatusOr<InferResult>)>;

  // With `durability`, sessions may be durable; the engine owns the snapshot store in it.
  Engine(const Clock& clock, EngineObserver& observer, EngineOptions options,
         std::optional<DurabilityConfig> durability = std::nullopt);
  // Drains, then waits until nothing runs.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Makes a model available, with workers of its own. The name is 1 to 128 characters of
  // [A-Za-z0-9._-].
  absl::Status AddModel(const std::string& name, std::shared_ptr<const Model> model);
  // Replaces the model of this name. New sessions and inferences use the new model from now on.
  // Open sessions stay on the model that they were opened with, bit for bit, until they end; those
  // that are still open after EngineOptions::retire_after end with kModelRetired. If the current
  // model already has this digest, nothing changes. If a retiring model has it, that model becomes
  // the current one again. Errors, after which nothing has changed: NOT_FOUND (MODEL_NOT_FOUND);
  // RESOURCE_EXHAUSTED (RETIRING_MODELS_LIMIT). Waits for threads to start, but not for any work.
  absl::StatusOr<ReplacedModel> ReplaceModel(const std::string& name,
                                             std::shared_ptr<const Model> model);
  // Returns the current models, in the order of their names.
  std::vector<NamedModel> models() const;
  // Returns the replaced models of this name that still have sessions, oldest first.
  std::vector<RetiringModel> retiring_models(absl::string_view name) const;
  absl::StatusOr<std::shared_ptr<const Model>> FindModel(absl::string_view name) const;
  // Returns the load of the models of this name; all zeros if there is none.
  ModelLoad load(absl::string_view model_name) const;

  // Opens a session. Later calls on it wait until it is open. Refuses a model that cannot stream:
  // FAILED_PRECONDITION (NOT_STREAMABLE), with the reason in words.
  void OpenSession(const OpenSessionCall& call, OpenCallback callback);
  // Takes over a session in a new epoch, and restores it from the store if this engine does not
  // have it. From then on, steps that give an older epoch are refused.
  void AttachSession(absl::string_view session_id, AttachCallback callback);
  // Returns INVALID_ARGUMENT (RESUME_TOKEN) unless these are the bytes of a token of this session,
  // made by an engine with the same key.
  absl::Status CheckResumeToken(absl::string_view session_id, absl::string_view token) const;
  // Returns a resume token of an open session as it is now, or nullopt if the session is not open.
  // The token is empty if the session cannot continue elsewhere, because there is no store or
  // because it is bound to its stream.
  std::optional<std::string> ResumeTokenOf(absl::string_view session_id) const;
  // Returns a session as bytes that this engine, or another with the same key, can import.
  void ExportSession(absl::string_view session_id, ExportCallback callback);
  // Opens an exported session as a detached one with the exported state, version and kept replies.
  void ImportSession(const ImportSessionCall& call, OpenCallback callback);
  // Copies a session into new ones, which begin at version 0. Makes all copies or none.
  void ForkSession(ForkSessionCall call, ForkCallback callback);
  // Advances a session by all the timesteps of the call or by none. A step with an index is done
  // once, however often it is sent.
  void Step(StepCall call, StepCallback callback);
  // Advances many sessions of one model, each of them by all its timesteps or by none. Fails as a
  // whole, and advances no session, only if the model is unknown or cannot stream, the call is not
  // valid, or the engine is draining.
  void StepSessions(StepSessionsCall call, StepSessionsCallback callback);
  // Resets sessions: those named by their ids, all or none; or every session of a model that is
  // open at the time of the call. For a model, the sessions in memory are reset at one moment, then
  // the spilled ones one by one. Success means that every session is as durable as SetState would
  // have made it. Otherwise the callback gets an error that SetState of one of the sessions would
  // have had. If the line of a session in memory is full, no session of the model is reset. If a
  // spilled session cannot be brought back, it and the spilled ones after it keep their states.
  // After any other error, the other sessions of the model are still reset.
  void ResetState(ResetStateCall call, ResetCallback callback);
  void GetState(absl::string_view session_id, StateCallback callback);
  void SetState(SetStateCall call, VersionCallback callback);
  void CloseSession(const CloseSessionCall& call, VersionCallback callback);
  // See SessionSpill::List. NOT_FOUND if the filter names an unknown model.
  absl::StatusOr<std::vector<SessionSummary>> ListSessions(const SessionFilter& filter,
                                                           absl::string_view after,
                                                           int64_t limit) const;
  // See SessionTable::Watch and SessionTable::Unwatch.
  void WatchSession(absl::string_view session_id, const std::shared_ptr<SessionWatcher>& watcher);
  void UnwatchSession(absl::string_view session_id, const std::shared_ptr<SessionWatcher>& watcher);
  // Computes a batch of any model, without a session. If a row fails, the call fails and its error
  // names the row.
  void Infer(InferCall call, InferCallback callback);

  // Ends the sessions whose idle timeout has passed. Call it every
  // SessionTableOptions::expiry_interval.
  void ExpireIdleSessions();
  // Ends the sessions of replaced models whose grace period is over (EngineOptions::retire_after),
  // and destroys replaced models that nothing uses. Call it now and then, on a thread on which no
  // callback runs.
  void RetireModels();
  // Writes the checkpoints that are due. Call it several times a second.
  void TickCheckpoints();
  // Writes the checkpoints of all dirty sessions. Returns whether the store had them all before the
  // timeout.
  bool FlushCheckpoints(absl::Duration timeout);
  // Like FlushCheckpoints, and also writes detached sessions that are not durable, for another
  // server to continue. Used on an engine that is drained.
  bool FlushForGood(absl::Duration timeout);
  // Returns the number of open sessions that are only in the store, to save memory.
  int64_t num_spilled_sessions() const;
  CheckpointLoad checkpoint_load() const;

  // Refuses new sessions from now on; open sessions continue.
  void RefuseSessions();
  // Refuses sessions, steps and inferences from now on; accepted work is finished.
  void StartDraining();
  // Waits at most `timeout` until all accepted work is finished. Returns whether it is.
  bool WaitUntilIdle(absl::Duration timeout);

 private:
  // The engine's parts, known to engine.cc alone.
  struct Parts;

  const std::unique_ptr<Parts> parts_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_ENGINE_H_
