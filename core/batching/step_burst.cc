// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/batching/step_burst.h"

#include <algorithm>

// There is no lock: the burst of a thread is reached through a thread_local pointer, and only that
// thread reads or writes it. The destructor does not wait; it calls RunInline of each scheduler,
// which takes a bounded time. Steps that complete there may submit further steps on this thread. A
// scheduler stays in the list while its RunInline runs, so it only queues such steps and cannot be
// entered a second time; a scheduler that is not in the list yet is added and run by the same loop.

namespace rnnserve {
namespace {

thread_local StepBurst* current_burst = nullptr;

}  // namespace

StepBurst::StepBurst() : is_outermost_(current_burst == nullptr) {
  if (is_outermost_) current_burst = this;
}

StepBurst::~StepBurst() {
  if (!is_outermost_) return;
  // A completed step may submit others, to schedulers that are added while this loop runs.
  while (!schedulers_.empty()) {
    Scheduler* scheduler = schedulers_.back();
    scheduler->RunInline();
    schedulers_.erase(std::find(schedulers_.begin(), schedulers_.end(), scheduler));
  }
  current_burst = nullptr;
}

StepBurst* StepBurst::current() { return current_burst; }

bool StepBurst::has(const Scheduler& scheduler) const {
  return std::find(schedulers_.begin(), schedulers_.end(), &scheduler) != schedulers_.end();
}

}  // namespace rnnserve
