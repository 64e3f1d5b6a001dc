// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_DEMO_METRICS_PAGE_H_
#define RNNSERVE_CLIENT_DEMO_METRICS_PAGE_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace rnnserve::client {

// A Prometheus histogram: for each bound, the number of observations that do not exceed it.
//
// A value. Thread-compatible.
class Histogram {
 public:
  // Adds `count` observations of at most `bound` (infinity for the last bucket).
  void Add(double bound, double count) { cumulative_[bound] += count; }
  void AddSum(double sum) { sum_ += sum; }

  // Returns the observations after `earlier`, an older state of the same histogram.
  Histogram Since(const Histogram& earlier) const;

  double count() const { return cumulative_.empty() ? 0 : cumulative_.rbegin()->second; }
  // Returns the mean of the observations; 0 if there are none.
  double Mean() const { return count() == 0 ? 0 : sum_ / count(); }

  // Returns what PromQL's histogram_quantile returns: it interpolates linearly in the bucket that
  // contains that rank, whose lower end is the bound before it or 0. Returns the last finite bound
  // if the rank is above all of them, and 0 if there are no observations. REQUIRES: 0 <= q <= 1.
  double Quantile(double q) const;

 private:
  std::map<double, double> cumulative_;
  double sum_ = 0;
};

// The histograms in the text of a /metrics page.
//
// Owns the text. Immutable; safe to share.
class MetricsPage {
 public:
  using Labels = std::map<std::string, std::string>;

  explicit MetricsPage(std::string text) : text_(std::move(text)) {}

  // Returns the sum of all histograms `name` that have at least `labels`; empty if there is none.
  Histogram HistogramOf(absl::string_view name, const Labels& labels) const;

 private:
  const std::string text_;
};

// Requests http://`address`/metrics. UNAVAILABLE, with the address, if that fails.
absl::StatusOr<MetricsPage> FetchMetrics(const std::string& address);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_DEMO_METRICS_PAGE_H_
