// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/hosted_model.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"

namespace rnnserve {
namespace {

int NumWorkers(const EngineOptions& options) {
  if (options.workers > 0) return options.workers;
  // 0 if the number of cores is unknown.
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace

HostedModel::HostedModel(const Clock& clock, ModelObserver& observer, std::string name,
                         std::shared_ptr<const Model> model, const EngineOptions& options)
    : name_(std::move(name)),
      model_(std::move(model)),
      observer_(observer),
      sequences_(clock, model_, observer_,
                 SequenceScheduler::Options{model_->is_streamable() ? 1 : NumWorkers(options),
                                            options.max_queued_steps, options.retry_delay}) {
  if (!model_->is_streamable()) return;
  steps_.emplace(clock, model_, observer_,
                 BatchScheduler::Options{NumWorkers(options), options.max_batch_rows,
                                         options.max_queued_steps, options.retry_delay});
}

absl::Status HostedModel::CheckStreamable() const {
  if (is_streamable()) return absl::OkStatus();
  return FailedPrecondition("NOT_STREAMABLE", absl::StrCat(model_->non_streamable_reason(),
                                                           "; it has no sessions, only Infer"));
}

int64_t HostedModel::num_queued() const {
  return sequences_.num_queued() + (is_streamable() ? steps_->num_queued() : 0);
}

}  // namespace rnnserve
