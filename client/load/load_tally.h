// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_LOAD_LOAD_TALLY_H_
#define RNNSERVE_CLIENT_LOAD_LOAD_TALLY_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "client/load/latency_histogram.h"
#include "client/load/measurement_window.h"

namespace rnnserve::client {

// One kind of failure of a load.
struct LoadError {
  // "open", "step" or "close".
  std::string action;
  // "RESOURCE_EXHAUSTED"
  std::string code;
  // The server's reason or, for steps without an answer, a reason of this library: ANSWERED_LATE,
  // NOT_ANSWERED, NOT_SENT.
  std::string reason;

  friend bool operator==(const LoadError& a, const LoadError& b) { return a.Key() == b.Key(); }
  friend bool operator<(const LoadError& a, const LoadError& b) { return a.Key() < b.Key(); }

 private:
  std::tuple<const std::string&, const std::string&, const std::string&> Key() const {
    return {action, code, reason};
  }
};

struct LoadErrorCount {
  uint64_t count = 0;
  // The first error of this kind.
  absl::Status example;
};

// The counts of a load, on one stream or on all. They include only what was scheduled for the
// measurement window, unless stated otherwise.
//
// A value. Thread-compatible.
struct LoadTally {
  explicit LoadTally(size_t num_models) : latencies(num_models) {}

  void AddError(LoadError error, const absl::Status& status);
  // REQUIRES: both tallies have the same number of models.
  void Merge(const LoadTally& other);

  // Returns the latencies of the steps of all models, in one half or in both.
  LatencyHistogram LatenciesOf(MeasurementWindow::Part half) const;
  LatencyHistogram AllLatencies() const;
  uint64_t NumFailedSteps() const;

  // The number of steps that were due, and how many of them were answered successfully and in time.
  // The rest are in `errors`.
  uint64_t num_steps = 0;
  uint64_t num_answered = 0;
  // The numbers of messages sent, of the steps in them, and of the sequences begun.
  uint64_t num_messages = 0;
  uint64_t num_sent = 0;
  uint64_t num_sequences = 0;
  // The responses and results received while the window was open, no matter when their steps were
  // sent. The result of a StepSessions counts once for each of its sessions.
  uint64_t num_responses = 0;
  uint64_t num_results = 0;
  struct Answers {
    uint64_t num_steps = 0;
    uint64_t num_timesteps = 0;
  };
  std::array<Answers, MeasurementWindow::kNumHalves> answers_by_time;

  // The time from a step's scheduled time to its answer, [model][half]. It includes late answers
  // and the age of steps without an answer at the end, because leaving them out would flatter the
  // server. It does not include refused steps, because a refusal takes no time.
  std::vector<std::array<LatencyHistogram, MeasurementWindow::kNumHalves>> latencies;

  std::map<LoadError, LoadErrorCount> errors;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_LOAD_TALLY_H_
