// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_OBSERVER_H_
#define RNNSERVE_CORE_ENGINE_OBSERVER_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "core/session/end_reason.h"

namespace rnnserve {

// Is told what one model does. Calls come from worker threads, never under a lock, and must return
// soon. Thread-safe.
class ModelObserver {
 public:
  virtual ~ModelObserver() = default;

  // One cell step of `rows` rows was computed, in `duration`.
  virtual void OnCellStep(int64_t rows, absl::Duration duration) = 0;
  // One Step or one row of Infer was committed: how long it waited until its first timestep began,
  // and how long it was computed since.
  virtual void OnStep(int64_t timesteps, absl::Duration queued, absl::Duration computed) = 0;
  virtual void OnSessionEnded(EndReason reason) = 0;
};

// Hands out the observer of each model. Thread-safe.
class EngineObserver {
 public:
  virtual ~EngineObserver() = default;

  // Called once for each model when it is added. The result outlives the engine.
  virtual ModelObserver& ForModel(const std::string& model_name) = 0;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_OBSERVER_H_
