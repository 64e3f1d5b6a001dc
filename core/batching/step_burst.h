// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_STEP_BURST_H_
#define RNNSERVE_CORE_BATCHING_STEP_BURST_H_

#include "absl/container/inlined_vector.h"

namespace rnnserve {

// A scope in which short steps that this thread submits do not wake a sleeping worker, because
// waking one takes longer than such a step. At the end of the scope the thread runs the steps
// inline, as one batch. A thread that reads requests makes one burst for each request, or for a few
// that arrived together. Nothing within the scope may wait for the steps. Bursts do not nest: a
// burst within another does nothing.
//
// Used by one thread at a time: the thread that made it, which also destroys it.
class StepBurst {
 public:
  // Runs steps inline at the end of the burst.
  class Scheduler {
   public:
    // Computes waiting steps on this thread for a bounded time and leaves the rest to the workers.
    virtual void RunInline() = 0;

   protected:
    ~Scheduler() = default;
  };

  StepBurst();
  ~StepBurst();
  StepBurst(const StepBurst&) = delete;
  StepBurst& operator=(const StepBurst&) = delete;

  // Returns the burst of this thread, or null if there is none.
  static StepBurst* current();

  // Returns whether `scheduler` was added and its RunInline has not returned yet.
  bool has(const Scheduler& scheduler) const;
  // Calls the scheduler's RunInline once, at the end. The scheduler must live until then.
  void Add(Scheduler& scheduler) { schedulers_.push_back(&scheduler); }

 private:
  bool is_outermost_;
  absl::InlinedVector<Scheduler*, 4> schedulers_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_STEP_BURST_H_
