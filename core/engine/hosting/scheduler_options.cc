// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/hosting/scheduler_options.h"

#include <algorithm>
#include <cstdint>
#include <thread>

namespace rnnserve {
namespace {

int NumCores(const EngineOptions& options) {
  if (options.workers > 0) return options.workers;
  // hardware_concurrency is 0 if the number of cores is unknown.
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// Returns whether all cores should compute one batch together. The other cores are idle while one
// core works on weights that cannot be shared, so at least nine tenths of the weights must be
// shareable. With two cores, a batch then takes at most a tenth longer than two batches of half as
// many rows would.
bool IsForTeam(const Model& model) {
  int64_t bytes = 0;
  int64_t shareable_bytes = 0;
  for (const auto& layer : model.layers()) {
    // A timestep reads a single row of an embedding.
    if (!layer->reads_token_ids()) bytes += layer->parameter_bytes();
    shareable_bytes += layer->shareable_bytes();
  }
  return shareable_bytes > 0 && shareable_bytes >= bytes - bytes / 10;
}

QueueLimits LimitsOf(const EngineOptions& options) {
  return {options.max_queued_steps, options.max_queued_bytes, options.retry_delay};
}

}  // namespace

BatchScheduler::Options StepSchedulerOptions(const Model& model, const EngineOptions& options) {
  BatchScheduler::Options scheduler;
  scheduler.num_workers = NumCores(options);
  scheduler.has_team = scheduler.num_workers > 1 && IsForTeam(model);
  scheduler.batching = options.batching;
  scheduler.queue = LimitsOf(options);
  return scheduler;
}

SequenceScheduler::Options SequenceSchedulerOptions(const Model& model,
                                                    const EngineOptions& options) {
  return {model.is_streamable() ? 1 : NumCores(options), LimitsOf(options)};
}

}  // namespace rnnserve
