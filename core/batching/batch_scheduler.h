// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_BATCH_SCHEDULER_H_
#define RNNSERVE_CORE_BATCHING_BATCH_SCHEDULER_H_

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/base/clock.h"
#include "core/batching/bounded_queue.h"
#include "core/batching/step_observer.h"
#include "core/batching/step_task.h"
#include "core/model/model.h"

namespace rnnserve {

// Computes the steps of one streamable model: a queue, and workers that each run a batch
// (BatchWorker) which the tasks of the queue join at every cell step.
//
// Work-conserving: a worker never waits while a task is queued, neither for more rows nor for a
// clock.
//
// Worst wait. With W workers of R rows, a queue of Q, tasks of at most T timesteps, and S the time
// of one cell step of R rows, an accepted task begins after at most
//
//     (1 + Q / (W * R)) * T * S + S
//
// since every column is busy whenever a task waits, and a column needs at most T * S for a task.
// This is with W idle cores and completions that take no time.
//
// Order. Tasks begin in the order of submission and each keeps its column until it is done: a task
// of many timesteps delays the others only by the column that it takes.
//
// Dropping. A task whose deadline has passed, or that is cancelled, is dropped when a worker would
// take it; until then it takes room in the queue. A task that has begun is finished.
//
// Shutdown. The destructor finishes every accepted task first.
//
// Owns its threads. Thread-safe. Clock and observer must outlive it.
class BatchScheduler {
 public:
  struct Options {
    // Batches that are computed at the same time, each by a worker.
    int num_workers = 1;
    // Threads that compute one batch together (ThreadTeam). With num_workers, more than there are
    // cores help nobody.
    int team_size = 1;
    // Rows in one cell step of one worker. More rows share a weight read; a cell step then takes
    // longer, for all its rows. Costs a column of every layer each.
    int64_t max_batch_rows = 64;
    // Tasks that wait for a worker; one more is refused. Bounds the wait, see above.
    int64_t max_queued = 4096;
    // What a refused caller is told to wait.
    absl::Duration retry_delay = absl::Milliseconds(100);
  };

  // REQUIRES: the model can be stepped; every number of the options is >= 1.
  BatchScheduler(const Clock& clock, std::shared_ptr<const Model> model, StepObserver& observer,
                 Options options);
  ~BatchScheduler();
  BatchScheduler(const BatchScheduler&) = delete;
  BatchScheduler& operator=(const BatchScheduler&) = delete;

  // Queues all the tasks, or none: RESOURCE_EXHAUSTED (QUEUE_LIMIT), and the tasks stay with the
  // caller, untouched. Never blocks.
  absl::Status Submit(absl::Span<std::unique_ptr<StepTask>> tasks);

  // The tasks that wait for a worker.
  int64_t num_queued() const { return queue_.size(); }

 private:
  void RunWorker();

  // Constant after construction.
  const Clock& clock_;
  const std::shared_ptr<const Model> model_;
  StepObserver& observer_;
  const Options options_;

  // Synchronises itself.
  BoundedQueue<StepTask> queue_;

  std::vector<std::thread> workers_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_BATCH_SCHEDULER_H_
