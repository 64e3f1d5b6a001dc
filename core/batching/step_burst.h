// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_STEP_BURST_H_
#define RNNSERVE_CORE_BATCHING_STEP_BURST_H_

#include "absl/container/inlined_vector.h"

namespace rnnserve {

// While one lives, short steps that its thread submits do not wake a sleeping worker, which takes
// longer than such a step: at the burst's end the thread computes them itself, together. So a
// thread that reads requests makes one for each, or for a few that came together, and what it
// submits must not depend on the burst's end. Bursts do not nest; one within another does nothing.
//
// Used by the thread that made it.
class StepBurst {
 public:
  // Whose steps are put off until the end.
  class Scheduler {
   public:
    // Computes what waits, for some time at most, and sees to it that the workers do the rest.
    virtual void Attend() = 0;

   protected:
    ~Scheduler() = default;
  };

  StepBurst();
  ~StepBurst();
  StepBurst(const StepBurst&) = delete;
  StepBurst& operator=(const StepBurst&) = delete;

  // That of this thread; null if there is none.
  static StepBurst* current();

  // Whether the scheduler's Attend is to be called already.
  bool has(const Scheduler& scheduler) const;
  // Has Attend called at the end, once. The scheduler must live until then.
  void Add(Scheduler& scheduler) { schedulers_.push_back(&scheduler); }

 private:
  bool is_outermost_;
  absl::InlinedVector<Scheduler*, 4> schedulers_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_STEP_BURST_H_
