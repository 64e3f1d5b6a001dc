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
  auto sessions = GaugeFamily("rnnserve_sessions", "Open sessions in memory");
  auto bytes =
      GaugeFamily("rnnserve_session_state_bytes", "Bytes of the states of open sessions in memory");
  auto queued = GaugeFamily("rnnserve_queued_steps", "Steps that wait for a worker");
  auto info =
      GaugeFamily("rnnserve_model_info", "Always 1, labelled with the digest of a loaded model");
  auto retiring =
      GaugeFamily("rnnserve_retiring_sessions", "Open sessions that stay on a replaced model");
  auto retiring_models =
      GaugeFamily("rnnserve_retiring_models", "Replaced models that still have sessions");
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
                             "Open sessions of this server that are only in the snapshot store");
  AddGauge(spilled, {}, engine_.num_spilled_sessions());
  const CheckpointLoad checkpoints = engine_.checkpoint_load();
  auto changed = GaugeFamily("rnnserve_checkpoint_changed_sessions",
                             "Durable sessions with changes that no snapshot in flight contains");
  AddGauge(changed, {}, checkpoints.listed_sessions);
  auto age = GaugeFamily("rnnserve_checkpoint_oldest_change_seconds",
                         "Seconds since the oldest change that no snapshot in flight contains: the "
                         "work that a crash would lose now");
  AddGauge(age, {}, absl::ToDoubleSeconds(checkpoints.oldest_change));
  auto writes = GaugeFamily("rnnserve_checkpoint_pending_writes",
                            "Snapshots that wait for the snapshot store or are in flight");
  AddGauge(writes, {}, checkpoints.pending_writes);
  auto pending =
      GaugeFamily("rnnserve_checkpoint_pending_bytes",
                  "Bytes of the snapshots that wait for the snapshot store or are in flight");
  AddGauge(pending, {}, checkpoints.pending_bytes);
  return {std::move(sessions), std::move(bytes),           std::move(queued),  std::move(info),
          std::move(retiring), std::move(retiring_models), std::move(changed), std::move(age),
          std::move(writes),   std::move(pending),         std::move(spilled)};
}

}  // namespace rnnserve::server
