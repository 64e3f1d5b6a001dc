// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_QUEUE_BUDGET_H_
#define RNNSERVE_CORE_BATCHING_QUEUE_BUDGET_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/batching/queue_load.h"

namespace rnnserve {

// A limit on what may wait in all the queues that share it. Thread-safe.
class QueueBudget {
 public:
  // REQUIRES: both are >= 1.
  QueueBudget(int64_t max_rows, int64_t max_bytes) : max_rows_(max_rows), max_bytes_(max_bytes) {}
  QueueBudget(const QueueBudget&) = delete;
  QueueBudget& operator=(const QueueBudget&) = delete;

  int64_t max_rows() const { return max_rows_; }
  int64_t max_bytes() const { return max_bytes_; }

  // Takes `load` from the budget. Returns false, and takes nothing, if less is left.
  bool Take(const QueueLoad& load) {
    absl::MutexLock lock(&mu_);
    if (load.rows > max_rows_ - used_.rows || load.bytes > max_bytes_ - used_.bytes) return false;
    used_ += load;
    return true;
  }
  // Takes `load` even if less is left. Used for work that was already accepted.
  void TakeAnyway(const QueueLoad& load) {
    absl::MutexLock lock(&mu_);
    used_ += load;
  }
  void Return(const QueueLoad& load) {
    absl::MutexLock lock(&mu_);
    used_ -= load;
  }
  // Returns the load that is taken now.
  QueueLoad used() const {
    absl::MutexLock lock(&mu_);
    return used_;
  }

 private:
  const int64_t max_rows_;
  const int64_t max_bytes_;

  mutable absl::Mutex mu_;
  QueueLoad used_ ABSL_GUARDED_BY(mu_);
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_QUEUE_BUDGET_H_
