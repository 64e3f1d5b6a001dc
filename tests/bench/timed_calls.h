// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_TIMED_CALLS_H_
#define RNNSERVE_TESTS_BENCH_TIMED_CALLS_H_

#include <cstdint>
#include <functional>

namespace rnnserve::testing {

// A function that is timed in slices of a few milliseconds, between which others have their turn:
// what disturbs a shared machine then meets all of them. Used by one thread at a time.
class TimedCalls {
 public:
  // Calls it a few times, to know how often a slice calls it: as often as fits, and at least once.
  TimedCalls(std::function<void()> call, double slice_seconds);

  // The mean of one call in seconds. What the others left in the caches is made good by half as
  // many calls before, which do not count, unless one call is longer than several slices.
  double Slice() const;

 private:
  double Time(int64_t num_calls) const;

  const std::function<void()> call_;
  int64_t calls_per_slice_ = 1;
  int64_t warming_calls_ = 1;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_TIMED_CALLS_H_
