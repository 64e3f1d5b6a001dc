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

// Runs one load on a server, from opening its sessions to the last answer.
namespace rnnserve::client {

// Describes a load. `rnnctl bench --help` lists the ranges.
struct LoadOptions {
  std::vector<ModelShare> models;
  // Divisible by `sessions_per_message`; the quotient is the number of groups. Each group belongs
  // to one stream and each stream to one channel, so there are at least as many groups as streams
  // and as many streams as channels.
  size_t num_sessions = 64;
  size_t num_streams = 4;
  size_t num_channels = 1;
  size_t sessions_per_message = 1;
  // Whether the steps of a message form one StepSessions action instead of one Step per session.
  // REQUIRES: one model, and all `lengths` the same multiple of `chunk_timesteps`.
  bool uses_step_sessions = false;
  LengthDistribution lengths;
  int64_t chunk_timesteps = 1;
  uint64_t max_steps = 1'000'000;
  absl::Duration measured = absl::Seconds(10);
  absl::Duration warm_up = absl::Seconds(2);
  // An answer later than this counts as an error. Also how long the load waits for the sessions to
  // open, and for answers after the last step.
  absl::Duration timeout = absl::Seconds(30);
  // If not infinite: the server is told to drop a step that it cannot answer within this time, and
  // a later answer counts as an error.
  absl::Duration deadline = absl::InfiniteDuration();
  // For a closed loop: the time between an answer and the next step.
  absl::Duration think_time = absl::ZeroDuration();
  uint64_t seed = 0;
};

// The outcome of a load.
struct LoadResult {
  explicit LoadResult(size_t num_models) : tally(num_models) {}

  LoadTally tally;
  // The lengths of the two halves of the measurement.
  std::array<absl::Duration, MeasurementWindow::kNumHalves> half_lengths;
  // The delay between the scheduled time of each measured message and its handover to the stream:
  // the latency that the generator itself adds. Empty for a closed loop without think time, whose
  // messages are due when they are sent.
  LatencyHistogram send_delays;
  // The processor use during the measurement.
  ThreadUse thread_use;
  bool is_interrupted = false;
  // The reason why a stream ended before the load did; otherwise OK.
  absl::Status status;
};

// The objects that a load uses while it runs. All of them must outlive the load.
struct LoadSurroundings {
  // `num_channels` clients.
  const std::vector<std::unique_ptr<Client>>& channels;
  WaitableClock& clock;
  // Called now and then with the elapsed fraction of the time, 0 to 1.
  std::function<void(double fraction)> on_progress;
  // Called now and then; true ends the load early.
  std::function<bool()> is_interrupted;
};

// Opens the sessions, sends the load, waits for the answers and ends the streams, which ends the
// sessions. `models` has the models of `options.models`. With `arrivals` the loop is open: message
// i is sent at arrivals[i], and the groups take turns. If `arrivals` is null, the loop is closed:
// each group sends its next message after the answer to the previous one and the think time.
//
// Fails, after ending all sessions, with the server's error if a session cannot be opened, and with
// DEADLINE_EXCEEDED if opening takes longer than the timeout. Later errors are part of the result.
absl::StatusOr<LoadResult> RunLoad(const LoadOptions& options,
                                   const std::vector<LoadSession::Model>& models,
                                   const Arrivals* arrivals, const LoadSurroundings& surroundings);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_LOAD_RUN_H_
