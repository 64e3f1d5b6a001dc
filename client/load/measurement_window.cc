// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/load/measurement_window.h"

#include <algorithm>

namespace rnnserve::client {
namespace {

void Lower(std::atomic<int64_t>* value, int64_t bound) {
  int64_t current = value->load();
  while (bound < current && !value->compare_exchange_weak(current, bound)) {
  }
}

}  // namespace

MeasurementWindow::MeasurementWindow(absl::Duration begin, absl::Duration length,
                                     uint64_t max_steps)
    : begin_(begin),
      max_steps_(max_steps),
      middle_ns_(absl::ToInt64Nanoseconds(begin + length / 2)),
      end_ns_(absl::ToInt64Nanoseconds(begin + length)) {}

MeasurementWindow::Part MeasurementWindow::Admit(absl::Duration time, uint64_t num_steps) {
  const int64_t time_ns = absl::ToInt64Nanoseconds(time);
  if (time_ns >= end_ns_.load()) return kAfter;
  if (time < begin_) return kWarmUp;
  const uint64_t num_before = num_steps_.fetch_add(num_steps);
  if (num_before >= max_steps_) return kAfter;
  if (num_before + num_steps >= max_steps_) Lower(&end_ns_, time_ns);
  if (num_before >= max_steps_ / 2) Lower(&middle_ns_, time_ns);
  return time_ns < middle_ns_.load() ? kFirstHalf : kSecondHalf;
}

MeasurementWindow::Part MeasurementWindow::PartOf(absl::Duration time) const {
  const int64_t time_ns = absl::ToInt64Nanoseconds(time);
  if (time < begin_) return kWarmUp;
  if (time_ns >= end_ns_.load()) return kAfter;
  return time_ns < middle_ns_.load() ? kFirstHalf : kSecondHalf;
}

void MeasurementWindow::End(absl::Duration time) {
  const int64_t time_ns = absl::ToInt64Nanoseconds(std::max(time, begin_));
  Lower(&end_ns_, time_ns);
  Lower(&middle_ns_, time_ns);
}

absl::Duration MeasurementWindow::LengthOf(Part half) const {
  const absl::Duration middle = std::min(absl::Nanoseconds(middle_ns_.load()), end());
  return half == kFirstHalf ? middle - begin_ : end() - middle;
}

}  // namespace rnnserve::client
