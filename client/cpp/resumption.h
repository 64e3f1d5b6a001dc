// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_RESUMPTION_H_
#define RNNSERVE_CLIENT_CPP_RESUMPTION_H_

#include <cstdint>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"

namespace rnnserve::client {

// The report that a ResumableSession gives its observer after it recovered from a lost connection
// or server. A value.
struct Resumption {
  // The number of steps delivered before the loss; the session had to be brought back to this
  // version.
  uint64_t version_before = 0;
  // The number of steps that the session had committed where it was found; `version_before` + 1 if
  // the step in flight had been committed.
  uint64_t version_found = 0;
  // The newest `durable_version` that a server had reported before the loss.
  uint64_t durable_version_before = 0;
  // The epoch of this writer before the loss, and after it.
  uint64_t epoch_before = 0;
  uint64_t epoch = 0;
  // The number of delivered steps that were sent once more.
  uint64_t num_replayed = 0;
  // The time from the first failed call until the session was at `version_before` again.
  absl::Duration duration;
  // Whether `version_found` < `durable_version_before`: the snapshot store lost steps that it had
  // accepted.
  bool is_regressed = false;
  // Whether no server knew the session, so that it was reopened.
  bool is_reopened = false;
  // Whether a replayed step gave an output that differs, in any bit, from the delivered one.
  bool has_different_outputs = false;
};

using ResumptionObserver = absl::AnyInvocable<void(const Resumption&)>;

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_RESUMPTION_H_
