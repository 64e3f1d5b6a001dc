// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/load_collector.h"

#include <prometheus/metric_family.h>

#include <string>
#include <utility>

namespace rnnserve::server {
namespace {

prometheus::MetricFamily GaugeFamily(std::string name, std::string help) {
  prometheus::MetricFamily family;
  family.name = std::move(name);
  family.help = std::move(help);
  family.type = prometheus::MetricType::Gauge;
  return family;
}

template <typename T>
void AddGauge(prometheus::MetricFamily& family, std::vector<prometheus::ClientMetric::Label> labels,
              T value) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  metric.gauge.value = static_cast<double>(value);
  family.metric.push_back(std::move(metric));
}

}  // namespace

std::vector<prometheus::MetricFamily> LoadCollector::Collect() const {
  auto sessions = GaugeFamily("rnnserve_sessions", "Sessions that are open");
  auto bytes = GaugeFamily("rnnserve_session_state_bytes", "Bytes of the states of open sessions");
  auto queued = GaugeFamily("rnnserve_queued_steps", "Steps that wait for a worker");
  auto info = GaugeFamily("rnnserve_model_info", "1, labelled with the digest of a loaded model");
  auto retiring = GaugeFamily("rnnserve_retiring_sessions",
                              "Of these, sessions that stay on a model that was replaced");
  auto retiring_models =
      GaugeFamily("rnnserve_retiring_models", "Models that were replaced and still have sessions");
  for (const NamedModel& named : engine_.models()) {
    int64_t retiring_sessions = 0;
    const std::vector<RetiringModel> models = engine_.retiring_models(named.name);
    for (const RetiringModel& model : models) retiring_sessions += model.sessions;
    AddGauge(retiring, {{"model", named.name}}, retiring_sessions);
    AddGauge(retiring_models, {{"model", named.name}}, models.size());
    const ModelLoad load = engine_.load(named.name);
    AddGauge(sessions, {{"model", named.name}}, load.sessions);
    AddGauge(bytes, {{"model", named.name}}, load.state_bytes);
    AddGauge(queued, {{"model", named.name}}, load.queued_steps);
    AddGauge(info, {{"model", named.name}, {"digest", named.model->digest()}}, 1);
  }
  auto spilled = GaugeFamily("rnnserve_spilled_sessions",
                             "Sessions of this server that are in the store alone");
  AddGauge(spilled, {}, engine_.num_spilled_sessions());
  const Checkpointer::Load checkpoints = engine_.checkpoint_load();
  auto changed = GaugeFamily("rnnserve_checkpoint_changed_sessions",
                             "Durable sessions with changes that no snapshot under way has");
  AddGauge(changed, {}, checkpoints.listed_sessions);
  auto age = GaugeFamily("rnnserve_checkpoint_oldest_change_seconds",
                         "Since the oldest of these changes: what a kill now would set back");
  AddGauge(age, {}, absl::ToDoubleSeconds(checkpoints.oldest_change));
  auto writes = GaugeFamily("rnnserve_checkpoint_pending_writes", "Snapshots on their way");
  AddGauge(writes, {}, checkpoints.pending_writes);
  auto pending = GaugeFamily("rnnserve_checkpoint_pending_bytes", "Bytes of these snapshots");
  AddGauge(pending, {}, checkpoints.pending_bytes);
  return {std::move(sessions), std::move(bytes),           std::move(queued),  std::move(info),
          std::move(retiring), std::move(retiring_models), std::move(changed), std::move(age),
          std::move(writes),   std::move(pending),         std::move(spilled)};
}

}  // namespace rnnserve::server
