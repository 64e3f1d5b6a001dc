// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/batching/queue_limit.h"

#include "absl/strings/str_cat.h"
#include "core/base/error.h"

namespace rnnserve {

absl::Status QueueLimitError(int64_t num_queued, int64_t max_queued, int64_t num_refused,
                             absl::Duration retry_delay) {
  return ResourceExhausted("QUEUE_LIMIT",
                           absl::StrCat(num_queued, " rows wait for a worker, of at most ",
                                        max_queued, "; ", num_refused, " more do not fit"),
                           retry_delay);
}

}  // namespace rnnserve
