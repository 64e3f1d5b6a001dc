// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_CALL_LIMITS_H_
#define RNNSERVE_CORE_BATCHING_CALL_LIMITS_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/cancellation.h"

namespace rnnserve {

// When a call stops being worth the work. Work that has not begun by then is dropped, with
// DEADLINE_EXCEEDED or CANCELLED and no effect; work that has begun is finished.
struct CallLimits {
  absl::Time deadline = absl::InfiniteFuture();  // on the engine's clock
  std::shared_ptr<Cancellation> cancellation;    // null: cannot be cancelled
};

// Whether work that begins now and takes about `needed` is still wanted: not if it was cancelled,
// or cannot be done by the deadline. Errors: CANCELLED or DEADLINE_EXCEEDED, reason NOT_EXECUTED.
absl::Status CheckStillWanted(const CallLimits& limits, absl::Time now,
                              absl::Duration needed = absl::ZeroDuration());

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_CALL_LIMITS_H_
