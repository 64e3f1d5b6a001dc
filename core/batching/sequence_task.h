// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_SEQUENCE_TASK_H_
#define RNNSERVE_CORE_BATCHING_SEQUENCE_TASK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/tensor_view.h"
#include "core/batching/call_limits.h"
#include "core/batching/priority.h"
#include "core/batching/queue_load.h"
#include "core/session/session_state.h"

namespace rnnserve {

// A batch of whole sequences to compute. Used for runs with Keras' training=True, and for models
// that are not streamable, for example because a layer needs the end of the sequence first.
//
// Its tensors borrow their bytes, which must stay valid until the completion runs. Used by one
// thread at a time: the submitting thread, then a worker.
struct SequenceTask {
  // Runs exactly once and gets the task back: on a worker, or on the thread whose task displaced
  // it. Errors: FAILED_PRECONDITION (STATE_NONFINITE), naming the row; DEADLINE_EXCEEDED or
  // CANCELLED (NOT_EXECUTED); RESOURCE_EXHAUSTED (QUEUE_DISPLACED).
  using Completion =
      absl::AnyInvocable<void(std::unique_ptr<SequenceTask> task, absl::Status status)>;

  struct Input {
    TensorView tensor;               // [batch, time, ...], or [batch, ...] without a time axis
    int64_t time = 1;                // its timesteps; 1 without a time axis
    std::optional<TensorView> mask;  // [batch, time], BOOL
  };

  int64_t num_rows() const { return inputs.front().tensor.shape[0]; }
  std::vector<int64_t> times() const {
    std::vector<int64_t> times;
    for (const Input& input : inputs) times.push_back(input.time);
    return times;
  }

  std::vector<Input> inputs;         // one per input of the model, valid for it, no extent 0
  std::vector<SessionState> states;  // one per row: the initial state, then the final one
  std::vector<uint64_t> row_seeds;   // with training=True one per row (see Workspace), else none
  Priority priority = Priority::kNormal;
  CallLimits limits;
  Completion completion;

  // Filled in by the scheduler, then by the worker.
  absl::Time submitted;
  std::vector<std::vector<float>> outputs;  // each [batch, time, size], or [batch, size]
};

// Runs the completion, which owns the task from then on.
void Complete(std::unique_ptr<SequenceTask> task, absl::Status status);

// Returns the task's load on a queue, without its outputs, whose size depends on the layers.
QueueLoad LoadOf(const SequenceTask& task);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_SEQUENCE_TASK_H_
