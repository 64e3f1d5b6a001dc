// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_RESUMPTION_H_
#define RNNSERVE_CLIENT_CPP_RESUMPTION_H_

#include <cstdint>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"

namespace rnnserve::client {

// What became of a session whose connection or server was lost, as ResumableSession tells its
// observer. A value.
struct Resumption {
  // The steps that had been delivered, to which the session was to be brought again.
  uint64_t version_before = 0;
  // The steps that it had committed where it was found; `version_before` + 1 if the one under way
  // was.
  uint64_t version_found = 0;
  // The newest `durable_version` that had been told.
  uint64_t durable_version_before = 0;
  // Of this writer, before and after.
  uint64_t epoch_before = 0;
  uint64_t epoch = 0;
  // The steps that were sent once more after they had been delivered.
  uint64_t num_replayed = 0;
  // From the first failed call until the session stood at `version_before` again.
  absl::Duration duration;
  // Whether `version_found` < `durable_version_before`: the store had lost what it had taken.
  bool is_regressed = false;
  // Whether no server knew the session, so that it was opened again.
  bool is_reopened = false;
  // Whether a replayed step gave other bits than were delivered.
  bool has_different_outputs = false;
};

using ResumptionObserver = absl::AnyInvocable<void(const Resumption&)>;

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_RESUMPTION_H_
