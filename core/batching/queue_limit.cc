// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/batching/queue_limit.h"

#include "absl/strings/str_cat.h"
#include "core/base/error.h"

namespace rnnserve {

absl::Status QueueFullError(const QueueLimits& limits, const QueueLoad& waiting,
                            const QueueLoad& more, const QueueBudget& total) {
  if (more.rows > limits.max_rows - waiting.rows) {
    return ResourceExhausted("QUEUE_LIMIT",
                             absl::StrCat(waiting.rows, " rows wait for a worker, of at most ",
                                          limits.max_rows, "; ", more.rows, " more do not fit"),
                             limits.retry_delay);
  }
  if (more.bytes > limits.max_bytes - waiting.bytes) {
    return ResourceExhausted(
        "QUEUE_BYTES_LIMIT",
        absl::StrCat(waiting.bytes, " bytes of inputs and outputs wait for a worker, of at most ",
                     limits.max_bytes, "; ", more.bytes, " more do not fit"),
        limits.retry_delay);
  }
  const QueueLoad used = total.used();
  return ResourceExhausted(
      "TOTAL_QUEUE_LIMIT",
      absl::StrCat(used.rows, " rows and ", used.bytes, " bytes of all models wait, of at most ",
                   total.max_rows(), " and ", total.max_bytes(), "; ", more.rows, " rows and ",
                   more.bytes, " bytes more do not fit"),
      limits.retry_delay);
}

absl::Status DisplacedError(const QueueLimits& limits) {
  return ResourceExhausted(
      "QUEUE_DISPLACED",
      absl::StrCat("work of a higher priority took the place of this row: at most ",
                   limits.max_rows, " rows may wait for a worker; nothing was executed"),
      limits.retry_delay);
}

}  // namespace rnnserve
