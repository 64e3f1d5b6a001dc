// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_OBSERVER_H_
#define RNNSERVE_CORE_ENGINE_OBSERVER_H_

#include <string>

#include "core/batching/step_observer.h"
#include "core/checkpoint/checkpoint_observer.h"
#include "core/session/end_reason.h"

namespace rnnserve {

// Receives the events of one model. Calls come from worker threads and from threads that call the
// engine; an implementation must return soon and must not block. Thread-safe.
class ModelObserver : public StepObserver {
 public:
  virtual void OnSessionEnded(EndReason reason) = 0;
};

// Hands out the observer of each model, and receives the events of checkpoints. Thread-safe.
class EngineObserver : public CheckpointObserver {
 public:
  // Called for each model that is added under a name, and for each that replaces it. May return the
  // same observer each time. The result must outlive the engine.
  virtual ModelObserver& ForModel(const std::string& model_name) = 0;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_OBSERVER_H_
