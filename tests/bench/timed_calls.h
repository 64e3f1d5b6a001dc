// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_TIMED_CALLS_H_
#define RNNSERVE_TESTS_BENCH_TIMED_CALLS_H_

#include <cstdint>
#include <functional>

namespace rnnserve::testing {

// A function that is timed in slices of a few milliseconds. Slices of different functions take
// turns, so that a disturbance on a shared machine affects all of them. Used by one thread at a
// time: the one that runs the benchmark.
class TimedCalls {
 public:
  // Calls the function a few times to find out how many calls fit into a slice. A slice has at
  // least one call.
  TimedCalls(std::function<void()> call, double slice_seconds);

  // Returns the mean time of one call in seconds. To undo what the other functions did to the
  // caches, it first makes half as many calls that do not count, unless one call takes longer than
  // several slices.
  double Slice() const;

 private:
  double Time(int64_t num_calls) const;

  const std::function<void()> call_;
  int64_t calls_per_slice_ = 1;
  int64_t warming_calls_ = 1;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_TIMED_CALLS_H_
