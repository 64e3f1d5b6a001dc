// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/batching/batch_scheduler.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"

namespace rnnserve {
namespace {

// How many times the work that waits has to fit before a deadline. With 1 every step of an overload
// that lasts would be answered at the very edge of its deadline, on which the network, and a wait
// that turns out somewhat longer, make it late: all are computed, and none in time. With 2 one in
// fifty is, at twice what a machine can do, with 3 none.
constexpr int kWaitMargin = 3;

BatchWorker::Options AttendedOptions(const BatchScheduler::Options& options) {
  BatchWorker::Options attended;
  attended.max_rows = std::min(options.max_batch_rows, BatchScheduler::kAttendedRows);
  attended.slice_timesteps = options.slice_timesteps;
  return attended;
}

}  // namespace

BatchScheduler::BatchScheduler(const Clock& clock, std::shared_ptr<const Model> model,
                               StepObserver& observer, QueueBudget& total, const Options& options)
    : clock_(clock),
      model_(std::move(model)),
      observer_(observer),
      options_(options),
      queue_(options.queue, total),
      attended_(clock, *model_, observer, queue_, rate_, AttendedOptions(options)) {
  if (options_.has_team) team_.emplace(options_.num_workers);
  for (int i = 0; i < options_.num_workers; ++i) workers_.emplace_back([this, i] { RunWorker(i); });
}

BatchScheduler::~BatchScheduler() {
  queue_.Close();
  for (std::thread& worker : workers_) worker.join();
  queue_.WaitUntilUnattended();
}

absl::Status BatchScheduler::Submit(absl::Span<std::unique_ptr<StepTask>> tasks) {
  if (tasks.empty()) return absl::OkStatus();
  const absl::Time now = clock_.Now();
  RNNSERVE_RETURN_IF_ERROR(CheckDeadline(*tasks.front(), now));
  for (const std::unique_ptr<StepTask>& task : tasks) task->submitted = now;
  const Priority priority = tasks.front()->priority;
  BoundedQueue<StepTask>::Tasks displaced;
  // When more will come until a worker is awake, a batch of them costs less than each by itself.
  const bool is_quiet = gap_.OnArrival(now) >= kAttendance;
  StepBurst* const burst = StepBurst::current();
  const bool may_attend = is_quiet && burst != nullptr && !burst->has(*this) &&
                          MayBeAttended(*tasks.front(), tasks.size());
  bool attends = false;
  absl::Status status = queue_.Push(tasks, LoadOf(*tasks.front(), *model_), priority, displaced,
                                    may_attend ? &attends : nullptr);
  if (attends) burst->Add(*this);
  for (std::unique_ptr<StepTask>& task : displaced) {
    Complete(std::move(task), DisplacedError(options_.queue));
  }
  return status;
}

absl::Status BatchScheduler::CheckDeadline(const StepTask& task, absl::Time now) const {
  if (task.limits.deadline == absl::InfiniteFuture()) return absl::OkStatus();
  const QueueLoad load = queue_.load();
  const absl::Duration wait = load.timesteps * rate_.row_timestep() / options_.num_workers;
  const int64_t rows = std::min(load.rows + 1, options_.max_batch_rows);
  const absl::Duration left = task.limits.deadline - now;
  // What is late already is told so by the worker.
  if (kWaitMargin * wait + task.num_timesteps() * rate_.cell_step(rows, now) <= left ||
      left <= absl::ZeroDuration()) {
    return absl::OkStatus();
  }
  return ResourceExhausted(
      "DEADLINE_UNREACHABLE",
      absl::StrCat("about ", absl::FormatDuration(wait), " of work waits before the ",
                   task.num_timesteps(), " timesteps, and the deadline is in ",
                   absl::FormatDuration(left)),
      std::max(wait, options_.queue.retry_delay));
}

bool BatchScheduler::MayBeAttended(const StepTask& task, size_t count) const {
  const absl::Duration cell_step = rate_.last_cell_step(static_cast<int64_t>(count));
  return !options_.has_team && options_.max_batch_delay == absl::ZeroDuration() &&
         static_cast<int64_t>(count) <= kAttendedRows &&
         // Before the first cell step nothing is known.
         cell_step > absl::ZeroDuration() && task.num_timesteps() * cell_step <= kAttendance;
}

void BatchScheduler::Attend() {
  const absl::Time deadline = clock_.Now() + kAttendance;
  do {
    if (attended_mu_.TryLock()) {
      ComputeAttended(deadline);
      attended_mu_.Unlock();
    }
    // Tasks may have come from a thread that found the place taken.
    if (queue_.TryStopAttending()) return;
  } while (clock_.Now() < deadline);
  queue_.StopAttending();
}

void BatchScheduler::ComputeAttended(absl::Time deadline) {
  int64_t rows = 0;
  do {
    rows = attended_.RunOnce();
  } while (rows > 0 && clock_.Now() + rate_.last_cell_step(rows) <= deadline);
  attended_.PutBackAll();
}

void BatchScheduler::RunWorker(int index) {
  BatchWorker::Options options;
  options.max_rows = options_.max_batch_rows;
  options.slice_timesteps = options_.slice_timesteps;
  options.max_batch_delay = options_.max_batch_delay;
  options.max_round = kMaxRound;
  options.team = team_.has_value() ? &*team_ : nullptr;
  options.leads_team = team_.has_value() && index == 0;
  BatchWorker(clock_, *model_, observer_, queue_, rate_, options).Run();
}

}  // namespace rnnserve
