// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_LOAD_LOAD_VERDICT_H_
#define RNNSERVE_CLIENT_LOAD_LOAD_VERDICT_H_

#include <string>
#include <vector>

#include "client/load/load_run.h"

namespace rnnserve::client {

// What the numbers of a load are worth.
struct LoadVerdict {
  // The server answered at least 95 % of the steps that were due, while the window was open. Always
  // true for a closed loop, which offers no more than is answered.
  bool is_keeping_up = true;
  // The two halves of the measurement agree: their steps a second within 10 %, and three standard
  // deviations of a Poisson process of as many steps; their medians within a factor of 1.5. False,
  // and is_long_enough too, if a half has fewer than 100 steps.
  bool is_steady = false;
  bool is_long_enough = false;
  // The generator, or the machine it runs on, was the limit: 1 % of the messages were handed to
  // their stream more than 1 ms, and more than a tenth of the median latency, after their time; or
  // one thread used more than 80 % of a processor.
  bool is_generator_limit = false;
  // A line for each of the three, and one for an interruption: for people.
  std::vector<std::string> remarks;
};

LoadVerdict Judge(const LoadResult& result, bool is_open_loop);

// The steps that were answered in the window, over its length; 0 if that is zero. REQUIRES: `half`
// is one.
double StepsPerSecond(const LoadResult& result, MeasurementWindow::Part half);
double StepsPerSecond(const LoadResult& result);
double TimestepsPerSecond(const LoadResult& result);
// The steps that were due in the window, over its length.
double OfferedStepsPerSecond(const LoadResult& result);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_LOAD_VERDICT_H_
