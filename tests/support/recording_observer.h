// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SUPPORT_RECORDING_OBSERVER_H_
#define RNNSERVE_TESTS_SUPPORT_RECORDING_OBSERVER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/engine/observer.h"

namespace rnnserve::testing {

// Records what it is told, and can hold the workers. A held worker stops at the end of its cell
// step, so that a test decides which work is queued, running or done. Thread-safe.
class RecordingObserver final : public ModelObserver {
 public:
  void OnCellStep(int64_t rows, absl::Duration /*duration*/) override {
    absl::MutexLock lock(&mu_);
    cell_step_rows_.push_back(rows);
    ++num_stopped_;
    const auto may_go_on = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return !is_holding_; };
    mu_.Await(absl::Condition(&may_go_on));
    --num_stopped_;
  }
  void OnSteps(absl::Span<const CommittedStep> steps) override {
    absl::MutexLock lock(&mu_);
    steps_.insert(steps_.end(), steps.begin(), steps.end());
  }
  void OnSessionEnded(EndReason reason) override {
    absl::MutexLock lock(&mu_);
    ended_.push_back(reason);
  }

  // Makes workers stop at the end of their cell step from now on.
  void Hold() {
    absl::MutexLock lock(&mu_);
    is_holding_ = true;
  }
  // Waits until `num_workers` workers have stopped. REQUIRES: Hold was called.
  void AwaitStopped(int num_workers = 1) {
    absl::MutexLock lock(&mu_);
    const auto have_stopped = [this, num_workers]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return num_stopped_ >= num_workers;
    };
    mu_.Await(absl::Condition(&have_stopped));
  }
  // Lets the stopped workers continue.
  void Release() {
    absl::MutexLock lock(&mu_);
    is_holding_ = false;
  }

  std::vector<int64_t> cell_step_rows() const {
    absl::MutexLock lock(&mu_);
    return cell_step_rows_;
  }
  std::vector<CommittedStep> steps() const {
    absl::MutexLock lock(&mu_);
    return steps_;
  }
  std::vector<EndReason> ended() const {
    absl::MutexLock lock(&mu_);
    return ended_;
  }

 private:
  mutable absl::Mutex mu_;
  bool is_holding_ ABSL_GUARDED_BY(mu_) = false;
  int num_stopped_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<int64_t> cell_step_rows_ ABSL_GUARDED_BY(mu_);
  std::vector<CommittedStep> steps_ ABSL_GUARDED_BY(mu_);
  std::vector<EndReason> ended_ ABSL_GUARDED_BY(mu_);
};

// Has one RecordingObserver for each model name. Thread-safe.
class RecordingEngineObserver final : public EngineObserver {
 public:
  ModelObserver& ForModel(const std::string& model_name) override { return Of(model_name); }
  void OnCheckpoint(const absl::Status& status, int64_t /*bytes*/,
                    absl::Duration /*duration*/) override {
    absl::MutexLock lock(&mu_);
    checkpoints_.push_back(status);
  }
  void OnRestored(const absl::Status& status, absl::Duration /*duration*/) override {
    absl::MutexLock lock(&mu_);
    restorations_.push_back(status);
  }

  // Return the outcomes of all checkpoints and of all restored sessions, in order.
  std::vector<absl::Status> checkpoints() {
    absl::MutexLock lock(&mu_);
    return checkpoints_;
  }
  std::vector<absl::Status> restorations() {
    absl::MutexLock lock(&mu_);
    return restorations_;
  }

  RecordingObserver& Of(const std::string& model_name) {
    absl::MutexLock lock(&mu_);
    return models_[model_name];
  }

 private:
  absl::Mutex mu_;
  std::map<std::string, RecordingObserver> models_ ABSL_GUARDED_BY(mu_);
  std::vector<absl::Status> checkpoints_ ABSL_GUARDED_BY(mu_);
  std::vector<absl::Status> restorations_ ABSL_GUARDED_BY(mu_);
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SUPPORT_RECORDING_OBSERVER_H_
