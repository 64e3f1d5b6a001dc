// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_HOSTING_SCHEDULER_OPTIONS_H_
#define RNNSERVE_CORE_ENGINE_HOSTING_SCHEDULER_OPTIONS_H_

#include "core/batching/batch_scheduler.h"
#include "core/batching/sequence_scheduler.h"
#include "core/engine/engine_options.h"
#include "core/model/model.h"

namespace rnnserve {

// Returns how a model's cores compute the steps of its sessions. Usually each core computes batches
// of its own. If nearly everything that a timestep reads is weights of layers that are large enough
// to share, all cores compute one batch together, even a batch of a single row, as long as no
// further whole batch waits. REQUIRES: the model is streamable.
BatchScheduler::Options StepSchedulerOptions(const Model& model, const EngineOptions& options);

// Returns how a model's cores compute whole sequences. A streamable model gets a single worker for
// them, because they are only runs with training=True, which must not slow down sessions on more
// than one core. Any other model gets a worker per core.
SequenceScheduler::Options SequenceSchedulerOptions(const Model& model,
                                                    const EngineOptions& options);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_HOSTING_SCHEDULER_OPTIONS_H_
