// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_BATCHING_OPTIONS_H_
#define RNNSERVE_CORE_BATCHING_BATCHING_OPTIONS_H_

#include <cstdint>

#include "absl/time/time.h"

namespace rnnserve {

// How steps are batched: the trade-off between throughput and latency. BatchScheduler gives the
// worst queueing time as a formula in these options. REQUIRES: the numbers are >= 1, the delay is
// >= 0.
struct BatchingOptions {
  // Rows in one cell step of one worker. The rows of a cell step share one read of the weights, so
  // more rows raise throughput; each cell step then takes longer for every row in it. Each row
  // costs the worker one column of memory in every layer.
  int64_t max_batch_rows = 64;
  // Timesteps after which a row gives its place in the batch to a waiting row. With fewer, long
  // requests delay short ones less, but states are copied in and out more often.
  int64_t slice_timesteps = 32;
  // How long an idle worker waits for a full batch after the first task has arrived.
  // Zero: it does not wait. Raise it only to trade latency for throughput at low load.
  absl::Duration max_batch_delay = absl::ZeroDuration();
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_BATCHING_OPTIONS_H_
