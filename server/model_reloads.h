// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_MODEL_RELOADS_H_
#define RNNSERVE_SERVER_MODEL_RELOADS_H_

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/engine/engine.h"
#include "server/log.h"
#include "server/metrics.h"

namespace rnnserve::server {

// Reloads models while the server serves them, one after another, on its own thread. The old model
// is served until the new one has been read and checked completely.
//
// Logs and counts every reload. Owns its thread. Thread-safe. The constructor's arguments must
// outlive it. The destructor waits for the model that is being read.
class ModelReloads {
 public:
  // Reads the model of that name from the path that it was read from at the start. Blocks.
  using Load = std::function<absl::StatusOr<std::shared_ptr<const Model>>(const std::string& name)>;
  using Done = absl::AnyInvocable<void(absl::StatusOr<ReplacedModel>)>;

  ModelReloads(const Clock& clock, const Log& log, Engine& engine, Metrics& metrics, Load load);
  ~ModelReloads();
  ModelReloads(const ModelReloads&) = delete;
  ModelReloads& operator=(const ModelReloads&) = delete;

  // Reloads a model and calls back from the reload thread. After an error the old model is still
  // served:
  //   NOT_FOUND            MODEL_NOT_FOUND: no such model was given at the start
  //   ABORTED              RELOAD_RUNNING: a reload of that model is running or waiting
  //   FAILED_PRECONDITION  the model cannot be read or checked, with the reason of LoadModel
  //   RESOURCE_EXHAUSTED   RETIRING_MODELS_LIMIT
  //   UNAVAILABLE          DRAINING
  // Errors that Start itself detects are reported on the calling thread.
  void Start(const std::string& name, Done done);
  // Reloads every model. The outcomes are logged.
  void StartAll();

  // Stops replacing models. Every reload that waits or runs is answered with DRAINING, and so is
  // every later one.
  void Stop();

 private:
  struct Reload {
    std::string name;
    Done done;  // null: nobody waits for the outcome
  };

  void Run();
  // Waits for the next reload and marks it as running. Returns false after Stop.
  bool AwaitNext(std::string& name);
  void Finish(absl::StatusOr<ReplacedModel> result);
  absl::StatusOr<ReplacedModel> ReloadNow(const std::string& name);
  bool HasWorkOrIsStopped() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return is_stopped_ || !reloads_.empty();
  }

  // Constant after construction.
  const Clock& clock_;
  const Log& log_;
  Engine& engine_;
  Metrics& metrics_;
  const Load load_;

  // Guarded by mu_.
  absl::Mutex mu_;
  std::deque<Reload> reloads_ ABSL_GUARDED_BY(mu_);  // the first one runs if `is_running_`
  bool is_running_ ABSL_GUARDED_BY(mu_) = false;
  bool is_stopped_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;
};

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_MODEL_RELOADS_H_
