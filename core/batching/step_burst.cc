// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/batching/step_burst.h"

#include <algorithm>

namespace rnnserve {
namespace {

thread_local StepBurst* current_burst = nullptr;

}  // namespace

StepBurst::StepBurst() : is_outermost_(current_burst == nullptr) {
  if (is_outermost_) current_burst = this;
}

StepBurst::~StepBurst() {
  if (!is_outermost_) return;
  // A step that is done may be followed by others, of schedulers that are added now.
  while (!schedulers_.empty()) {
    Scheduler* scheduler = schedulers_.back();
    scheduler->Attend();
    schedulers_.erase(std::find(schedulers_.begin(), schedulers_.end(), scheduler));
  }
  current_burst = nullptr;
}

StepBurst* StepBurst::current() { return current_burst; }

bool StepBurst::has(const Scheduler& scheduler) const {
  return std::find(schedulers_.begin(), schedulers_.end(), &scheduler) != schedulers_.end();
}

}  // namespace rnnserve
