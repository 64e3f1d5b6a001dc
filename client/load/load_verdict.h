// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_LOAD_LOAD_VERDICT_H_
#define RNNSERVE_CLIENT_LOAD_LOAD_VERDICT_H_

#include <string>
#include <vector>

#include "client/load/load_run.h"

namespace rnnserve::client {

// The assessment of a load's numbers.
struct LoadVerdict {
  // Whether the server, while the window was open, answered at least 95 % of the steps that were
  // due. Always true for a closed loop, which offers no more than is answered.
  bool is_keeping_up = true;
  // Whether the two halves of the measurement agree: their steps per second differ by at most 10 %
  // plus three standard deviations of a Poisson process of that many steps, and their medians by at
  // most a factor of 1.5. Both this and is_long_enough are false if a half has fewer than 100
  // steps.
  bool is_steady = false;
  bool is_long_enough = false;
  // Whether the generator or its machine was the bottleneck: 1 % of the messages were handed to
  // their stream more than 1 ms, and more than a tenth of the median latency, after their scheduled
  // time; or one thread used more than 80 % of a processor.
  bool is_generator_limit = false;
  // A line for each of the three judgements and one for an interruption, for people to read.
  std::vector<std::string> remarks;
};

LoadVerdict Judge(const LoadResult& result, bool is_open_loop);

// Return the steps answered in the window (or in one half of it) per second; 0 if its length is
// zero. REQUIRES: `half` is one of the two halves.
double StepsPerSecond(const LoadResult& result, MeasurementWindow::Part half);
double StepsPerSecond(const LoadResult& result);
double TimestepsPerSecond(const LoadResult& result);
// Returns the steps that were due in the window, per second.
double OfferedStepsPerSecond(const LoadResult& result);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_LOAD_VERDICT_H_
