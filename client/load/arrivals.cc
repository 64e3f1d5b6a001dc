// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/load/arrivals.h"

#include "absl/strings/str_cat.h"
#include "client/files/number_lines.h"
#include "client/load/random.h"

namespace rnnserve::client {
namespace {

// Collects arrivals until one limit is reached.
class LimitedArrivals {
 public:
  explicit LimitedArrivals(const ArrivalLimits& limits) : limits_(limits) {}

  // Returns false, without taking the arrival, if `time` is after the end of the load or the limit
  // is reached.
  bool Take(absl::Duration time) {
    if (time >= limits_.warm_up + limits_.measured || num_measured_ == limits_.max_measured) {
      return false;
    }
    if (time >= limits_.warm_up) ++num_measured_;
    times_.push_back(time);
    return true;
  }

  size_t size() const { return times_.size(); }
  Arrivals Release() && { return std::move(times_); }

 private:
  const ArrivalLimits limits_;
  Arrivals times_;
  uint64_t num_measured_ = 0;
};

absl::Status TooManyError() {
  return absl::InvalidArgumentError(
      absl::StrCat("more than ", kMaxArrivals, " messages, warm-up included, are too many"));
}

}  // namespace

absl::StatusOr<Arrivals> DrawPoissonArrivals(double per_second, const ArrivalLimits& limits,
                                             uint64_t seed) {
  Random random(seed);
  LimitedArrivals arrivals(limits);
  double seconds = random.Exponential(1 / per_second);
  while (arrivals.Take(absl::Seconds(seconds))) {
    if (arrivals.size() > kMaxArrivals) return TooManyError();
    seconds += random.Exponential(1 / per_second);
  }
  return std::move(arrivals).Release();
}

absl::StatusOr<Arrivals> ParseArrivals(absl::string_view text, const ArrivalLimits& limits) {
  const absl::StatusOr<std::vector<double>> seconds = ParseNumberLines(text);
  if (!seconds.ok()) return seconds.status();
  if (seconds->size() > kMaxArrivals) return TooManyError();
  LimitedArrivals arrivals(limits);
  for (size_t i = 0; i < seconds->size(); ++i) {
    if (i > 0 && (*seconds)[i] < (*seconds)[i - 1]) {
      return absl::InvalidArgumentError(absl::StrCat("arrival ", i, " is ", (*seconds)[i],
                                                     " s, before the one that precedes it (",
                                                     (*seconds)[i - 1], " s)"));
    }
    if (!arrivals.Take(absl::Seconds((*seconds)[i] - seconds->front()))) break;
  }
  return std::move(arrivals).Release();
}

}  // namespace rnnserve::client
