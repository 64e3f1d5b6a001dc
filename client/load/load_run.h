// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_LOAD_LOAD_RUN_H_
#define RNNSERVE_CLIENT_LOAD_LOAD_RUN_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "client/load/arrivals.h"
#include "client/load/length_distribution.h"
#include "client/load/load_session.h"
#include "client/load/load_tally.h"
#include "client/load/model_mix.h"
#include "client/load/thread_times.h"
#include "client/load/waitable_clock.h"

// One load on a server, from opening its sessions to the last answer.
namespace rnnserve::client {

// What is sent. `rnnctl bench --help` has the ranges.
struct LoadOptions {
  std::vector<ModelShare> models;
  // Divided by `sessions_per_message`, which gives the groups; each is in one of the streams, each
  // stream in one of the channels, so there are at least as many of the former.
  size_t num_sessions = 64;
  size_t num_streams = 4;
  size_t num_channels = 1;
  size_t sessions_per_message = 1;
  // Whether the steps of a message are one StepSessions instead of a Step each. REQUIRES: one
  // model, and `lengths` all the same multiple of `chunk_timesteps`.
  bool uses_step_sessions = false;
  LengthDistribution lengths;
  int64_t chunk_timesteps = 1;
  uint64_t max_steps = 1'000'000;
  absl::Duration measured = absl::Seconds(10);
  absl::Duration warm_up = absl::Seconds(2);
  // An answer later than this counts as an error. Also how long the load waits for the sessions to
  // open, and for answers after the last step.
  absl::Duration timeout = absl::Seconds(30);
  // If not infinite: the server is told to drop a step that it cannot answer within this, and an
  // answer later than this counts as an error too.
  absl::Duration deadline = absl::InfiniteDuration();
  // Of a closed loop: between the answer and the next step.
  absl::Duration think_time = absl::ZeroDuration();
  uint64_t seed = 0;
};

// What came of it.
struct LoadResult {
  explicit LoadResult(size_t num_models) : tally(num_models) {}

  LoadTally tally;
  // How long the two halves of the measurement took.
  std::array<absl::Duration, MeasurementWindow::kNumHalves> half_lengths;
  // How long after its time each measured message was handed to its stream: what the generator
  // itself adds. Empty for a closed loop that does not think, whose messages are due when they are
  // sent.
  LatencyHistogram send_delays;
  // During the measurement.
  ThreadUse thread_use;
  bool is_interrupted = false;
  // Why a stream ended before the load did; OK otherwise.
  absl::Status status;
};

// All of it must outlive the load.
struct LoadSurroundings {
  // `num_channels` of them.
  const std::vector<std::unique_ptr<Client>>& channels;
  WaitableClock& clock;
  // Called now and then, with how much of the time has passed, 0 to 1.
  std::function<void(double fraction)> on_progress;
  // Asked now and then; true ends the load early.
  std::function<bool()> is_interrupted;
};

// Opens the sessions, sends the load, waits for the answers and ends the streams, and with them the
// sessions. `models` are those of `options.models`. With `arrivals` the loop is open: message i
// leaves at time i, from the groups in turn. Without (null) it is closed: each group sends its next
// message when its last one is answered, after the think time.
//
// Fails, having ended all sessions, with the server's error if a session cannot be opened, and with
// DEADLINE_EXCEEDED if that takes longer than the timeout. Later errors are part of the result.
absl::StatusOr<LoadResult> RunLoad(const LoadOptions& options,
                                   const std::vector<LoadSession::Model>& models,
                                   const Arrivals* arrivals, const LoadSurroundings& surroundings);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_LOAD_RUN_H_
