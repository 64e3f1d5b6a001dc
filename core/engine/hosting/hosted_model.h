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
#include "core/session/session_lease.h"

namespace rnnserve {

// One model that is served, with the workers that compute it: a BatchScheduler if it can be
// stepped, and a SequenceScheduler for whole sequences (scheduler_options.h). Thread-safe. Clock,
// observer and the budget, which it shares with other models, must outlive it.
//
// Whoever owns it asks before letting it go whether it is in use: by a call that will give it work,
// or by a session. The destructor waits for its workers, so it must run on none of them: a use that
// ends there destroys nothing.
class HostedModel {
 public:
  // A use of it: it stays meanwhile. Copies are uses too. May outlive it, but is worth nothing
  // then.
  using Use = std::shared_ptr<HostedModel>;

  HostedModel(const Clock& clock, ModelObserver& observer, QueueBudget& total, std::string name,
              std::shared_ptr<const Model> model, const EngineOptions& options);
  // Neither copied nor moved: workers and uses point to it.
  HostedModel(const HostedModel&) = delete;
  HostedModel& operator=(const HostedModel&) = delete;

  // A further use. What computes a session is the host of its model (PinnedModel), so a lease has
  // one too.
  const Use& use() const { return use_; }
  static Use HostOf(const SessionLease& lease) {
    return std::static_pointer_cast<HostedModel>(lease.host());
  }
  // Once it is false it stays so, unless the owner hands out another use.
  bool is_in_use() const { return use_.use_count() > 1; }

  const std::string& name() const { return name_; }
  const std::shared_ptr<const Model>& model() const { return model_; }
  ModelObserver& observer() const { return observer_; }
  bool is_streamable() const { return steps_.has_value(); }

  // FAILED_PRECONDITION (NOT_STREAMABLE), naming the layer, unless the model can be stepped.
  absl::Status CheckStreamable() const;

  // See BatchScheduler. REQUIRES: is_streamable().
  absl::Status Submit(absl::Span<std::unique_ptr<StepTask>> tasks) { return steps_->Submit(tasks); }
  // See SequenceScheduler.
  absl::Status Submit(std::unique_ptr<SequenceTask>& task) { return sequences_.Submit(task); }

  // The steps and rows that wait for a worker.
  int64_t num_queued() const;

 private:
  const std::string name_;
  const std::shared_ptr<const Model> model_;
  ModelObserver& observer_;
  std::optional<BatchScheduler> steps_;  // if the model can be stepped
  SequenceScheduler sequences_;
  // Counts the uses and destroys nothing. The last member, and so the first to go: whatever was
  // done under a use has then happened before the others go.
  const Use use_{this, [](HostedModel*) {}};
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_HOSTING_HOSTED_MODEL_H_
