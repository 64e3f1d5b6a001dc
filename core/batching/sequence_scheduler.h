// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_SEQUENCE_SCHEDULER_H_
#define RNNSERVE_CORE_BATCHING_SEQUENCE_SCHEDULER_H_

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/batching/bounded_queue.h"
#include "core/batching/queue_budget.h"
#include "core/batching/queue_limit.h"
#include "core/batching/sequence_task.h"
#include "core/batching/step_observer.h"
#include "core/model/model.h"

namespace rnnserve {

// Computes whole sequences of one model. Has a queue, and threads that each run one task at a time
// (SequenceRunner). Tasks of one priority begin in the order of submission. With W workers and Q
// tasks ahead of it, an accepted task begins after at most (1 + Q / W) times the duration of the
// longest task. Dropping a task and shutdown work as in BatchScheduler.
//
// Owns its threads. Thread-safe. Clock, observer and budget must outlive it.
class SequenceScheduler {
 public:
  struct Options {
    // The number of threads. Each holds the workspace of its task while the task runs.
    int num_workers = 1;
    // Limits what may wait for a worker.
    QueueLimits queue{};
  };

  // The budget is shared with other schedulers. REQUIRES: every number in the options is >= 1.
  SequenceScheduler(const Clock& clock, std::shared_ptr<const Model> model, StepObserver& observer,
                    QueueBudget& total, const Options& options);
  ~SequenceScheduler();
  SequenceScheduler(const SequenceScheduler&) = delete;
  SequenceScheduler& operator=(const SequenceScheduler&) = delete;

  // Queues the task. If it fails, the caller keeps the task untouched. Tasks that it displaces are
  // completed with DisplacedError on this thread. Never blocks. Errors: those of QueueFullError.
  absl::Status Submit(std::unique_ptr<SequenceTask>& task);

  // Returns the number of rows that wait for a worker.
  int64_t num_queued() const { return queue_.load().rows; }

 private:
  void RunWorker();

  // Constant after construction.
  const Clock& clock_;
  const std::shared_ptr<const Model> model_;
  StepObserver& observer_;
  const Options options_;

  // Synchronises itself.
  BoundedQueue<SequenceTask> queue_;

  std::vector<std::thread> workers_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_SEQUENCE_SCHEDULER_H_
