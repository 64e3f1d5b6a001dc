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
    : name_(std::move(name)), model_(std::move(model)), observer_(observer) {
  const int num_workers = NumWorkers(options);
  if (model_->non_streamable_layer() == nullptr) {
    steps_.emplace(clock, model_, observer_,
                   BatchScheduler::Options{num_workers, options.max_batch_rows,
                                           options.max_queued_steps, options.retry_delay});
  } else {
    sequences_.emplace(
        clock, model_, observer_,
        SequenceScheduler::Options{num_workers, options.max_queued_steps, options.retry_delay});
  }
}

absl::Status HostedModel::CheckStreamable() const {
  const Layer* layer = model_->non_streamable_layer();
  if (layer == nullptr) return absl::OkStatus();
  return FailedPrecondition(
      "NOT_STREAMABLE", absl::StrCat("layer '", layer->name(), "' (", layer->class_name(),
                                     ") needs the whole sequence: the model has no sessions, only "
                                     "Infer"));
}

int64_t HostedModel::num_queued() const {
  return is_streamable() ? steps_->num_queued() : sequences_->num_queued();
}

}  // namespace rnnserve
