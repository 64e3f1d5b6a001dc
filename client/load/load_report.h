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

// One load, or the loads of a sweep, as they are told.
struct LoadReport {
  enum class Loop { kClosed, kPoisson, kRecorded };
  struct Entry {
    // The steps a second that were asked for; of recorded arrivals, those that were due. 0 for a
    // closed loop.
    double offered = 0;
    LoadResult result;
    LoadVerdict verdict;
  };

  std::string server;
  Loop loop = Loop::kClosed;
  // Of recorded arrivals.
  std::string arrivals_path;
  LoadOptions options;
  std::vector<Entry> entries;

  // Tables and remarks for people: a line for each load, then each model if there are several, then
  // what failed.
  std::string ToText() const;

  // One JSON object on a line: `options`, and in `loads` every number of each; latencies in
  // microseconds, as percentiles and as the buckets of the histogram, [lower end, count].
  std::string ToJson() const;

  LatencyPicture ToPicture() const;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_LOAD_REPORT_H_
