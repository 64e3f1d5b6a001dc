// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_HOSTING_HOSTED_MODEL_H_
#define RNNSERVE_CORE_ENGINE_HOSTING_HOSTED_MODEL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/base/clock.h"
#include "core/batching/batch_scheduler.h"
#include "core/batching/queue_budget.h"
#include "core/batching/sequence_scheduler.h"
#include "core/engine/engine_options.h"
#include "core/engine/observer.h"
#include "core/model/model.h"
#include "core/session/session_host.h"
#include "core/session/session_lease.h"

namespace rnnserve {

// A served model with the workers that compute it: a BatchScheduler if it is streamable, and a
// SequenceScheduler for whole sequences (see scheduler_options.h). Thread-safe. Clock, observer and
// the budget, which it shares with other models, must outlive it.
//
// A model is in use while a call may still give it work or a session is pinned to it. Its owner
// destroys it only when it is not in use. The destructor waits for the workers, so it must not run
// on one of them; therefore ending a use never destroys the model.
class HostedModel : public SessionHost {
 public:
  // A use of the model, which keeps its owner from destroying it. Each copy is another use.
  using Use = std::shared_ptr<HostedModel>;

  HostedModel(const Clock& clock, ModelObserver& observer, QueueBudget& total, std::string name,
              std::shared_ptr<const Model> model, const EngineOptions& options);
  // Neither copied nor moved: workers and uses point to it.
  HostedModel(const HostedModel&) = delete;
  HostedModel& operator=(const HostedModel&) = delete;

  // Returns another use. A session holds one as the host of its model (see PinnedModel), so a lease
  // gives access to it.
  const Use& use() const { return use_; }
  static Use HostOf(const SessionLease& lease) {
    return std::static_pointer_cast<HostedModel>(lease.host());
  }
  // Returns whether anyone but the owner holds a use. Once false it stays false, unless the owner
  // hands out another use.
  bool is_in_use() const { return use_.use_count() > 1; }

  const std::string& name() const { return name_; }
  const std::shared_ptr<const Model>& model() const { return model_; }
  ModelObserver& observer() const { return observer_; }
  bool is_streamable() const { return steps_.has_value(); }

  // Returns FAILED_PRECONDITION (NOT_STREAMABLE), with the reason in words, unless the model is
  // streamable.
  absl::Status CheckStreamable() const;

  // See BatchScheduler. REQUIRES: is_streamable().
  absl::Status Submit(absl::Span<std::unique_ptr<StepTask>> tasks) { return steps_->Submit(tasks); }
  // See SequenceScheduler.
  absl::Status Submit(std::unique_ptr<SequenceTask>& task) { return sequences_.Submit(task); }

  // Returns the number of steps and rows that wait for a worker.
  int64_t num_queued() const;

 private:
  const std::string name_;
  const std::shared_ptr<const Model> model_;
  ModelObserver& observer_;
  std::optional<BatchScheduler> steps_;  // if the model is streamable
  SequenceScheduler sequences_;
  // Counts the uses and destroys nothing. It is the last member and so the first to be destroyed:
  // everything done under a use then happens before the other members are destroyed.
  const Use use_{this, [](HostedModel*) {}};
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_HOSTING_HOSTED_MODEL_H_
