// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_LOAD_LATENCY_HISTOGRAM_H_
#define RNNSERVE_CLIENT_LOAD_LATENCY_HISTOGRAM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"

namespace rnnserve::client {

// Latencies in log-linear buckets, 64 of equal width for each doubling, like Gil Tene's
// HdrHistogram. It takes at most 20 kB for any number of latencies, and every quantile is within
// kRelativeError of the quantile of a sorted list.
//
// To get the quantiles of several runs or streams, merge their histograms; single quantiles cannot
// be combined. Thread-compatible.
class LatencyHistogram {
 public:
  // Half the width of a bucket, divided by its lower end.
  static constexpr double kRelativeError = 1.0 / 128;
  // Longer latencies (above 73 minutes) are counted in the last bucket; only `max` shows them.
  static constexpr int64_t kLongestNs = (int64_t{1} << 42) - 1;

  struct Bucket {
    absl::Duration lower;
    // The smallest latency above the bucket.
    absl::Duration upper;
    uint64_t count = 0;
  };

  // Counts a latency; a negative one counts as zero.
  void Add(absl::Duration latency);
  void Merge(const LatencyHistogram& other);

  uint64_t count() const { return count_; }
  // Return exact values; zero if the histogram is empty.
  absl::Duration min() const { return absl::Nanoseconds(count_ == 0 ? 0 : min_ns_); }
  absl::Duration max() const { return absl::Nanoseconds(max_ns_); }
  absl::Duration Mean() const;

  // Returns the smallest latency that a fraction `q` of all does not exceed, by nearest rank; zero
  // if the histogram is empty. Exact for the smallest and the largest latency. REQUIRES: 0 < q <=
  // 1.
  absl::Duration Quantile(double q) const;

  // Returns the buckets that are not empty, in order.
  std::vector<Bucket> Buckets() const;

 private:
  // Ends with the last bucket in use.
  std::vector<uint64_t> counts_;
  uint64_t count_ = 0;
  int64_t min_ns_ = INT64_MAX;
  int64_t max_ns_ = 0;
  double sum_ns_ = 0;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_LATENCY_HISTOGRAM_H_
