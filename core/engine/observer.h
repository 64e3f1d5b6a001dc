// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_OBSERVER_H_
#define RNNSERVE_CORE_ENGINE_OBSERVER_H_

#include <string>

#include "core/batching/step_observer.h"
#include "core/checkpoint/checkpoint_observer.h"
#include "core/session/end_reason.h"

namespace rnnserve {

// Is told what one model does. Calls come from worker threads and from callers, never under a lock,
// and must return soon. Thread-safe.
class ModelObserver : public StepObserver {
 public:
  virtual void OnSessionEnded(EndReason reason) = 0;
};

// Hands out the observer of each model, and is told of checkpoints. Thread-safe.
class EngineObserver : public CheckpointObserver {
 public:
  // Called once for each model when it is added. The result outlives the engine.
  virtual ModelObserver& ForModel(const std::string& model_name) = 0;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_OBSERVER_H_
