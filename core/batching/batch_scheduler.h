// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_BATCH_SCHEDULER_H_
#define RNNSERVE_CORE_BATCHING_BATCH_SCHEDULER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/base/clock.h"
#include "core/batching/arrival_gap.h"
#include "core/batching/batch_worker.h"
#include "core/batching/bounded_queue.h"
#include "core/batching/lone_team.h"
#include "core/batching/queue_budget.h"
#include "core/batching/queue_limit.h"
#include "core/batching/step_burst.h"
#include "core/batching/step_observer.h"
#include "core/batching/step_rate.h"
#include "core/batching/step_task.h"
#include "core/model/model.h"

namespace rnnserve {

// Computes the steps of one streamable model: a queue, and workers that each run a batch
// (BatchWorker) which the tasks of the queue join at every cell step.
//
// Work-conserving, unless max_batch_delay says otherwise: a worker never waits while a task is
// queued, neither for more rows nor for a clock; but of a team only the first worker does not, the
// others wait for whole batches (Options::has_team). While few tasks come, short ones that are
// submitted in a StepBurst wake no worker: the submitting thread computes them at the burst's end.
// It begins no cell step that would end later than kAttendance; what is left goes to the workers.
//
// Worst wait. With W workers of R rows, slices of L timesteps, a batch delay of D, A = kAttendance,
// M = kMaxRound, and S the time of one cell step of R rows, a task before which Q others of its
// priority or a higher one wait begins after at most
//
//     D + A + max(M, S) + (1 + Q / (W * R)) * L * S
//
// since every column is busy whenever a task waits, and gives up its row after L timesteps; with a
// team, at most L * S more, since up to R - 1 tasks may wait for the columns of the first worker. Q
// is at most max_rows of the queue, plus W * R that were put back; so long requests delay short
// ones by their slices only. What comes later at a higher priority is not in the formula: low
// priorities have no bound.
//
// Order. Tasks of one priority begin in the order of submission. A task of more than L timesteps
// keeps its column while nobody waits for it.
//
// Deadlines. A task that is cancelled, whose deadline has passed, or whose timesteps take longer
// than is left, is dropped when a worker would take it; until then it takes room in the queue. A
// task is refused at once if, as far as the work before it tells, it would wait longer than a third
// of the time that is left. A task that has begun is finished.
//
// Shutdown. The destructor finishes every accepted task first.
//
// Owns its threads. Thread-safe. Clock, observer and budget must outlive it.
class BatchScheduler final : public StepBurst::Scheduler {
 public:
  // About what it takes until a worker that is woken begins.
  static constexpr absl::Duration kAttendance = absl::Microseconds(50);
  // Rows that the submitting thread computes together.
  static constexpr int64_t kAttendedRows = 16;
  // About how long a few rows may be advanced by several timesteps at once.
  static constexpr absl::Duration kMaxRound = absl::Milliseconds(1);

  struct Options {
    // Batches that are computed at the same time, each by a worker. More than there are cores help
    // nobody.
    int num_workers = 1;
    // Whether cell steps are worth being shared: the first worker then computes its batches with
    // the cores of the others, which begin only when a whole batch waits. One batch by all cores
    // reads the weights once and is done sooner; several by one core each lose nothing by waiting
    // for each other.
    bool has_team = false;
    // Rows in one cell step of one worker. More rows share a weight read; a cell step then takes
    // longer, for all its rows. Costs a column of every layer each.
    int64_t max_batch_rows = 64;
    // The timesteps after which a row leaves its column to others that wait for one.
    int64_t slice_timesteps = 32;
    // How long a lone task waits for others to share its first cell step. Zero: not at all.
    absl::Duration max_batch_delay = absl::ZeroDuration();
    // What may wait for a worker. Bounds the wait, see above.
    QueueLimits queue{};
  };

  // The budget is shared with other schedulers. REQUIRES: the model can be stepped; every number of
  // the options is >= 1.
  BatchScheduler(const Clock& clock, std::shared_ptr<const Model> model, StepObserver& observer,
                 QueueBudget& total, const Options& options);
  ~BatchScheduler();
  BatchScheduler(const BatchScheduler&) = delete;
  BatchScheduler& operator=(const BatchScheduler&) = delete;

  // Queues all the tasks, or none: then they stay with the caller, untouched. If others are
  // displaced by them, these are completed with DisplacedError, on this thread. Never blocks.
  // Errors: those of QueueFullError; RESOURCE_EXHAUSTED (DEADLINE_UNREACHABLE). REQUIRES: all have
  // the same number of timesteps, the same priority and the same deadline.
  absl::Status Submit(absl::Span<std::unique_ptr<StepTask>> tasks);

  // The tasks that wait for a worker.
  int64_t num_queued() const { return queue_.load().rows; }

 private:
  // Whether a task has a chance to be done in time behind what waits now.
  absl::Status CheckDeadline(const StepTask& task, absl::Time now) const;
  // Whether so many tasks like this one may be computed by the thread that submits them.
  bool MayBeAttended(const StepTask& task, size_t count) const;
  void Attend() override;
  // Computes what waits until then; what has not ended is put back.
  void ComputeAttended(absl::Time deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(attended_mu_);
  void RunWorker(int index);

  // Constant after construction.
  const Clock& clock_;
  const std::shared_ptr<const Model> model_;
  StepObserver& observer_;
  const Options options_;

  // Synchronise themselves.
  BoundedQueue<StepTask> queue_;
  StepRate rate_;
  ArrivalGap gap_{2 * kAttendance};

  // That of the thread that attends; one of them at a time, another leaves its tasks to that one.
  absl::Mutex attended_mu_;
  BatchWorker attended_ ABSL_GUARDED_BY(attended_mu_);

  std::optional<LoneTeam> team_;
  std::vector<std::thread> workers_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_BATCH_SCHEDULER_H_
