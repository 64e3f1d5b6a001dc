// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/batching/sequence_scheduler.h"

#include <utility>

#include "absl/types/span.h"
#include "core/batching/queue_limit.h"
#include "core/batching/sequence_runner.h"

namespace rnnserve {

SequenceScheduler::SequenceScheduler(const Clock& clock, std::shared_ptr<const Model> model,
                                     StepObserver& observer, QueueBudget& total,
                                     const Options& options)
    : clock_(clock),
      model_(std::move(model)),
      observer_(observer),
      options_(options),
      queue_(options.queue, total) {
  for (int i = 0; i < options_.num_workers; ++i) workers_.emplace_back([this] { RunWorker(); });
}

SequenceScheduler::~SequenceScheduler() {
  queue_.Close();
  for (std::thread& worker : workers_) worker.join();
}

absl::Status SequenceScheduler::Submit(std::unique_ptr<SequenceTask>& task) {
  task->submitted = clock_.Now();
  const QueueLoad load = LoadOf(*task);
  const Priority priority = task->priority;
  BoundedQueue<SequenceTask>::Tasks displaced;
  absl::Status status = queue_.Push(absl::MakeSpan(&task, 1), load, priority, displaced);
  for (std::unique_ptr<SequenceTask>& other : displaced) {
    Complete(std::move(other), DisplacedError(options_.queue));
  }
  return status;
}

void SequenceScheduler::RunWorker() {
  const SequenceRunner runner(clock_, *model_, observer_);
  std::vector<std::unique_ptr<SequenceTask>> taken;
  while (queue_.WaitAndTake(1, taken)) {
    runner.Run(std::move(taken.front()));
    taken.clear();
  }
}

}  // namespace rnnserve
