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
#include "core/batching/batching_options.h"
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

// Computes the steps of one streamable model. Has a queue, and workers that each run a batch
// (BatchWorker). Queued tasks can join a batch before each of its cell steps.
//
// Work-conserving, unless max_batch_delay is set: while a task is queued, no worker waits for more
// rows or for time to pass. With a team this holds for the first worker only; the others wait for
// whole batches (Options::has_team). While few tasks arrive, short tasks that are submitted in a
// StepBurst wake no worker: the submitting thread runs them inline at the end of the burst. It
// stops once the next cell step would end later than kInlineBudget after the start, and leaves the
// rest to the workers.
//
// Worst wait. Take W workers of R rows, slices of L timesteps, a batch delay of D, A =
// kInlineBudget, M = kMaxRound, and S the time of one cell step of R rows. A task behind Q others
// of the same or a higher priority begins after at most
//
//     D + A + max(M, S) + (1 + Q / (W * R)) * L * S
//
// because every column is busy whenever a task waits, and a row gives up its column after L
// timesteps. With a team the wait is at most L * S longer, because up to R - 1 tasks may wait for
// the columns of the first worker. Q is at most max_rows of the queue, plus W * R tasks that were
// put back; so a long request delays short ones only by its slices. The formula does not count
// tasks of a higher priority that arrive later, so the wait of low priorities has no bound.
//
// Order. Tasks of one priority begin in the order of submission. A task of more than L timesteps
// keeps its column while no task waits for one.
//
// Deadlines. A queued task takes up room in the queue until a worker reaches it. The worker drops
// it if it was cancelled, if its deadline has passed, or if its timesteps take longer than the time
// that is left. Submit refuses a task at once if the time left until its deadline is shorter than
// three times the estimated wait plus the task's own time. Both times are judged by several recent
// rounds (SteadyAverage): without these, in particular after a pause, every task is tried. A task
// that has begun is always finished.
//
// Shutdown. The destructor first finishes every accepted task.
//
// Owns its threads. Thread-safe. Clock, observer and budget must outlive it.
class BatchScheduler final : public StepBurst::Scheduler {
 public:
  // How long a submitting thread may run tasks inline: about as long as a woken worker takes to
  // start. A larger budget would hold up the requests that the thread has yet to read.
  static constexpr absl::Duration kInlineBudget = absl::Microseconds(50);
  // Rows that the submitting thread computes together.
  static constexpr int64_t kMaxInlineRows = 16;
  // About how long a worker may advance a few rows by several timesteps at once.
  static constexpr absl::Duration kMaxRound = absl::Milliseconds(1);

  struct Options {
    // The number of batches computed at the same time, each by its own worker. More than the number
    // of cores gains nothing.
    int num_workers = 1;
    // Whether workers share cell steps. If so, the first worker also uses the cores of the others
    // for its batches, and the others start a batch only when a whole one waits. One batch computed
    // by all cores reads the weights once and is done sooner. Several batches, each on its own
    // core, lose no time waiting for each other.
    bool has_team = false;
    BatchingOptions batching{};
    // Limits how much may wait for a worker, and so how long: see the formula above.
    QueueLimits queue{};
  };

  // The budget is shared with other schedulers. REQUIRES: the model is streamable; every number in
  // the options is >= 1.
  BatchScheduler(const Clock& clock, std::shared_ptr<const Model> model, StepObserver& observer,
                 QueueBudget& total, const Options& options);
  ~BatchScheduler();
  BatchScheduler(const BatchScheduler&) = delete;
  BatchScheduler& operator=(const BatchScheduler&) = delete;

  // Queues all the tasks. If it fails, it queues none of them, and the caller keeps them untouched.
  // Tasks of a lower priority that these displace are completed with DisplacedError on this thread.
  // Never blocks. Errors: those of QueueFullError; RESOURCE_EXHAUSTED (DEADLINE_UNREACHABLE).
  // REQUIRES: all tasks have the same number of timesteps, the same priority and the same deadline.
  absl::Status Submit(absl::Span<std::unique_ptr<StepTask>> tasks);

  // Returns the number of tasks that wait for a worker.
  int64_t num_queued() const { return queue_.load().rows; }

 private:
  // Returns RESOURCE_EXHAUSTED (DEADLINE_UNREACHABLE) if the task is unlikely to be done in time
  // behind the work that is waiting now.
  absl::Status CheckDeadline(const StepTask& task, absl::Time now) const;
  // Returns whether the submitting thread may run `count` tasks like this one inline.
  bool MayRunInline(const StepTask& task, size_t count) const;
  void RunInline() override;
  // Computes waiting tasks until the deadline and puts unfinished ones back into the queue.
  void ComputeInline(absl::Time deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(inline_mu_);
  void RunWorker(int index);

  // Constant after construction.
  const Clock& clock_;
  const std::shared_ptr<const Model> model_;
  StepObserver& observer_;
  const Options options_;

  // Synchronise themselves.
  BoundedQueue<StepTask> queue_;
  StepRate rate_;
  ArrivalGap gap_{2 * kInlineBudget};

  // The batch of the thread that runs inline. Only one thread runs inline at a time. Another that
  // finds the lock taken leaves its tasks to it.
  absl::Mutex inline_mu_;
  BatchWorker inline_worker_ ABSL_GUARDED_BY(inline_mu_);

  std::optional<LoneTeam> team_;
  std::vector<std::thread> workers_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_BATCH_SCHEDULER_H_
