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
#include "core/base/cancellation.h"
#include "core/base/clock.h"
#include "core/base/tensor_view.h"
#include "core/engine/engine_options.h"
#include "core/engine/observer.h"
#include "core/model/model.h"
#include "core/session/session_state.h"
#include "core/session/session_store.h"

namespace rnnserve {

// When a call stops being worth the work. Work that has not begun by then is dropped, with
// DEADLINE_EXCEEDED or CANCELLED and no effect; work that has begun is finished.
struct CallLimits {
  absl::Time deadline = absl::InfiniteFuture();  // on the engine's clock
  std::shared_ptr<Cancellation> cancellation;    // null: cannot be cancelled
};

struct OpenSessionCall {
  std::string model;
  std::string session_id;                 // empty: the engine chooses
  std::vector<NamedState> initial_state;  // empty: the model's
  bool detached = true;
  absl::Duration idle_timeout;            // zero: Options::max_idle_timeout
};

struct OpenedSession {
  std::string session_id;
  uint64_t version = 0;
  uint64_t epoch = 1;
  absl::Duration idle_timeout;  // infinite for a session that is not detached
  std::string model_digest;
};

struct StepCall {
  std::string session_id;
  TensorView input;                       // [time, ...input shape]
  std::optional<TensorView> mask;         // [time], BOOL
  std::vector<NamedState> initial_state;  // empty: the session's own
  bool return_state = false;
  CallLimits limits;
};

struct StepResult {
  Shape output_shape;  // [time, ...] or [...]
  std::vector<float> output;
  uint64_t version = 0;
  uint64_t epoch = 1;
  std::vector<StateValue> state;  // if asked for
};

struct ResetStateCall {
  std::vector<std::string> session_ids;  // these, or
  std::string model;                     // all sessions of this model
  std::vector<NamedState> state;         // empty: the model's initial state
};

struct SessionStateResult {
  std::vector<StateValue> state;
  uint64_t version = 0;
  uint64_t epoch = 1;
};

struct InferCall {
  std::string model;
  TensorView input;                       // [batch, time, ...input shape]
  std::optional<TensorView> mask;         // [batch, time], BOOL
  std::vector<NamedState> initial_state;  // each [batch, ...]; empty: the model's
  bool return_state = false;
  CallLimits limits;
};

struct InferResult {
  Shape output_shape;  // [batch, time, ...] or [batch, ...]
  std::vector<float> output;
  std::vector<StateValue> state;  // if asked for, each [batch, ...]
};

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

// Runs models for clients: holds the models and the sessions, and computes steps in batches. All that
// a server needs of rnnserve's core.
//
// Calls with a callback return at once. The callback runs exactly once, on the calling thread or on a
// worker, never under a lock; it must not block. The bytes that a call's tensors point to must stay
// until then. Calls on one session take effect in the order in which they were made.
//
// Every call may fail with NOT_FOUND (MODEL_NOT_FOUND, SESSION_UNKNOWN, SESSION_CLOSED, ...),
// INVALID_ARGUMENT (the reason and the text name the field and both numbers), RESOURCE_EXHAUSTED
// (SESSION_LIMIT, STATE_BYTES_LIMIT, SESSION_QUEUE_LIMIT, QUEUE_LIMIT) and, once it drains, with
// UNAVAILABLE (DRAINING). After any failure the states are as before the call.
//
// Thread-safe. The clock and the observer must outlive it.
class Engine {
 public:
  using OpenCallback = absl::AnyInvocable<void(absl::StatusOr<OpenedSession>)>;
  using StepCallback = absl::AnyInvocable<void(absl::StatusOr<StepResult>)>;
  // The number of sessions that were reset.
  using ResetCallback = absl::AnyInvocable<void(absl::StatusOr<int64_t>)>;
  using StateCallback = absl::AnyInvocable<void(absl::StatusOr<SessionStateResult>)>;
  // The version of the session.
  using VersionCallback = absl::AnyInvocable<void(absl::StatusOr<uint64_t>)>;
  using InferCallback = absl::AnyInvocable<void(absl::StatusOr<InferResult>)>;

  Engine(const Clock& clock, EngineObserver& observer, EngineOptions options);
  // Drains, then waits until nothing runs.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Makes a model available. ALREADY_EXISTS (MODEL_EXISTS) if the name is taken; INVALID_ARGUMENT
  // (MODEL_NAME) unless it is 1 to 128 of [A-Za-z0-9._-].
  absl::Status AddModel(const std::string& name, std::shared_ptr<const Model> model);
  // In the order of their names.
  std::vector<NamedModel> models() const;
  absl::StatusOr<std::shared_ptr<const Model>> FindModel(absl::string_view name) const;
  ModelLoad load(absl::string_view model_name) const;

  // Also ALREADY_EXISTS (SESSION_EXISTS); FAILED_PRECONDITION (NOT_STREAMABLE), naming the layer.
  absl::StatusOr<OpenedSession> OpenSession(const OpenSessionCall& call);
  // Also DEADLINE_EXCEEDED or CANCELLED, not executed; FAILED_PRECONDITION (STATE_NONFINITE).
  void Step(StepCall call, StepCallback callback);
  void ResetState(ResetStateCall call, ResetCallback callback);
  void GetState(absl::string_view session_id, StateCallback callback);
  void SetState(absl::string_view session_id, std::vector<NamedState> state,
                VersionCallback callback);
  void CloseSession(absl::string_view session_id, EndReason reason, VersionCallback callback);
  // See SessionStore::List. NOT_FOUND if `model_name` is given and unknown.
  absl::StatusOr<std::vector<SessionStore::Summary>> ListSessions(absl::string_view model_name,
                                                                  absl::string_view after,
                                                                  int64_t limit) const;
  // Also DEADLINE_EXCEEDED or CANCELLED, not executed; FAILED_PRECONDITION (STATE_NONFINITE).
  void Infer(InferCall call, InferCallback callback);

  // Ends the sessions whose idle timeout has passed. To be called now and then.
  void ExpireIdleSessions();

  // From now on sessions, steps and inferences are refused; what was accepted is finished.
  void StartDraining();
  // Whether everything accepted is finished; waits for it at most `timeout`.
  bool WaitUntilIdle(absl::Duration timeout);

 private:
  class HostedModel;
  // (the rest is the implementer's)
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_ENGINE_H_
