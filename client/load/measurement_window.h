// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_LOAD_MEASUREMENT_WINDOW_H_
#define RNNSERVE_CLIENT_LOAD_MEASUREMENT_WINDOW_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"

namespace rnnserve::client {

// Which part of a load is measured: what comes after the warm-up, until a time has passed or a
// number of steps was sent, whichever is first; and its two halves, by the same rule.
//
// Times are those of one clock, from any moment. Thread-safe.
class MeasurementWindow {
 public:
  enum Part { kFirstHalf, kSecondHalf, kWarmUp, kAfter };
  static constexpr int kNumHalves = 2;

  // Measures from `begin` for `length`, `max_steps` at most. REQUIRES: both are positive.
  MeasurementWindow(absl::Duration begin, absl::Duration length, uint64_t max_steps);

  // Asks to send `num_steps` that were meant for `time`, and says to which part they belong; with
  // kAfter they must not be sent. The message that reaches `max_steps` is sent as a whole.
  Part Admit(absl::Duration time, uint64_t num_steps);

  // To which part what happens at `time` belongs.
  Part PartOf(absl::Duration time) const;

  // Ends it at `time`, if it would last longer.
  void End(absl::Duration time);

  absl::Duration begin() const { return begin_; }
  // How long `half` took. Fixed once `end` has passed.
  absl::Duration LengthOf(Part half) const;
  absl::Duration end() const { return absl::Nanoseconds(end_ns_.load()); }

 private:
  const absl::Duration begin_;
  const uint64_t max_steps_;
  std::atomic<uint64_t> num_steps_ = 0;
  // They only move forwards in the load, towards `begin_`.
  std::atomic<int64_t> middle_ns_;
  std::atomic<int64_t> end_ns_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_MEASUREMENT_WINDOW_H_
