// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_ENGINE_OPTIONS_H_
#define RNNSERVE_CORE_ENGINE_ENGINE_OPTIONS_H_

#include <cstdint>

#include "absl/time/time.h"
#include "core/batching/batching_options.h"
#include "core/session/session_table_options.h"

namespace rnnserve {

// The resources and limits of an Engine.
struct EngineOptions {
  SessionTableOptions sessions;
  // The longest idle timeout that a detached session may ask for, and the one that it gets if it
  // asks for none.
  absl::Duration max_idle_timeout = absl::Minutes(5);
  // The number of cores for each model; 0: all. Each core computes a batch of its own or, if nearly
  // all that a timestep reads is weights of large layers, all of them compute one batch together.
  int workers = 0;
  BatchingOptions batching;
  // Steps and rows of Infer that may wait for a worker, per model and in all models together.
  // Beyond that they are refused, except those that displace work of a lower priority.
  int64_t max_queued_steps = 4096;
  int64_t max_total_queued_steps = 16'384;
  // Bytes of the inputs and outputs of the work that waits, per model and in all models together.
  int64_t max_queued_bytes = int64_t{256} << 20;
  int64_t max_total_queued_bytes = int64_t{512} << 20;
  // Timesteps in one Step, or in one row of StepSessions or Infer.
  int64_t max_timesteps = 4096;
  // Rows in one Infer. An Infer of more than max_queued_steps rows is refused too.
  int64_t max_infer_rows = 1024;
  // Bytes that one Infer or StepSessions may take for its states and outputs. They include the
  // workspace of the batch if an Infer is computed as a whole, because the model cannot stream or
  // the call asks for training.
  int64_t max_infer_bytes = int64_t{256} << 20;
  // The grace period of a replaced model: how long its sessions may continue before they are ended.
  // The model keeps its memory and its threads for that long.
  absl::Duration retire_after = absl::Minutes(15);
  // Replaced models of one name that may still have sessions. While there are this many, the name's
  // model cannot be replaced again. Each one costs the memory of its weights and its workers.
  int64_t max_retiring_models = 4;
  // How long a caller is told to wait before it tries again, if a full queue has refused it.
  absl::Duration retry_delay = absl::Milliseconds(100);
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_ENGINE_OPTIONS_H_
