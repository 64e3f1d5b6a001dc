// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_ENGINE_OPTIONS_H_
#define RNNSERVE_CORE_ENGINE_ENGINE_OPTIONS_H_

#include <cstdint>

#include "absl/time/time.h"
#include "core/session/session_table.h"

namespace rnnserve {

// What an Engine may use.
struct EngineOptions {
  SessionTable::Options sessions;
  // The longest idle timeout a detached session may ask for, and what it gets if it asks for none.
  absl::Duration max_idle_timeout = absl::Minutes(5);
  // Cores for each model, 0: all; scheduler_options.h tells how they are used.
  int workers = 0;
  // Rows in one cell step of one worker. More rows share a weight read; a step then takes longer.
  int64_t max_batch_rows = 64;
  // The timesteps after which a row leaves its place in a batch to others that wait for one.
  int64_t slice_timesteps = 32;
  // How long a lone step waits for others to share its cell step. Zero: not at all.
  absl::Duration max_batch_delay = absl::ZeroDuration();
  // Steps and rows that wait for a worker, for each model and in all; one more is refused.
  int64_t max_queued_steps = 4096;
  int64_t max_total_queued_steps = 16'384;
  // Bytes of their inputs and outputs.
  int64_t max_queued_bytes = int64_t{256} << 20;
  int64_t max_total_queued_bytes = int64_t{512} << 20;
  // Timesteps in one Step, or in one row of Infer.
  int64_t max_timesteps = 4096;
  // Rows in one Infer.
  int64_t max_infer_rows = 1024;
  // Bytes that one Infer may take for its states and outputs and, if the model cannot stream or the
  // call is with training, for the workspace of the whole batch.
  int64_t max_infer_bytes = int64_t{256} << 20;
  // How long the sessions of a model that was replaced may go on; then they end. Longer: a model
  // that was replaced takes memory and threads for longer.
  absl::Duration retire_after = absl::Minutes(15);
  // Models of one name that were replaced and still have sessions; a further one is not replaced.
  // Each takes its weights and its workers.
  int64_t max_retiring_models = 4;
  // What a refused caller is told to wait.
  absl::Duration retry_delay = absl::Milliseconds(100);
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_ENGINE_OPTIONS_H_
