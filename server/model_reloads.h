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

// Reads models again while the server serves them: one after another, on a thread of its own,
// beside the model that is served, which is replaced only by one that was read and checked as a
// whole.
//
// Every reload is logged and counted. Owns its thread. Thread-safe. Everything it is given must
// outlive it; the destructor waits for the model that is being read.
class ModelReloads {
 public:
  // Reads the model of that name from where it was read at the start. Blocks.
  using Load = std::function<absl::StatusOr<std::shared_ptr<const Model>>(const std::string& name)>;
  using Done = absl::AnyInvocable<void(absl::StatusOr<ReplacedModel>)>;

  ModelReloads(const Clock& clock, const Log& log, Engine& engine, Metrics& metrics, Load load);
  ~ModelReloads();
  ModelReloads(const ModelReloads&) = delete;
  ModelReloads& operator=(const ModelReloads&) = delete;

  // Reads the model again, and calls back from the thread of the reloads. Errors, after which the
  // model serves on as it was:
  //   NOT_FOUND            MODEL_NOT_FOUND: no such model was given at the start
  //   ABORTED              RELOAD_RUNNING: one of that model runs or waits
  //   FAILED_PRECONDITION  the model cannot be read or checked, with the reason of LoadModel
  //   RESOURCE_EXHAUSTED   RETIRING_MODELS_LIMIT
  //   UNAVAILABLE          DRAINING
  // An error that Start finds itself is told on the calling thread.
  void Start(const std::string& name, Done done);
  // The same for every model. What becomes of it is in the log.
  void StartAll();

  // From now on no model is replaced; who waits, or whose reload runs, is told DRAINING.
  void Stop();

 private:
  struct Reload {
    std::string name;
    Done done;  // null once it was told
  };

  void Run();
  // Takes the next reload to run; false if there will be none.
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
