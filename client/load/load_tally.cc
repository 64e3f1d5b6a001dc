// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/load/load_tally.h"

#include <utility>

namespace rnnserve::client {

void LoadTally::AddError(LoadError error, const absl::Status& status) {
  LoadErrorCount& errors_of_kind = errors[std::move(error)];
  if (errors_of_kind.count++ == 0) errors_of_kind.example = status;
}

void LoadTally::Merge(const LoadTally& other) {
  num_steps += other.num_steps;
  num_answered += other.num_answered;
  num_messages += other.num_messages;
  num_sent += other.num_sent;
  num_sequences += other.num_sequences;
  num_responses += other.num_responses;
  num_results += other.num_results;
  for (size_t half = 0; half < answers_by_time.size(); ++half) {
    answers_by_time[half].num_steps += other.answers_by_time[half].num_steps;
    answers_by_time[half].num_timesteps += other.answers_by_time[half].num_timesteps;
  }
  for (size_t model = 0; model < latencies.size(); ++model) {
    for (size_t half = 0; half < latencies[model].size(); ++half) {
      latencies[model][half].Merge(other.latencies[model][half]);
    }
  }
  for (const auto& [error, other_count] : other.errors) {
    LoadErrorCount& own = errors[error];
    if (own.count == 0) own.example = other_count.example;
    own.count += other_count.count;
  }
}

LatencyHistogram LoadTally::LatenciesOf(MeasurementWindow::Part half) const {
  LatencyHistogram merged;
  for (const auto& of_model : latencies) merged.Merge(of_model[half]);
  return merged;
}

LatencyHistogram LoadTally::AllLatencies() const {
  LatencyHistogram merged = LatenciesOf(MeasurementWindow::kFirstHalf);
  merged.Merge(LatenciesOf(MeasurementWindow::kSecondHalf));
  return merged;
}

uint64_t LoadTally::NumFailedSteps() const {
  uint64_t num_failed = 0;
  for (const auto& [error, count] : errors) {
    if (error.action == "step") num_failed += count.count;
  }
  return num_failed;
}

}  // namespace rnnserve::client
