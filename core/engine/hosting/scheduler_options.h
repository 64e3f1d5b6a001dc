// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_HOSTING_SCHEDULER_OPTIONS_H_
#define RNNSERVE_CORE_ENGINE_HOSTING_SCHEDULER_OPTIONS_H_

#include "core/batching/batch_scheduler.h"
#include "core/batching/sequence_scheduler.h"
#include "core/engine/engine_options.h"
#include "core/model/model.h"

namespace rnnserve {

// How the cores that the options give to a model are used for its sessions: each computes batches
// of its own; or, if nearly all that a timestep reads is weights of layers large enough to be
// shared, all compute one batch together as long as no further whole batch waits. A lone row is
// then not left to one core. REQUIRES: the model is streamable.
BatchScheduler::Options StepSchedulerOptions(const Model& model, const EngineOptions& options);

// The same for its whole sequences: a single worker beside those of the sessions, for then it
// computes runs with training=True alone, which are not to slow down sessions on more than one
// core.
SequenceScheduler::Options SequenceSchedulerOptions(const Model& model,
                                                    const EngineOptions& options);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_HOSTING_SCHEDULER_OPTIONS_H_
