// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_DEMO_MEASUREMENT_H_
#define RNNSERVE_CLIENT_DEMO_MEASUREMENT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/demo/metrics_page.h"
#include "client/demo/parts.h"
#include "client/text/latencies.h"

// Measures the speed of a piece of work, by the client's clock and by the server's own metrics.
namespace rnnserve::client {

// The observations of the server's histograms during a measurement.
struct ServerTimes {
  Histogram request;
  Histogram queue;
  Histogram compute;
  Histogram cell_step;
  Histogram batch_rows;
};

// The measurement of a piece of work, in progress or finished.
//
// Thread-compatible.
class Measurement {
 public:
  // Begins a measurement: reads the current histograms of `model`, and of requests by `method`
  // ("Stream.Step"). UNAVAILABLE if the metrics cannot be read. `stage` must outlive the result.
  static absl::StatusOr<Measurement> Begin(const Stage& stage, const std::string& model,
                                           const std::string& method);

  // Records the latency of one step.
  void Add(absl::Duration latency) { latencies_.Add(latency); }

  // Ends the measurement. UNAVAILABLE if the metrics cannot be read.
  absl::Status End();

  const Latencies& client() const { return latencies_; }
  const ServerTimes& server() const { return server_; }
  // Returns the number of recorded latencies, divided by the length of the measurement.
  double StepsPerSecond() const;

  // Formats the results for people to read: a line with the steps per second and a table of p50,
  // p95 and p99.
  std::string ToString() const;

 private:
  Measurement(const Stage& stage, std::string model, std::string method);
  absl::StatusOr<ServerTimes> ReadServerTimes() const;

  const Stage* stage_;
  std::string model_;
  std::string method_;
  Latencies latencies_;
  // Until End, the histograms at the beginning; afterwards, their growth since then.
  ServerTimes server_;
  absl::Duration began_;
  absl::Duration elapsed_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_DEMO_MEASUREMENT_H_
