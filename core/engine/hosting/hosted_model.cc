// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/hosting/hosted_model.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/engine/hosting/scheduler_options.h"

namespace rnnserve {

HostedModel::HostedModel(const Clock& clock, ModelObserver& observer, QueueBudget& total,
                         std::string name, std::shared_ptr<const Model> model,
                         const EngineOptions& options)
    : name_(std::move(name)),
      model_(std::move(model)),
      observer_(observer),
      sequences_(clock, model_, observer_, total, SequenceSchedulerOptions(*model_, options)) {
  if (!model_->is_streamable()) return;
  steps_.emplace(clock, model_, observer_, total, StepSchedulerOptions(*model_, options));
}

absl::Status HostedModel::CheckStreamable() const {
  if (is_streamable()) return absl::OkStatus();
  return FailedPrecondition("NOT_STREAMABLE", absl::StrCat(model_->non_streamable_reason(),
                                                           "; it supports Infer, but no sessions"));
}

int64_t HostedModel::num_queued() const {
  return sequences_.num_queued() + (is_streamable() ? steps_->num_queued() : 0);
}

}  // namespace rnnserve
