// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/demo/measurement.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/text/table.h"

namespace rnnserve::client {
namespace {

void AddServerRow(const std::string& what, const Histogram& seconds, Table* table) {
  const auto quantile = [&](double q) { return FormatLatency(absl::Seconds(seconds.Quantile(q))); };
  table->AddRow({what, quantile(0.5), quantile(0.95), quantile(0.99)});
}

}  // namespace

Measurement::Measurement(const Stage& stage, std::string model, std::string method)
    : stage_(&stage), model_(std::move(model)), method_(std::move(method)) {}

absl::StatusOr<Measurement> Measurement::Begin(const Stage& stage, const std::string& model,
                                               const std::string& method) {
  Measurement measurement(stage, model, method);
  absl::StatusOr<ServerTimes> now = measurement.ReadServerTimes();
  if (!now.ok()) return now.status();
  measurement.server_ = *std::move(now);
  measurement.began_ = stage.clock();
  return measurement;
}

absl::Status Measurement::End() {
  elapsed_ = stage_->clock() - began_;
  absl::StatusOr<ServerTimes> now = ReadServerTimes();
  if (!now.ok()) return now.status();
  server_ =
      ServerTimes{now->request.Since(server_.request), now->queue.Since(server_.queue),
                  now->compute.Since(server_.compute), now->cell_step.Since(server_.cell_step),
                  now->batch_rows.Since(server_.batch_rows)};
  return absl::OkStatus();
}

absl::StatusOr<ServerTimes> Measurement::ReadServerTimes() const {
  const absl::StatusOr<MetricsPage> page = FetchMetrics(stage_->metrics_address);
  if (!page.ok()) return page.status();
  const MetricsPage::Labels of_model = {{"model", model_}};
  return ServerTimes{page->HistogramOf("rnnserve_request_duration_seconds", {{"method", method_}}),
                     page->HistogramOf("rnnserve_queue_duration_seconds", of_model),
                     page->HistogramOf("rnnserve_compute_duration_seconds", of_model),
                     page->HistogramOf("rnnserve_cell_step_duration_seconds", of_model),
                     page->HistogramOf("rnnserve_batch_rows", of_model)};
}

double Measurement::StepsPerSecond() const {
  return static_cast<double>(latencies_.count()) / absl::ToDoubleSeconds(elapsed_);
}

std::string Measurement::ToString() const {
  Table table(
      {{"STEP LATENCY"}, {"P50", Table::kRight}, {"P95", Table::kRight}, {"P99", Table::kRight}});
  table.AddRow({"seen by the client", FormatLatency(latencies_.Quantile(0.5)),
                FormatLatency(latencies_.Quantile(0.95)),
                FormatLatency(latencies_.Quantile(0.99))});
  AddServerRow("in the server", server_.request, &table);
  AddServerRow("  waiting in its queue", server_.queue, &table);
  AddServerRow("  computing", server_.compute, &table);
  return absl::StrCat(
      absl::StrFormat("  %d steps in %.2f s: %.0f steps/s, %.1f sessions per batch\n\n",
                      latencies_.count(), absl::ToDoubleSeconds(elapsed_), StepsPerSecond(),
                      server_.batch_rows.Mean()),
      table.ToString(2));
}

}  // namespace rnnserve::client
