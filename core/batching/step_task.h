// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_STEP_TASK_H_
#define RNNSERVE_CORE_BATCHING_STEP_TASK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/base/float_values.h"
#include "core/batching/call_limits.h"
#include "core/batching/priority.h"
#include "core/batching/queue_load.h"
#include "core/batching/step_input.h"
#include "core/model/model.h"
#include "core/session/session_lease.h"
#include "core/session/session_state.h"
#include "core/session/state_view.h"

namespace rnnserve {

// The next timesteps of one row. The row is a session, whose lease the task holds, or a row of
// Infer, which has a state of its own. The timesteps of a task are committed all together or not at
// all.
//
// Its tensors borrow their bytes, which must stay valid until the completion runs. Used by one
// thread at a time: the submitting thread, then a worker.
struct StepTask {
  // Runs exactly once and gets the task back: on a worker, on a thread that runs inline, or on the
  // thread whose tasks displaced it. OK: the state is committed and the output is complete.
  // Otherwise the state is unchanged: FAILED_PRECONDITION (STATE_NONFINITE), DEADLINE_EXCEEDED or
  // CANCELLED (NOT_EXECUTED), RESOURCE_EXHAUSTED (QUEUE_DISPLACED).
  using Completion = absl::AnyInvocable<void(std::unique_ptr<StepTask> task, absl::Status status)>;

  StepTask(std::variant<SessionLease, SessionState> row_to_advance, StepInputs step_inputs,
           int64_t timesteps, Completion when_done)
      : row(std::move(row_to_advance)),
        inputs(std::move(step_inputs)),
        num_timesteps(timesteps),
        completion(std::move(when_done)) {}

  StateView state() {
    SessionLease* lease = std::get_if<SessionLease>(&row);
    return lease != nullptr ? lease->state() : std::get<SessionState>(row).view();
  }

  std::variant<SessionLease, SessionState> row;
  StepInputs inputs;                  // one per input of the model, valid for it
  int64_t num_timesteps;              // of every input with a time axis; >= 1
  std::optional<SessionState> start;  // the state to begin at; none: the row's own
  // Where the outputs go, one after another in the order of the model, each [time, output size], or
  // [output size] without a time axis: Model::StepOutputFloats floats. Unspecified after a failure.
  // Empty: they go to own_output.
  absl::Span<float> output;
  Priority priority = Priority::kNormal;
  CallLimits limits;
  Completion completion;

  // Filled in by the scheduler, then by the worker.
  absl::Time submitted;
  // The next timestep to compute. If it is above 0, the task has begun. A task that has begun and
  // is back in the queue has used up its slice, and `start` is the state to continue from.
  int64_t next_timestep = 0;
  absl::Time began;        // when the first timestep began
  FloatValues own_output;  // the memory of `output`, unless the submitter provides it
};

// Runs the completion, which owns the task from then on.
void Complete(std::unique_ptr<StepTask> task, absl::Status status);

// Returns the task's load on a queue of this model.
QueueLoad LoadOf(const StepTask& task, const Model& model);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_STEP_TASK_H_
