// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_EVENT_OBSERVER_H_
#define RNNSERVE_SERVER_EVENT_OBSERVER_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/engine/observer.h"
#include "server/log.h"

namespace rnnserve::server {

// Passes every event to the metrics. Also logs a quarantined snapshot, because an operator should
// look at it. The log never holds session ids, so it names the session by the first 16 hexadecimal
// digits of the SHA-256 of the id. Thread-safe. The log and the metrics must outlive it.
class EventObserver final : public EngineObserver {
 public:
  EventObserver(const Log& log, EngineObserver& metrics) : log_(log), metrics_(metrics) {}

  ModelObserver& ForModel(const std::string& model_name) override {
    return metrics_.ForModel(model_name);
  }
  void OnCheckpoint(const absl::Status& status, int64_t bytes, absl::Duration duration) override {
    metrics_.OnCheckpoint(status, bytes, duration);
  }
  void OnRestored(const absl::Status& status, absl::Duration duration) override {
    metrics_.OnRestored(status, duration);
  }
  void OnQuarantined(const std::string& session_id, const absl::Status& why) override;
  void OnSpilled() override { metrics_.OnSpilled(); }
  void OnUnspilled() override { metrics_.OnUnspilled(); }

 private:
  const Log& log_;
  EngineObserver& metrics_;
};

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_EVENT_OBSERVER_H_
