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

// How fast a piece of work was, told by the client and by the server's own metrics.
namespace rnnserve::client {

// What the server's histograms observed during a measurement.
struct ServerTimes {
  Histogram request;
  Histogram queue;
  Histogram compute;
  Histogram cell_step;
  Histogram batch_rows;
};

// A piece of work under way, or done.
//
// Thread-compatible.
class Measurement {
 public:
  // Begins, with the server's histograms of `model` and of requests by `method` ("Stream.Step") as
  // they are now. UNAVAILABLE if the metrics cannot be read. `stage` must outlive the result.
  static absl::StatusOr<Measurement> Begin(const Stage& stage, const std::string& model,
                                           const std::string& method);

  // Notes the latency of one step.
  void Add(absl::Duration latency) { latencies_.Add(latency); }

  // Ends. UNAVAILABLE if the metrics cannot be read.
  absl::Status End();

  const Latencies& client() const { return latencies_; }
  const ServerTimes& server() const { return server_; }
  // Of the noted latencies.
  double StepsPerSecond() const;

  // A line with the steps a second, and a table of p50, p95 and p99 for people.
  std::string ToString() const;

 private:
  Measurement(const Stage& stage, std::string model, std::string method);
  absl::StatusOr<ServerTimes> ReadServerTimes() const;

  const Stage* stage_;
  std::string model_;
  std::string method_;
  Latencies latencies_;
  // Until End those of the beginning; then what happened since.
  ServerTimes server_;
  absl::Duration began_;
  absl::Duration elapsed_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_DEMO_MEASUREMENT_H_
