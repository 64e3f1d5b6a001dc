// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/batching/batch_worker.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/batching/finite.h"

// A worker has no lock of its own: one thread at a time uses it, and everything in it, including
// the leases that its tasks hold, belongs to that thread. It meets other threads in three places.
// The queue synchronises itself. The worker waits nowhere else, and only when it has no rows, so a
// waiting worker holds no lease and no step waits for it. StepRate and the team's busy count are
// atomics. Completions and the observer run on this thread, between rounds. The worker holds no
// lock then, so a completion may submit further tasks. A thread that runs inline does hold
// BatchScheduler::inline_mu_ at that point; see batch_scheduler.cc.

namespace rnnserve {

BatchWorker::BatchWorker(const Clock& clock, const Model& model, StepObserver& observer,
                         BoundedQueue<StepTask>& queue, StepRate& rate, const Options& options)
    : clock_(clock),
      model_(model),
      observer_(observer),
      queue_(queue),
      rate_(rate),
      options_(options),
      workspace_(model, options.batching.max_batch_rows,
                 options.max_round > absl::ZeroDuration() ? BatchWorkspace::kTimestepsAtOnce : 1,
                 options.leads_team ? options.team : nullptr) {
  const auto max_rows = static_cast<size_t>(options.batching.max_batch_rows);
  rows_.reserve(max_rows);
  taken_.reserve(max_rows);
  finished_.reserve(max_rows);
  committed_.reserve(max_rows);
}

void BatchWorker::Run() {
  while (WaitForFirst()) {
    if (is_beside_team()) options_.team->AddBusy(1);
    do {
      ComputeRound();
      // A worker without rows goes back to WaitForFirst, which may wait for the batch delay. A
      // worker beside a team has no such delay, so it takes its next batch here and stays busy.
      if (rows() > 0 || is_beside_team()) TakeMore();
    } while (rows() > 0 || !taken_.empty());
    if (is_beside_team()) options_.team->AddBusy(-1);
  }
}

int64_t BatchWorker::RunOnce() {
  TakeMore();
  return ComputeRound();
}

bool BatchWorker::WaitForFirst() {
  if (is_beside_team()) return queue_.WaitAndTakeAll(options_.batching.max_batch_rows, taken_);
  return queue_.WaitAndTake(options_.batching.max_batch_rows, taken_,
                            options_.batching.max_batch_delay);
}

void BatchWorker::TakeMore() {
  const int64_t num_free = options_.batching.max_batch_rows - rows();
  if (is_beside_team()) {
    queue_.TakeAll(num_free, taken_);
  } else {
    queue_.Take(num_free, taken_);
  }
}

void BatchWorker::PutBackAll() {
  while (rows() > 0) Suspend(rows() - 1);
}

int64_t BatchWorker::ComputeRound() {
  if (!is_busy_) round_begin_ = clock_.Now();
  // Take more tasks to replace dropped ones, so that the remaining work fills the batch.
  while (!taken_.empty()) {
    JoinTaken();
    if (rows() < options_.batching.max_batch_rows) TakeMore();
  }
  const int64_t num_rows = rows();
  const int64_t num_timesteps = num_rows > 0 ? TimestepsOfRound() : 0;
  if (num_rows > 0) RunCellSteps(num_timesteps);
  CompleteFinished();
  if (rows() == options_.batching.max_batch_rows) GiveTurns();
  const absl::Time end = clock_.Now();
  if (num_rows > 0) {
    const int num_cores = options_.leads_team ? options_.team->size() : 1;
    rate_.OnRound(num_rows * num_timesteps, num_cores * (end - std::exchange(round_begin_, end)),
                  end);
  }
  is_busy_ = num_rows > 0 && (rows() > 0 || queue_.load().rows > 0);
  return num_rows;
}

void BatchWorker::JoinTaken() {
  const absl::Time now = clock_.Now();
  for (std::unique_ptr<StepTask>& task : taken_) {
    absl::Status status;
    // A task that has begun is finished, whatever its limits say by now.
    if (task->next_timestep == 0) {
      status = CheckStillWanted(task->limits, now,
                                task->num_timesteps * rate_.cell_step(rows() + 1, now));
    }
    if (status.ok()) {
      Join(std::move(task), now);
    } else {
      Complete(std::move(task), std::move(status));
    }
  }
  taken_.clear();
}

void BatchWorker::Join(std::unique_ptr<StepTask> task, absl::Time now) {
  if (task->next_timestep == 0) {
    task->began = now;
    if (task->output.empty()) {
      // Allocated only now, so that waiting steps hold no memory for their results.
      task->own_output.resize(static_cast<size_t>(model_.StepOutputFloats(task->num_timesteps)));
      task->output = absl::MakeSpan(task->own_output);
    }
  }
  workspace_.Join(task->start.has_value() ? task->start->block() : task->state().block());
  rows_.push_back({std::move(task), 0, true});
}

int64_t BatchWorker::TimestepsOfRound() const {
  // While every column is taken, a task may be waiting for one, so keep the round short.
  if (rows() == options_.batching.max_batch_rows) return 1;
  int64_t count = workspace_.max_timesteps();
  for (const Row& row : rows_) {
    count = std::min(count, row.task->num_timesteps - row.task->next_timestep);
  }
  const absl::Duration cell_step = rate_.last_cell_step(rows());
  // Before the first cell step its duration is unknown.
  if (count == 1 || cell_step == absl::ZeroDuration()) return 1;
  return std::clamp(options_.max_round / cell_step, int64_t{1}, count);
}

void BatchWorker::RunCellSteps(int64_t num_timesteps) {
  bool is_any_done = false;
  workspace_.SetTimesteps(num_timesteps);
  for (int64_t i = 0; i < rows(); ++i) {
    const StepTask& task = *rows_[static_cast<size_t>(i)].task;
    workspace_.SetInputs(i, task.inputs, task.next_timestep);
    is_any_done = is_any_done || task.next_timestep + num_timesteps == task.num_timesteps;
  }
  const absl::Time begin = clock_.Now();
  workspace_.Step(/*with_output=*/is_any_done);
  const absl::Time end = clock_.Now();
  const absl::Duration cell_step = (end - begin) / num_timesteps;
  for (int64_t i = 0; i < num_timesteps; ++i) observer_.OnCellStep(rows(), cell_step);
  rate_.OnCellStep(rows(), cell_step, end);

  for (int64_t i = 0; i < rows(); ++i) Advance(i, num_timesteps);
  // Goes backwards, so that the row that moves into a gap has been visited already.
  for (int64_t i = rows() - 1; i >= 0; --i) {
    const Row& row = rows_[static_cast<size_t>(i)];
    if (row.is_done() || !row.is_finite) Finish(i, end);
  }
}

void BatchWorker::Advance(int64_t i, int64_t num_timesteps) {
  Row& row = rows_[static_cast<size_t>(i)];
  row.timesteps_here += num_timesteps;
  for (int64_t k = 0; k < num_timesteps && row.is_finite; ++k) {
    row.is_finite = CopyOutputs(i, k);
    ++row.task->next_timestep;
  }
  if (!row.is_done()) return;
  row.is_finite = row.is_finite && CopyOutputs(i, std::nullopt) && workspace_.has_finite_state(i);
}

bool BatchWorker::CopyOutputs(int64_t row, std::optional<int64_t> i) {
  const StepTask& task = *rows_[static_cast<size_t>(row)].task;
  float* to = task.output.data();
  bool is_finite = true;
  for (size_t k = 0; k < model_.outputs().size(); ++k) {
    const Model::Output& output = model_.outputs()[k];
    const bool has_time = output.spec.has_time;
    if (has_time == i.has_value()) {
      const absl::Span<const float> values = workspace_.output(row, k, i.value_or(0));
      std::copy(values.begin(), values.end(),
                to + (has_time ? task.next_timestep : 0) * output.size);
      is_finite = is_finite && AllFinite(values);
    }
    to += (has_time ? task.num_timesteps : 1) * output.size;
  }
  return is_finite;
}

void BatchWorker::Finish(int64_t i, absl::Time now) {
  std::unique_ptr<StepTask>& task = rows_[static_cast<size_t>(i)].task;
  absl::Status status;
  if (rows_[static_cast<size_t>(i)].is_finite) {
    workspace_.CopyState(i, task->state().block());
    if (auto* lease = std::get_if<SessionLease>(&task->row)) lease->CommitStep();
    committed_.push_back({task->num_timesteps, task->began - task->submitted, now - task->began});
  } else {
    status = FailedPrecondition(
        "STATE_NONFINITE",
        absl::StrCat("timestep ", task->next_timestep - 1, " of ", task->num_timesteps,
                     " makes a state or output that is not finite; none of "
                     "them was committed"));
  }
  finished_.push_back({std::move(task), std::move(status)});
  RemoveRow(i);
}

void BatchWorker::CompleteFinished() {
  if (!committed_.empty()) observer_.OnSteps(committed_);
  committed_.clear();
  // The rows were finished from the last to the first, so going backwards here restores the order
  // of the batch. Tasks join the batch in the order in which the queue returns them.
  for (auto it = finished_.rbegin(); it != finished_.rend(); ++it) {
    Complete(std::move(it->task), std::move(it->status));
  }
  finished_.clear();
}

void BatchWorker::GiveTurns() {
  const auto least_turn = [](const Row& a, const Row& b) {
    return a.timesteps_here < b.timesteps_here;
  };
  const auto has_had_turn = [this](const Row& row) {
    return row.timesteps_here >= options_.batching.slice_timesteps;
  };
  if (std::none_of(rows_.begin(), rows_.end(), has_had_turn)) return;
  // Counted before any row is put back below. For each row that leaves, one waiting task takes its
  // column.
  const auto waiting = queue_.waiting();
  for (int64_t given = 0; given < waiting.front(); ++given) {
    const auto longest = std::max_element(rows_.begin(), rows_.end(), least_turn);
    if (longest == rows_.end() || !has_had_turn(*longest)) return;
    if (given >= waiting[static_cast<size_t>(longest->task->priority)]) return;
    Suspend(longest - rows_.begin());
  }
}

void BatchWorker::Suspend(int64_t i) {
  std::unique_ptr<StepTask> task = std::move(rows_[static_cast<size_t>(i)].task);
  if (!task->start.has_value()) task->start.emplace(model_);
  workspace_.CopyState(i, task->start->block());
  RemoveRow(i);
  const QueueLoad load = LoadOf(*task, model_);
  const Priority priority = task->priority;
  queue_.PutBack(std::move(task), load, priority);
}

void BatchWorker::RemoveRow(int64_t i) {
  workspace_.Leave(i);
  if (i != workspace_.rows()) rows_[static_cast<size_t>(i)] = std::move(rows_.back());
  rows_.pop_back();
}

}  // namespace rnnserve
