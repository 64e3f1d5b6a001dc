// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/batching/batch_scheduler.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/base/thread_team.h"
#include "core/batching/batch_worker.h"

namespace rnnserve {

BatchScheduler::BatchScheduler(const Clock& clock, std::shared_ptr<const Model> model,
                               StepObserver& observer, QueueBudget& total, const Options& options)
    : clock_(clock),
      model_(std::move(model)),
      observer_(observer),
      options_(options),
      queue_(options.queue, total) {
  for (int i = 0; i < options_.num_workers; ++i) workers_.emplace_back([this] { RunWorker(); });
}

BatchScheduler::~BatchScheduler() {
  queue_.Close();
  for (std::thread& worker : workers_) worker.join();
}

absl::Status BatchScheduler::Submit(absl::Span<std::unique_ptr<StepTask>> tasks) {
  if (tasks.empty()) return absl::OkStatus();
  const absl::Time now = clock_.Now();
  RNNSERVE_RETURN_IF_ERROR(CheckDeadline(*tasks.front(), now));
  for (const std::unique_ptr<StepTask>& task : tasks) task->submitted = now;
  const Priority priority = tasks.front()->priority;
  BoundedQueue<StepTask>::Tasks displaced;
  const absl::Status status =
      queue_.Push(tasks, LoadOf(*tasks.front(), *model_), priority, displaced);
  for (std::unique_ptr<StepTask>& task : displaced) {
    Complete(std::move(task), DisplacedError(options_.queue));
  }
  return status;
}

absl::Status BatchScheduler::CheckDeadline(const StepTask& task, absl::Time now) const {
  if (task.limits.deadline == absl::InfiniteFuture()) return absl::OkStatus();
  const absl::Duration wait = queue_.load().timesteps * rate_.row_timestep() / options_.num_workers;
  const absl::Duration left = task.limits.deadline - now;
  // What is late already is told so by the worker.
  if (wait + task.num_timesteps() * rate_.cell_step() <= left || left <= absl::ZeroDuration()) {
    return absl::OkStatus();
  }
  return ResourceExhausted(
      "DEADLINE_UNREACHABLE",
      absl::StrCat("about ", absl::FormatDuration(wait), " of work waits before the ",
                   task.num_timesteps(), " timesteps, and the deadline is in ",
                   absl::FormatDuration(left)),
      std::max(wait, options_.queue.retry_delay));
}

void BatchScheduler::RunWorker() {
  std::optional<ThreadTeam> team;
  if (options_.team_size > 1) team.emplace(options_.team_size);
  BatchWorker::Options options;
  options.max_rows = options_.max_batch_rows;
  options.slice_timesteps = options_.slice_timesteps;
  options.max_batch_delay = options_.max_batch_delay;
  options.team = team.has_value() ? &*team : nullptr;
  BatchWorker(clock_, *model_, observer_, queue_, rate_, options).Run();
}

}  // namespace rnnserve
