// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/base/clock.h"

#include <chrono>

namespace rnnserve {

absl::Time MonotonicClock::Now() const {
  return absl::UnixEpoch() + absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace rnnserve
