// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SIMULATION_REPLICA_H_
#define RNNSERVE_TESTS_SIMULATION_REPLICA_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/clock.h"
#include "core/engine/engine.h"
#include "tests/simulation/message.h"
#include "tests/simulation/store_link.h"
#include "tests/support/owned_tensor.h"

namespace rnnserve::testing {

// Counts the rows that an engine's worker computes, and can stop the worker. Thread-safe.
class WorkerWatch final : public EngineObserver, public ModelObserver {
 public:
  ModelObserver& ForModel(const std::string& /*model_name*/) override { return *this; }
  void OnCellStep(int64_t rows, absl::Duration duration) override;
  void OnSteps(absl::Span<const CommittedStep> /*steps*/) override {}
  void OnSessionEnded(EndReason /*reason*/) override {}
  void OnCheckpoint(const absl::Status& /*status*/, int64_t /*bytes*/,
                    absl::Duration /*duration*/) override {}
  void OnRestored(const absl::Status& /*status*/, absl::Duration /*duration*/) override {}

  // Stops the worker after its next cell step until Release.
  void Hold();
  void WaitUntilHeld();
  void Release();
  int64_t num_rows() const;

 private:
  mutable absl::Mutex mu_;
  int64_t num_rows_ ABSL_GUARDED_BY(mu_) = 0;
  bool holds_ ABSL_GUARDED_BY(mu_) = false;
  bool is_held_ ABSL_GUARDED_BY(mu_) = false;
};

// A server of the simulation: a real engine with a hash model, and its link to the store. Owns
// both. Used by one thread at a time: the simulation's. The clock must outlive it.
//
// After Settle nothing runs in the engine: each call has been answered, waits for the store, or
// waits behind a call that does.
class Replica {
 public:
  struct Options {
    int64_t checkpoint_steps = 2;
    int64_t max_sessions = 64;
    // Whether the model has two inputs and two outputs, which steps take and give by name.
    bool is_by_name = false;
  };

  Replica(const Clock& clock, uint64_t incarnation, const Options& options);
  // Destroys the engine without a flush. REQUIRES: Cut was called.
  ~Replica();

  uint64_t incarnation() const { return incarnation_; }
  Engine& engine() { return *engine_; }
  StoreLink& link() { return link_; }
  static const SnapshotKeys& keys();

  // Passes requests to the engine and settles. The steps of several requests share one batch.
  // `durability` and `windows` have one element per session, for requests that open it.
  void Handle(const std::vector<Request>& requests, const std::vector<Durability>& durability,
              const std::vector<int>& windows);
  // Waits until nothing runs.
  void Settle();
  // Returns the replies since the last call, in the order in which their requests arrived.
  std::vector<Reply> TakeReplies();

  // Cuts the replica off. Returns its calls to the store that may still take effect.
  std::vector<StoreCall> Cut() { return link_.Cut(); }

 private:
  void HandleOne(const Request& request, Durability durability, int window);
  void Keep(Reply reply);
  int num_open_calls() const;
  // Waits until the worker has done everything that is already queued.
  void PassBarrier();

  const uint64_t incarnation_;
  // Returns the inputs of one timestep with this input. They point into the tensors.
  NamedInputs InputsOf(const std::vector<OwnedTensor>& tensors) const;

  const bool is_by_name_;
  const bool is_memory_short_;  // whether a step may have to bring its session back
  WorkerWatch watch_;
  StoreLink link_;
  std::unique_ptr<Engine> engine_;
  bool may_wait_for_store_ = false;

  mutable absl::Mutex mu_;
  std::vector<Reply> replies_ ABSL_GUARDED_BY(mu_);
  int num_open_calls_ ABSL_GUARDED_BY(mu_) = 0;
};

std::string SessionName(int session);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SIMULATION_REPLICA_H_
