// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/load/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace rnnserve::client {
namespace {

// 2^6 buckets for each doubling. Below 2^7 ns a bucket is one nanosecond wide.
constexpr int kBucketBits = 6;
constexpr size_t kBucketsPerDoubling = size_t{1} << kBucketBits;

size_t IndexOf(int64_t ns) {
  const auto value = static_cast<uint64_t>(std::min(ns, LatencyHistogram::kLongestNs));
  const int shift = std::max(static_cast<int>(std::bit_width(value)) - kBucketBits - 1, 0);
  return static_cast<size_t>(shift) * kBucketsPerDoubling + (value >> shift);
}

// Returns the smallest value in bucket `index`. The bucket ends where the next one begins.
int64_t LowerEnd(size_t index) {
  if (index < 2 * kBucketsPerDoubling) return static_cast<int64_t>(index);
  const size_t shift = index / kBucketsPerDoubling - 1;
  return static_cast<int64_t>((index - shift * kBucketsPerDoubling) << shift);
}

}  // namespace

void LatencyHistogram::Add(absl::Duration latency) {
  const int64_t ns = std::max<int64_t>(absl::ToInt64Nanoseconds(latency), 0);
  const size_t index = IndexOf(ns);
  if (index >= counts_.size()) counts_.resize(index + 1);
  ++counts_[index];
  ++count_;
  min_ns_ = std::min(min_ns_, ns);
  max_ns_ = std::max(max_ns_, ns);
  sum_ns_ += static_cast<double>(ns);
}

void LatencyHistogram::Merge(const LatencyHistogram& other) {
  if (other.counts_.size() > counts_.size()) counts_.resize(other.counts_.size());
  for (size_t i = 0; i < other.counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  min_ns_ = std::min(min_ns_, other.min_ns_);
  max_ns_ = std::max(max_ns_, other.max_ns_);
  sum_ns_ += other.sum_ns_;
}

absl::Duration LatencyHistogram::Mean() const {
  if (count_ == 0) return absl::ZeroDuration();
  return absl::Nanoseconds(sum_ns_ / static_cast<double>(count_));
}

absl::Duration LatencyHistogram::Quantile(double q) const {
  if (count_ == 0) return absl::ZeroDuration();
  const auto rank = static_cast<uint64_t>(std::ceil(q * static_cast<double>(count_)));
  if (rank >= count_) return max();
  if (rank <= 1) return min();
  uint64_t seen = 0;
  size_t index = 0;
  while ((seen += counts_[index]) < rank) ++index;
  const int64_t lower = LowerEnd(index);
  // The middle of the values in the bucket.
  const int64_t middle = lower + (LowerEnd(index + 1) - 1 - lower) / 2;
  return absl::Nanoseconds(std::clamp(middle, min_ns_, max_ns_));
}

std::vector<LatencyHistogram::Bucket> LatencyHistogram::Buckets() const {
  std::vector<Bucket> buckets;
  for (size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] == 0) continue;
    buckets.push_back(
        {absl::Nanoseconds(LowerEnd(i)), absl::Nanoseconds(LowerEnd(i + 1)), counts_[i]});
  }
  return buckets;
}

}  // namespace rnnserve::client
