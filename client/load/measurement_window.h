// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_LOAD_MEASUREMENT_WINDOW_H_
#define RNNSERVE_CLIENT_LOAD_MEASUREMENT_WINDOW_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"

namespace rnnserve::client {

// The part of a load that is measured: it begins after the warm-up and ends when a time has passed
// or a number of steps was sent, whichever comes first. The same rule separates its two halves.
//
// All times must come from one clock. Thread-safe.
class MeasurementWindow {
 public:
  enum Part { kFirstHalf, kSecondHalf, kWarmUp, kAfter };
  static constexpr int kNumHalves = 2;

  // Measures from `begin` for `length`, but at most `max_steps`. REQUIRES: both are positive.
  MeasurementWindow(absl::Duration begin, absl::Duration length, uint64_t max_steps);

  // Asks to send `num_steps` that were scheduled for `time`, and returns the part to which they
  // belong; if that is kAfter they must not be sent. The message that reaches `max_steps` is sent
  // as a whole.
  Part Admit(absl::Duration time, uint64_t num_steps);

  // Returns the part to which an event at `time` belongs.
  Part PartOf(absl::Duration time) const;

  // Ends the window at `time` if it would last longer.
  void End(absl::Duration time);

  absl::Duration begin() const { return begin_; }
  // Returns the length of `half`. It is final once `end` has passed.
  absl::Duration LengthOf(Part half) const;
  absl::Duration end() const { return absl::Nanoseconds(end_ns_.load()); }

 private:
  const absl::Duration begin_;
  const uint64_t max_steps_;
  std::atomic<uint64_t> num_steps_ = 0;
  // Both times only decrease, towards `begin_`.
  std::atomic<int64_t> middle_ns_;
  std::atomic<int64_t> end_ns_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_MEASUREMENT_WINDOW_H_
