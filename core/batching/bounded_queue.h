// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_BOUNDED_QUEUE_H_
#define RNNSERVE_CORE_BATCHING_BOUNDED_QUEUE_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/batching/priority.h"
#include "core/batching/queue_budget.h"
#include "core/batching/queue_limit.h"
#include "core/batching/queue_load.h"

namespace rnnserve {

// The tasks that wait for a worker: higher priorities first, and first in, first out within a
// priority. A task that does not fit is refused at once.
//
// A thread that pushes tasks may run inline for a while: it takes tasks itself, and no sleeping
// worker is woken until it stops.
//
// One lock, mu_, guards everything here except the shared budget, which has its own lock. The
// budget's lock is taken under mu_ and takes no further lock, so the order is fixed. No task runs
// and no callback is called under mu_: displaced tasks are handed to the caller. Three functions
// wait: WaitAndTake and WaitAndTakeAll, in workers that hold nothing else, and
// WaitUntilNobodyRunsInline, in the destructor of the scheduler. All wait on conditions of mu_,
// which absl::Mutex checks again at each unlock, so no wake-up can be lost. Workers always get
// their turn, because a thread that runs inline stops after a bounded time and Close wakes
// everyone.
//
// Owns the tasks. Thread-safe. The budget must outlive it.
template <typename Task>
class BoundedQueue {
 public:
  using Tasks = std::vector<std::unique_ptr<Task>>;

  // REQUIRES: the limits are >= 1.
  BoundedQueue(const QueueLimits& limits, QueueBudget& total) : limits_(limits), total_(total) {}
  ~BoundedQueue() { total_.Return(load_); }

  const QueueLimits& limits() const { return limits_; }
  // Returns the load of the tasks that wait now.
  QueueLoad load() const {
    absl::MutexLock lock(&mu_);
    return load_;
  }

  // Accepts all the tasks, each with a load of `each`. If they do not fit, it accepts none of them
  // and the caller keeps them. If they fit only in place of waiting tasks of a lower priority, the
  // youngest tasks of the lowest priority are moved to `displaced`. A caller that passes
  // `runs_inline` offers to run inline. The queue accepts the offer, and sets `*runs_inline` to
  // true, only if workers are waiting: it then wakes none of them. Never blocks. Errors: see
  // QueueFullError. REQUIRES: the queue is open.
  absl::Status Push(absl::Span<std::unique_ptr<Task>> tasks, const QueueLoad& each,
                    Priority priority, Tasks& displaced, bool* runs_inline = nullptr) {
    const QueueLoad more = static_cast<int64_t>(tasks.size()) * each;
    absl::MutexLock lock(&mu_);
    if (!CouldFitLocked(more, priority) || !total_.Take(more)) {
      return QueueFullError(limits_, load_, more, total_);
    }
    while (!FitsLocked(more)) DisplaceLocked(priority, displaced);
    AppendLocked(tasks, each, priority);
    if (runs_inline != nullptr) {
      *runs_inline = num_waiting_workers_ > 0;
      if (*runs_inline) ++num_inline_runners_;
    }
    return absl::OkStatus();
  }

  // Returns a task to the queue, behind the others of its priority, even if that exceeds the
  // limits.
  void PutBack(std::unique_ptr<Task> task, const QueueLoad& load, Priority priority) {
    absl::MutexLock lock(&mu_);
    total_.TakeAnyway(load);
    AppendLocked(absl::MakeSpan(&task, 1), load, priority);
  }

  // Appends up to `max_tasks` tasks to `taken`. Never blocks and, given capacity in `taken`, does
  // not allocate. While workers wait in WaitAndTake and no thread runs inline, it leaves them their
  // share, so that all workers compute a burst and not only the first one.
  void Take(int64_t max_tasks, Tasks& taken) {
    absl::MutexLock lock(&mu_);
    TakeLocked(max_tasks, taken);
  }

  // Takes `num_tasks` tasks, or none if fewer are waiting. Never blocks.
  void TakeAll(int64_t num_tasks, Tasks& taken) {
    absl::MutexLock lock(&mu_);
    if (num_tasks_ >= num_tasks) PopLocked(num_tasks, taken);
  }

  // Like Take, but blocks until there is a task to take, and then waits up to `max_delay` longer
  // for there to be `max_tasks`. Returns false if no task will ever come, because the queue is
  // closed and empty. REQUIRES: max_tasks >= 1 and `taken` is empty.
  bool WaitAndTake(int64_t max_tasks, Tasks& taken,
                   absl::Duration max_delay = absl::ZeroDuration()) {
    const auto is_enough = [this, max_tasks]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      return is_closed_ || num_tasks_ >= max_tasks;
    };
    absl::MutexLock lock(&mu_);
    // Another worker may take the tasks during the delay. If so, wait again.
    while (taken.empty() && !(is_closed_ && num_tasks_ == 0)) {
      ++num_waiting_workers_;
      mu_.Await(absl::Condition(this, &BoundedQueue::HasTaskOrIsClosed));
      if (max_delay > absl::ZeroDuration()) {
        mu_.AwaitWithTimeout(absl::Condition(&is_enough), max_delay);
      }
      --num_waiting_workers_;
      TakeLocked(max_tasks, taken);
    }
    return !taken.empty();
  }

  // Like TakeAll, but blocks until `num_tasks` tasks are queued and no worker waits in WaitAndTake.
  // Returns false if the queue is closed and fewer are left.
  bool WaitAndTakeAll(int64_t num_tasks, Tasks& taken) {
    const auto is_enough = [this, num_tasks]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      return is_closed_ || (num_tasks_ >= num_tasks && num_waiting_workers_ == 0);
    };
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&is_enough));
    if (num_tasks_ >= num_tasks) PopLocked(num_tasks, taken);
    return !taken.empty();
  }

  // Records that the calling thread stops running inline. Returns false, and changes nothing, if
  // tasks wait and no other thread runs inline.
  bool TryStopRunningInline() {
    absl::MutexLock lock(&mu_);
    if (num_inline_runners_ == 1 && num_tasks_ > 0) return false;
    --num_inline_runners_;
    return true;
  }
  // Records that the calling thread stops running inline. A worker is woken if tasks wait and no
  // other thread runs inline.
  void StopRunningInline() {
    absl::MutexLock lock(&mu_);
    --num_inline_runners_;
  }
  // Blocks until no thread runs inline.
  void WaitUntilNobodyRunsInline() {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(this, &BoundedQueue::HasNoInlineRunner));
  }

  // Returns, for each priority, how many tasks of that priority or a higher one wait.
  std::array<int64_t, kNumPriorities> waiting() const {
    absl::MutexLock lock(&mu_);
    std::array<int64_t, kNumPriorities> counts{};
    int64_t count = 0;
    for (size_t p = lanes_.size(); p-- > 0;) {
      count += static_cast<int64_t>(lanes_[p].size());
      counts[p] = count;
    }
    return counts;
  }

  // Returns the number of workers that wait in WaitAndTake now.
  int64_t num_waiting_workers() const {
    absl::MutexLock lock(&mu_);
    return num_waiting_workers_;
  }

  // Announces that no more tasks will be pushed. Waiting tasks can still be taken.
  void Close() {
    absl::MutexLock lock(&mu_);
    is_closed_ = true;
  }

 private:
  struct Entry {
    std::unique_ptr<Task> task;
    QueueLoad load;
  };
  using Lane = std::deque<Entry>;

  bool HasTaskOrIsClosed() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return is_closed_ || (num_tasks_ > 0 && num_inline_runners_ == 0);
  }
  bool HasNoInlineRunner() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return num_inline_runners_ == 0;
  }

  bool FitsLocked(const QueueLoad& more) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return more.rows <= limits_.max_rows - load_.rows &&
           more.bytes <= limits_.max_bytes - load_.bytes;
  }
  // Returns whether `more` fits once all tasks of lower priorities are displaced.
  bool CouldFitLocked(const QueueLoad& more, Priority priority) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    QueueLoad needed = load_;
    needed += more;
    for (int p = 0; p < static_cast<int>(priority); ++p) needed -= lane_loads_[Index(p)];
    return needed.rows <= limits_.max_rows && needed.bytes <= limits_.max_bytes;
  }
  // Moves the youngest task of the lowest priority to `displaced`. REQUIRES: a task of a lower
  // priority waits.
  void DisplaceLocked(Priority priority, Tasks& displaced) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    for (int p = 0; p < static_cast<int>(priority); ++p) {
      Lane& lane = lanes_[Index(p)];
      if (lane.empty()) continue;
      displaced.push_back(std::move(lane.back().task));
      ForgetLocked(p, lane.back().load);
      lane.pop_back();
      return;
    }
  }

  void AppendLocked(absl::Span<std::unique_ptr<Task>> tasks, const QueueLoad& each,
                    Priority priority) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const int p = static_cast<int>(priority);
    for (std::unique_ptr<Task>& task : tasks) {
      lanes_[Index(p)].push_back({std::move(task), each});
      lane_loads_[Index(p)] += each;
      load_ += each;
      ++num_tasks_;
    }
  }
  void TakeLocked(int64_t max_tasks, Tasks& taken) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const int64_t num_workers = (num_inline_runners_ > 0 ? 0 : num_waiting_workers_) + 1;
    const int64_t share = (num_tasks_ + num_workers - 1) / num_workers;
    PopLocked(std::min(max_tasks, share), taken);
  }
  void PopLocked(int64_t max_tasks, Tasks& taken) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    int64_t left = max_tasks;
    for (int p = kNumPriorities - 1; p >= 0; --p) {
      Lane& lane = lanes_[Index(p)];
      for (; left > 0 && !lane.empty(); --left) {
        taken.push_back(std::move(lane.front().task));
        ForgetLocked(p, lane.front().load);
        lane.pop_front();
      }
    }
  }
  // Subtracts the load of a task of priority `p` that has left the queue from the counts.
  void ForgetLocked(int p, const QueueLoad& load) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    lane_loads_[Index(p)] -= load;
    load_ -= load;
    --num_tasks_;
    total_.Return(load);
  }

  static size_t Index(int priority) { return static_cast<size_t>(priority); }

  // Constant after construction.
  const QueueLimits limits_;

  // Synchronises itself. Called under mu_; takes no lock but its own.
  QueueBudget& total_;

  // Guarded by mu_.
  mutable absl::Mutex mu_;
  std::array<Lane, kNumPriorities> lanes_ ABSL_GUARDED_BY(mu_);  // by Priority
  std::array<QueueLoad, kNumPriorities> lane_loads_ ABSL_GUARDED_BY(mu_);
  QueueLoad load_ ABSL_GUARDED_BY(mu_);
  int64_t num_tasks_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t num_waiting_workers_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t num_inline_runners_ ABSL_GUARDED_BY(mu_) = 0;
  bool is_closed_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_BOUNDED_QUEUE_H_
