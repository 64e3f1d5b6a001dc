// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_RNNCTL_BENCH_OPTIONS_H_
#define RNNSERVE_CLIENT_RNNCTL_BENCH_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}  // namespace CLI

namespace rnnserve::client {

struct Options;

// The command line of `rnnctl bench`, except for the options that it shares with other commands.
struct BenchOptions {
  // The models, each in the form that ParseModelShare reads.
  std::vector<std::string> models;

  // At most one of these is set and makes the loop open: the steps per second, the rates in the
  // form that ParseRates reads, or the path of recorded arrivals.
  std::optional<double> rate;
  std::string sweep;
  std::string arrivals;

  size_t num_streams = 4;
  size_t num_channels = 1;
  size_t sessions_per_message = 1;
  bool uses_step_sessions = false;
  // The lengths of sequences, in the form that LengthDistribution::Parse reads.
  std::string lengths = "fixed:100";
  double think_ms = 0;
  // 0: no deadline.
  int64_t deadline_ms = 0;

  uint64_t max_steps = 1'000'000;
  double measured_seconds = 10;
  double warm_up_seconds = 2;

  // The path for the chart of a sweep; empty for none.
  std::string picture;
};

// Declares the flags of `bench` on its `command`; parsing the command line fills `options`.
void DeclareBench(CLI::App* command, Options* options);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_RNNCTL_BENCH_OPTIONS_H_
