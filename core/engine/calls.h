// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_CALLS_H_
#define RNNSERVE_CORE_ENGINE_CALLS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/float_values.h"
#include "core/base/shape.h"
#include "core/base/tensor_view.h"
#include "core/batching/call_limits.h"
#include "core/batching/priority.h"
#include "core/session/durability.h"
#include "core/session/end_reason.h"
#include "core/session/session_state.h"

namespace rnnserve {

// The calls of the Engine and their results. All are values; the tensors in a call borrow their
// bytes.

// One input of the model in a call.
struct NamedInput {
  std::string name;  // may be empty if the model has one input
  TensorView tensor;
  std::optional<TensorView> mask;  // BOOL; only for an input with a time axis
};

// The inputs of a call: all of the model's, in any order. Most models have one, which takes no
// allocation.
using NamedInputs = absl::InlinedVector<NamedInput, 1>;

// Opens a session.
struct OpenSessionCall {
  std::string model;
  std::string session_id;                 // empty: the engine chooses
  std::vector<NamedState> initial_state;  // empty: the model's
  bool detached = true;
  absl::Duration idle_timeout;             // zero: EngineOptions::max_idle_timeout
  int reply_window = 0;                    // zero: 1
  std::optional<Durability> durability{};  // none: DurabilityConfig::default_durability
};

// A session that the caller may advance, because it opened it or attached to it.
struct OpenedSession {
  std::string session_id;
  uint64_t version = 0;
  uint64_t epoch = 1;
  absl::Duration idle_timeout;  // infinite for a session that is not detached
  std::string model_digest;
  Durability durability = Durability::kNone;
  uint64_t durable_version = 0;
};

// The result of replacing a model.
struct ReplacedModel {
  std::string previous_digest;
  std::string digest;             // equal to previous_digest: nothing was replaced
  int64_t retiring_sessions = 0;  // sessions that stay on the previous model
};

// A replaced model that still has sessions.
struct RetiringModel {
  std::string digest;
  int64_t sessions = 0;
  absl::Duration time_left;  // until its sessions are ended; >= 0
};

// Advances one session by one or more timesteps.
struct StepCall {
  std::string session_id;
  // Each [time, ...input shape] with the same `time`, or [...input shape] without a time axis; the
  // masks are [time].
  NamedInputs inputs;
  std::vector<NamedState> initial_state;  // empty: the session's own
  bool return_state = false;
  std::optional<uint64_t> step_index;  // makes the step idempotent, see DecideStep
  std::optional<uint64_t> epoch;       // none: not compared
  Priority priority = Priority::kNormal;
  CallLimits limits;
};

// One output of a step.
struct StepOutput {
  std::string name;  // empty if the model has only one output
  Shape shape;
  FloatValues values;
};

// All outputs of a step, in the order of the model. One takes no allocation except its values.
using StepOutputs = absl::InlinedVector<StepOutput, 1>;

struct StepResult {
  StepOutputs outputs;  // each [time, ...], or [...] without a time axis
  uint64_t version = 0;
  uint64_t durable_version = 0;
  uint64_t epoch = 1;
  bool is_replayed = false;       // the reply to an earlier call of the same step
  std::vector<StateValue> state;  // if the call asked for it
};

// Advances many sessions of one model by the same number of timesteps.
struct StepSessionsCall {
  std::string model;
  std::vector<std::string> session_ids;  // 1 to kMaxSessions, all different
  // As in StepCall, each with the axis `sessions` in front.
  NamedInputs inputs;
  std::vector<uint64_t> step_indices;  // one per session, or none at all
  std::vector<uint64_t> epochs;        // one per session, or none at all
  Priority priority = Priority::kNormal;
  CallLimits limits;

  static constexpr int64_t kMaxSessions = 4096;
};

struct StepSessionsResult {
  // Each [sessions, time, ...], or [sessions, ...] without a time axis. Zeros in the row of a
  // session that failed; no outputs if all failed.
  StepOutputs outputs;
  std::vector<uint64_t> versions;                        // one per session; 0 if it failed
  std::vector<uint64_t> durable_versions;                // as in StepResult; 0 if it failed
  std::vector<std::pair<int64_t, absl::Status>> errors;  // (row, error), ascending
  std::vector<int64_t> replayed_rows;                    // rows with a replayed reply, ascending
};

// Replaces the state of a session; its version stays.
struct SetStateCall {
  std::string session_id;
  std::vector<NamedState> state;
  std::optional<uint64_t> epoch;  // none: not compared
};

// Ends a session.
struct CloseSessionCall {
  std::string session_id;
  EndReason reason = EndReason::kClosed;
  std::optional<uint64_t> epoch;  // none: not compared
};

// A session as bytes.
struct ExportedSession {
  std::string snapshot;  // in the format of core/snapshot/SNAPSHOT.md
  uint64_t version = 0;
};

// Opens a session from its exported bytes.
struct ImportSessionCall {
  absl::string_view snapshot;              // borrowed
  std::string session_id;                  // empty: the id that it was exported with
  std::optional<Durability> durability{};  // none: DurabilityConfig::default_durability
};

// Copies a session into new sessions.
struct ForkSessionCall {
  std::string session_id;
  // Give one of the two: the ids of the forks, or their number, in which case their ids are random.
  std::vector<std::string> fork_ids;
  int64_t num_forks = 0;
  bool detached = true;
  absl::Duration idle_timeout;  // as in OpenSessionCall
  int reply_window = 0;         // as in OpenSessionCall

  static constexpr int64_t kMaxForks = 1024;
};

// The result of a fork.
struct ForkedSession {
  std::vector<std::string> session_ids;  // of the forks
  uint64_t version = 0;                  // of the forked session
};

// Sets sessions back to their initial state or to a given one.
struct ResetStateCall {
  // Give one of the two: the ids of the sessions, or the model whose sessions are all reset.
  std::vector<std::string> session_ids;
  std::string model;
  std::vector<NamedState> state;  // empty: the model's initial state
};

// The state of a session.
struct SessionStateResult {
  std::vector<StateValue> state;
  uint64_t version = 0;
  uint64_t epoch = 1;
};

// Computes a batch without a session.
struct InferCall {
  std::string model;
  // Each [batch, time, ...input shape], or [batch, ...input shape] without a time axis; the masks
  // are [batch, time].
  NamedInputs inputs;
  std::vector<NamedState> initial_state;  // each [batch, ...]; empty: the model's
  bool return_state = false;
  // Computes with Keras' training=True, that is, with dropout. The seed of row i is
  // RandomBits(training_seed, i) of core/kernels/random.h. The same call gives the same bits again,
  // while equal rows of one call differ.
  std::optional<uint64_t> training_seed;
  Priority priority = Priority::kNormal;
  CallLimits limits;
};

// One output of the model.
struct NamedOutput {
  std::string name;
  Shape shape;  // [batch, time, ...] or [batch, ...]
  std::vector<float> values;
};

struct InferResult {
  std::vector<NamedOutput> outputs;  // in the order of the model
  std::vector<StateValue> state;     // each [batch, ...], if the call asked for it
  std::optional<uint64_t> training_seed;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_CALLS_H_
