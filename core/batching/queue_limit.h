// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_QUEUE_LIMIT_H_
#define RNNSERVE_CORE_BATCHING_QUEUE_LIMIT_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/batching/queue_budget.h"
#include "core/batching/queue_load.h"

namespace rnnserve {

// How much may wait in one queue, and how long a refused caller is told to wait.
struct QueueLimits {
  int64_t max_rows = 4096;
  int64_t max_bytes = int64_t{256} << 20;  // of inputs, masks and outputs to come
  // How long a refused caller is told to wait before it tries again.
  absl::Duration retry_delay = absl::Milliseconds(100);
};

// Returns the error that says why `more` does not fit behind `waiting`: RESOURCE_EXHAUSTED with the
// limit that was hit. Reasons: QUEUE_LIMIT (rows), QUEUE_BYTES_LIMIT, TOTAL_QUEUE_LIMIT (all models
// together).
absl::Status QueueFullError(const QueueLimits& limits, const QueueLoad& waiting,
                            const QueueLoad& more, const QueueBudget& total);

// Returns RESOURCE_EXHAUSTED (QUEUE_DISPLACED): work of a higher priority took the task's place.
absl::Status DisplacedError(const QueueLimits& limits);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_QUEUE_LIMIT_H_
