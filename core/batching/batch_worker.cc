// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/batching/batch_worker.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/batching/finite.h"

namespace rnnserve {
namespace {

// The completion owns the task from here on: it decides when the session is returned.
void Complete(std::unique_ptr<StepTask> task, absl::Status status) {
  StepTask::Completion completion = std::move(task->completion);
  completion(std::move(task), std::move(status));
}

}  // namespace

BatchWorker::BatchWorker(const Clock& clock, const Model& model, StepObserver& observer,
                         BoundedQueue<StepTask>& queue, int64_t max_rows)
    : clock_(clock),
      model_(model),
      observer_(observer),
      queue_(queue),
      returns_sequences_(model.outputs().front().spec.has_time),
      workspace_(model, max_rows) {
  rows_.reserve(static_cast<size_t>(max_rows));
  taken_.reserve(static_cast<size_t>(max_rows));
  finished_.reserve(static_cast<size_t>(max_rows));
}

void BatchWorker::Run() {
  while (true) {
    if (rows() > 0) {
      queue_.Take(workspace_.max_rows() - rows(), taken_);
    } else if (!queue_.WaitAndTake(workspace_.max_rows(), taken_)) {
      return;
    }
    ComputeRound();
  }
}

int64_t BatchWorker::RunOnce() {
  queue_.Take(workspace_.max_rows() - rows(), taken_);
  return ComputeRound();
}

int64_t BatchWorker::ComputeRound() {
  JoinTaken();
  const int64_t num_rows = rows();
  if (num_rows > 0) RunCellStep();
  CompleteFinished();
  return num_rows;
}

void BatchWorker::JoinTaken() {
  const absl::Time now = clock_.Now();
  for (std::unique_ptr<StepTask>& task : taken_) {
    absl::Status status = CheckStillWanted(task->limits, now);
    if (status.ok()) {
      Join(std::move(task), now);
    } else {
      Complete(std::move(task), std::move(status));
    }
  }
  taken_.clear();
}

void BatchWorker::Join(std::unique_ptr<StepTask> task, absl::Time now) {
  // Only now, so that steps that wait hold no memory for their results.
  const int64_t num_outputs = returns_sequences_ ? task->num_timesteps() : 1;
  task->output.resize(static_cast<size_t>(num_outputs * model_.outputs().front().size));
  workspace_.Join(task->start.has_value() ? task->start->block() : task->state().block());
  rows_.push_back({std::move(task), 0, now, true});
}

void BatchWorker::RunCellStep() {
  bool with_output = returns_sequences_;
  for (int64_t i = 0; i < rows(); ++i) {
    const Row& row = rows_[static_cast<size_t>(i)];
    const StepTask& task = *row.task;
    const TensorView* mask = task.mask.has_value() ? &*task.mask : nullptr;
    workspace_.SetTimestep(i, task.input, mask, row.next_timestep);
    with_output = with_output || row.next_timestep + 1 == task.num_timesteps();
  }
  const absl::Time begin = clock_.Now();
  workspace_.Step(with_output);
  const absl::Time end = clock_.Now();
  observer_.OnCellStep(rows(), end - begin);

  for (int64_t i = 0; i < rows(); ++i) Advance(i);
  // From the back, so that the row that moves into a gap has been looked at already.
  for (int64_t i = rows() - 1; i >= 0; --i) {
    const Row& row = rows_[static_cast<size_t>(i)];
    if (row.is_done() || !row.is_finite) Finish(i, end);
  }
}

void BatchWorker::Advance(int64_t i) {
  Row& row = rows_[static_cast<size_t>(i)];
  const int64_t t = row.next_timestep++;
  row.is_finite = workspace_.has_finite_state(i);
  if (!returns_sequences_ && !row.is_done()) return;
  const absl::Span<const float> output = workspace_.output(i);
  row.is_finite = row.is_finite && AllFinite(output);
  const int64_t index = returns_sequences_ ? t : 0;
  std::copy(output.begin(), output.end(),
            row.task->output.begin() + index * model_.outputs().front().size);
}

void BatchWorker::Finish(int64_t i, absl::Time now) {
  Row& row = rows_[static_cast<size_t>(i)];
  absl::Status status;
  if (row.is_finite) {
    workspace_.CopyState(i, row.task->state().block());
    if (auto* lease = std::get_if<SessionLease>(&row.task->row)) lease->CommitStep();
    observer_.OnStep(row.task->num_timesteps(), row.began - row.task->submitted, now - row.began);
  } else {
    status = FailedPrecondition(
        "STATE_NONFINITE",
        absl::StrCat("timestep ", row.next_timestep - 1, " of ", row.task->num_timesteps(),
                     " makes a state or output that is not finite; none of "
                     "them was committed"));
  }
  finished_.push_back({std::move(row.task), std::move(status)});
  workspace_.Leave(i);
  if (i != workspace_.rows()) row = std::move(rows_.back());
  rows_.pop_back();
}

void BatchWorker::CompleteFinished() {
  // In the order in which they stood in the batch, which was filled in the order of arrival.
  for (auto it = finished_.rbegin(); it != finished_.rend(); ++it) {
    Complete(std::move(it->task), std::move(it->status));
  }
  finished_.clear();
}

}  // namespace rnnserve
