// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/batching/batch_scheduler.h"

#include <optional>
#include <utility>

#include "core/base/thread_team.h"
#include "core/batching/batch_worker.h"
#include "core/batching/queue_limit.h"

namespace rnnserve {

BatchScheduler::BatchScheduler(const Clock& clock, std::shared_ptr<const Model> model,
                               StepObserver& observer, Options options)
    : clock_(clock),
      model_(std::move(model)),
      observer_(observer),
      options_(options),
      queue_(options.max_queued) {
  for (int i = 0; i < options_.num_workers; ++i) workers_.emplace_back([this] { RunWorker(); });
}

BatchScheduler::~BatchScheduler() {
  queue_.Close();
  for (std::thread& worker : workers_) worker.join();
}

absl::Status BatchScheduler::Submit(absl::Span<std::unique_ptr<StepTask>> tasks) {
  const absl::Time now = clock_.Now();
  for (const std::unique_ptr<StepTask>& task : tasks) task->submitted = now;
  if (queue_.Push(tasks)) return absl::OkStatus();
  return QueueLimitError(queue_.size(), queue_.capacity(), static_cast<int64_t>(tasks.size()),
                         options_.retry_delay);
}

void BatchScheduler::RunWorker() {
  std::optional<ThreadTeam> team;
  if (options_.team_size > 1) team.emplace(options_.team_size);
  BatchWorker(clock_, *model_, observer_, queue_, options_.max_batch_rows,
              team.has_value() ? &*team : nullptr)
      .Run();
}

}  // namespace rnnserve
