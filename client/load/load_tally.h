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

// One way in which a part of the load failed.
struct LoadError {
  // "open", "step" or "close".
  std::string action;
  // "RESOURCE_EXHAUSTED"
  std::string code;
  // What the server gives as its reason; for steps without an answer of their own one of ours:
  // ANSWERED_LATE, NOT_ANSWERED, NOT_SENT.
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
  // The first of them.
  absl::Status example;
};

// What was counted of a load, on one stream or on all: only what was meant for the measurement
// window, except where it says otherwise.
//
// A value. Thread-compatible.
struct LoadTally {
  explicit LoadTally(size_t num_models) : latencies(num_models) {}

  void AddError(LoadError error, const absl::Status& status);
  // REQUIRES: as many models.
  void Merge(const LoadTally& other);

  // The steps of `latencies`, of one half or of both, of all models.
  LatencyHistogram LatenciesOf(MeasurementWindow::Part half) const;
  LatencyHistogram AllLatencies() const;
  uint64_t NumFailedSteps() const;

  // The steps that were due, and those that were answered well and in time. The others are among
  // `errors`.
  uint64_t num_steps = 0;
  uint64_t num_answered = 0;
  // The messages that left, the steps in them, and the sequences that were begun.
  uint64_t num_messages = 0;
  uint64_t num_sent = 0;
  uint64_t num_sequences = 0;
  // What was received while the window was open, whenever it was sent. The result of a StepSessions
  // counts once for each of its sessions.
  uint64_t num_responses = 0;
  uint64_t num_results = 0;
  struct Answers {
    uint64_t num_steps = 0;
    uint64_t num_timesteps = 0;
  };
  std::array<Answers, MeasurementWindow::kNumHalves> answers_by_time;

  // From the time a step was meant for to its answer, [model][half]. Those of late answers are
  // here, and the age of those without an answer at the end: they would flatter the server if they
  // were left out. Those that were refused are not, because a refusal takes no time.
  std::vector<std::array<LatencyHistogram, MeasurementWindow::kNumHalves>> latencies;

  std::map<LoadError, LoadErrorCount> errors;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_LOAD_TALLY_H_
