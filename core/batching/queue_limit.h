// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_QUEUE_LIMIT_H_
#define RNNSERVE_CORE_BATCHING_QUEUE_LIMIT_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace rnnserve {

// RESOURCE_EXHAUSTED (QUEUE_LIMIT): `num_queued` rows wait, of at most `max_queued`; `num_refused`
// more did not fit.
absl::Status QueueLimitError(int64_t num_queued, int64_t max_queued, int64_t num_refused,
                             absl::Duration retry_delay);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_QUEUE_LIMIT_H_
