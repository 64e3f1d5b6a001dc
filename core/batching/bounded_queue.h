// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_BOUNDED_QUEUE_H_
#define RNNSERVE_CORE_BATCHING_BOUNDED_QUEUE_H_

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"

namespace rnnserve {

// Tasks that wait for a worker, first in, first out. Each takes room; what does not fit is refused
// at once. Owns the tasks. Thread-safe.
template <typename Task>
class BoundedQueue {
 public:
  // REQUIRES: capacity >= 1.
  explicit BoundedQueue(int64_t capacity) : capacity_(capacity) {}

  int64_t capacity() const { return capacity_; }
  // The room that the waiting tasks take.
  int64_t size() const {
    absl::MutexLock lock(&mu_);
    return size_;
  }

  // Takes all the tasks, each with `room`, or, if they do not fit, none: false, and the tasks stay
  // with the caller. Never blocks. REQUIRES: the queue is open.
  bool Push(absl::Span<std::unique_ptr<Task>> tasks, int64_t room = 1) {
    absl::MutexLock lock(&mu_);
    const int64_t needed = room * static_cast<int64_t>(tasks.size());
    if (needed > capacity_ - size_) return false;
    for (std::unique_ptr<Task>& task : tasks) entries_.push_back({std::move(task), room});
    size_ += needed;
    return true;
  }

  // Appends up to `max_tasks` tasks to `taken`. Never blocks and, given capacity in `taken`, does
  // not allocate. While workers wait in WaitAndTake it leaves them their share, so that a burst is
  // computed by all workers and not by the first to come.
  void Take(int64_t max_tasks, std::vector<std::unique_ptr<Task>>& taken) {
    absl::MutexLock lock(&mu_);
    TakeLocked(max_tasks, taken);
  }

  // The same, but blocks until there is a task to take. False if there never will be: the queue is
  // closed and empty. REQUIRES: max_tasks >= 1.
  bool WaitAndTake(int64_t max_tasks, std::vector<std::unique_ptr<Task>>& taken) {
    absl::MutexLock lock(&mu_);
    ++num_waiting_workers_;
    mu_.Await(absl::Condition(this, &BoundedQueue::HasTaskOrIsClosed));
    --num_waiting_workers_;
    TakeLocked(max_tasks, taken);
    return !taken.empty();
  }

  // The workers that wait for a task now.
  int64_t num_waiting_workers() const {
    absl::MutexLock lock(&mu_);
    return num_waiting_workers_;
  }

  // No task is pushed any more; those that wait are still to be taken.
  void Close() {
    absl::MutexLock lock(&mu_);
    is_closed_ = true;
  }

 private:
  struct Entry {
    std::unique_ptr<Task> task;
    int64_t room;
  };

  bool HasTaskOrIsClosed() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return is_closed_ || !entries_.empty();
  }

  void TakeLocked(int64_t max_tasks, std::vector<std::unique_ptr<Task>>& taken)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const int64_t num_tasks = static_cast<int64_t>(entries_.size());
    const int64_t num_workers = num_waiting_workers_ + 1;
    const int64_t share = (num_tasks + num_workers - 1) / num_workers;
    for (int64_t count = std::min(max_tasks, share); count > 0; --count) {
      taken.push_back(std::move(entries_.front().task));
      size_ -= entries_.front().room;
      entries_.pop_front();
    }
  }

  const int64_t capacity_;

  mutable absl::Mutex mu_;
  std::deque<Entry> entries_ ABSL_GUARDED_BY(mu_);
  int64_t size_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t num_waiting_workers_ ABSL_GUARDED_BY(mu_) = 0;
  bool is_closed_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_BOUNDED_QUEUE_H_
