// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_DEMO_PARTS_H_
#define RNNSERVE_CLIENT_DEMO_PARTS_H_

#include <functional>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "client/demo/comparison.h"
#include "client/demo/demo_data.h"

// The parts of the demo, in the order in which they run. Each prints what it does and what it
// finds, and fails with the error that stopped it, from the server or the data.
namespace rnnserve::client {

// The things that every part uses. All must outlive it.
struct Stage {
  Client& client;
  // The host:port of the server's /metrics.
  std::string metrics_address;
  const DemoData& data;
  // Returns the time since some fixed moment.
  std::function<absl::Duration()> clock;
  std::ostream& out;
  Checks& checks;
  // Where RunSpeech writes its picture, as SVG; empty: nowhere.
  std::string picture;
};

// Classifies every held-out recording: streamed frame by frame, and in padded batches.
absl::Status RunVowels(const Stage& stage);

// Forecasts the sunspots month by month in one session, which is reset halfway.
absl::Status RunSunspots(const Stage& stage);

// Measures 1, 8 and 64 concurrent sessions.
absl::Status RunSpeed(const Stage& stage);

// Tells when somebody speaks in a recording that many sessions hear at once.
absl::Status RunSpeech(const Stage& stage);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_DEMO_PARTS_H_
