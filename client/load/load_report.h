// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_LOAD_LOAD_REPORT_H_
#define RNNSERVE_CLIENT_LOAD_LOAD_REPORT_H_

#include <string>
#include <vector>

#include "client/load/latency_picture.h"
#include "client/load/load_run.h"
#include "client/load/load_verdict.h"

namespace rnnserve::client {

// The report of one load, or of the loads of a sweep.
struct LoadReport {
  enum class Loop { kClosed, kPoisson, kRecorded };
  struct Entry {
    // The requested steps per second; for recorded arrivals, the steps per second that were due. 0
    // for a closed loop.
    double offered = 0;
    LoadResult result;
    LoadVerdict verdict;
  };

  std::string server;
  Loop loop = Loop::kClosed;
  // For recorded arrivals.
  std::string arrivals_path;
  LoadOptions options;
  std::vector<Entry> entries;

  // Returns tables and remarks for people to read: a line for each load, then one for each model if
  // there are several, then the errors.
  std::string ToText() const;

  // Returns one JSON object on a line: `options`, and in `loads` all numbers of each load.
  // Latencies are in microseconds, as percentiles and as the buckets of the histogram, [lower end,
  // count].
  std::string ToJson() const;

  LatencyPicture ToPicture() const;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_LOAD_REPORT_H_
