// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_LOAD_COLLECTOR_H_
#define RNNSERVE_SERVER_LOAD_COLLECTOR_H_

#include <prometheus/collectable.h>

#include <vector>

#include "core/engine/engine.h"

namespace rnnserve::server {

// Exports the gauges that are read from the engine only when Prometheus scrapes, so they cost
// nothing in between. By model: rnnserve_sessions, rnnserve_session_state_bytes,
// rnnserve_queued_steps, rnnserve_retiring_sessions, rnnserve_retiring_models and
// rnnserve_model_info. For the whole server: rnnserve_spilled_sessions and the rnnserve_checkpoint_
// gauges. Thread-safe. The engine must outlive it.
class LoadCollector final : public prometheus::Collectable {
 public:
  explicit LoadCollector(const Engine& engine) : engine_(engine) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const Engine& engine_;
};

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_LOAD_COLLECTOR_H_
