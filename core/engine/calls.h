// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_CALLS_H_
#define RNNSERVE_CORE_ENGINE_CALLS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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

// What a client asks of the Engine and what it gets. Values; tensors in a call are borrowed.

struct OpenSessionCall {
  std::string model;
  std::string session_id;                 // empty: the engine chooses
  std::vector<NamedState> initial_state;  // empty: the model's
  bool detached = true;
  absl::Duration idle_timeout;             // zero: Options::max_idle_timeout
  int reply_window = 0;                    // zero: 1
  std::optional<Durability> durability{};  // none: the engine's default
};

// A session that the caller may advance: one that it opened or attached to.
struct OpenedSession {
  std::string session_id;
  uint64_t version = 0;
  uint64_t epoch = 1;
  absl::Duration idle_timeout;  // infinite for a session that is not detached
  std::string model_digest;
  Durability durability = Durability::kNone;
  uint64_t durable_version = 0;
};

// What became of a model that was to be replaced.
struct ReplacedModel {
  std::string previous_digest;
  std::string digest;             // the same: nothing was replaced
  int64_t retiring_sessions = 0;  // that stay on the previous one
};

// A model that was replaced and still has sessions.
struct RetiringModel {
  std::string digest;
  int64_t sessions = 0;
  absl::Duration time_left;  // until its sessions end; at least zero
};

struct StepCall {
  std::string session_id;
  TensorView input;                       // [time, ...input shape]
  std::optional<TensorView> mask;         // [time], BOOL
  std::vector<NamedState> initial_state;  // empty: the session's own
  bool return_state = false;
  std::optional<uint64_t> step_index;  // makes it safe to send again, see DecideStep
  std::optional<uint64_t> epoch;       // none: not compared
  Priority priority = Priority::kNormal;
  CallLimits limits;
};

struct StepResult {
  Shape output_shape;  // [time, ...] or [...]
  FloatValues output;
  uint64_t version = 0;
  uint64_t durable_version = 0;
  uint64_t epoch = 1;
  bool is_replayed = false;       // it was computed for an earlier call
  std::vector<StateValue> state;  // if asked for
};

struct StepSessionsCall {
  std::string model;
  std::vector<std::string> session_ids;  // 1 to kMaxSessions, each once
  TensorView input;                      // [sessions, time, ...input shape]
  std::optional<TensorView> mask;        // [sessions, time], BOOL
  std::vector<uint64_t> step_indices;    // of each session, or none
  std::vector<uint64_t> epochs;          // of each session, or none
  Priority priority = Priority::kNormal;
  CallLimits limits;

  static constexpr int64_t kMaxSessions = 4096;
};

struct StepSessionsResult {
  Shape output_shape;  // [sessions, time, ...] or [sessions, ...]
  // Zeros where a session failed; anything if all did.
  FloatValues output;
  std::vector<uint64_t> versions;                        // of each session; 0 where it failed
  std::vector<uint64_t> durable_versions;                // as in StepResult; 0 where it failed
  std::vector<std::pair<int64_t, absl::Status>> errors;  // by row, ascending
  std::vector<int64_t> replayed_rows;                    // ascending
};

struct SetStateCall {
  std::string session_id;
  std::vector<NamedState> state;
  std::optional<uint64_t> epoch;  // none: not compared
};

struct CloseSessionCall {
  std::string session_id;
  EndReason reason = EndReason::kClosed;
  std::optional<uint64_t> epoch;  // none: not compared
};

struct ExportedSession {
  std::string snapshot;  // SNAPSHOT.md
  uint64_t version = 0;
};

struct ImportSessionCall {
  absl::string_view snapshot;
  std::string session_id;                  // empty: as it was
  std::optional<Durability> durability{};  // none: the engine's default
};

struct ForkSessionCall {
  std::string session_id;
  std::vector<std::string> fork_ids;  // these, or
  int64_t num_forks = 0;              // so many with random ids
  bool detached = true;
  absl::Duration idle_timeout;  // as in OpenSessionCall
  int reply_window = 0;         // as in OpenSessionCall

  static constexpr int64_t kMaxForks = 1024;
};

struct ForkedSession {
  std::vector<std::string> session_ids;  // of the forks
  uint64_t version = 0;                  // of the session that was forked
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

// One input of a model in a batch call.
struct NamedInput {
  std::string name;                // may be empty if the model has one input
  TensorView tensor;               // [batch, time, ...input shape], or [batch, ...] without time
  std::optional<TensorView> mask;  // [batch, time], BOOL
};

struct InferCall {
  std::string model;
  std::vector<NamedInput> inputs;
  std::vector<NamedState> initial_state;  // each [batch, ...]; empty: the model's
  bool return_state = false;
  // Computes with Keras' training=True, that is with dropout. The seed of row i is
  // RandomBits(seed, i) of core/kernels/random.h: the same call gives the same bits again, and
  // equal rows of one call differ.
  std::optional<uint64_t> training_seed;
  Priority priority = Priority::kNormal;
  CallLimits limits;
};

struct NamedOutput {
  std::string name;
  Shape shape;  // [batch, time, ...] or [batch, ...]
  std::vector<float> values;
};

struct InferResult {
  std::vector<NamedOutput> outputs;  // in the order of the model
  std::vector<StateValue> state;     // if asked for, each [batch, ...]
  std::optional<uint64_t> training_seed;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_CALLS_H_
