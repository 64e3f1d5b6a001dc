// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/timed_calls.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace rnnserve::testing {
namespace {

// A call that takes at least this number of slices warms its caches in a small part of its own
// time.
constexpr double kLongCallSlices = 4;

}  // namespace

TimedCalls::TimedCalls(std::function<void()> call, double slice_seconds) : call_(std::move(call)) {
  call_();
  int64_t num_calls = 1;
  double seconds = Time(num_calls);
  while (seconds < slice_seconds / 4) {
    num_calls *= 2;
    seconds = Time(num_calls);
  }
  const double calls = static_cast<double>(num_calls) * slice_seconds / seconds;
  calls_per_slice_ = std::max<int64_t>(1, static_cast<int64_t>(calls));
  warming_calls_ = calls * kLongCallSlices > 1 ? (calls_per_slice_ + 1) / 2 : 0;
}

double TimedCalls::Slice() const {
  Time(warming_calls_);
  return Time(calls_per_slice_) / static_cast<double>(calls_per_slice_);
}

double TimedCalls::Time(int64_t num_calls) const {
  const auto begin = std::chrono::steady_clock::now();
  for (int64_t i = 0; i < num_calls; ++i) call_();
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  return taken.count();
}

}  // namespace rnnserve::testing
