// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/load/load_verdict.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "client/text/latencies.h"

namespace rnnserve::client {
namespace {

using Window = MeasurementWindow;

constexpr double kLeastAnswered = 0.95;
constexpr double kMaxRateChange = 0.1;
constexpr double kMaxMedianRatio = 1.5;
constexpr uint64_t kMinHalfSteps = 100;
constexpr absl::Duration kMaxSendDelay = absl::Milliseconds(1);
constexpr double kMaxSendDelayShare = 0.1;
constexpr double kMaxThreadUse = 0.8;

double PerSecond(uint64_t count, absl::Duration length) {
  if (length <= absl::ZeroDuration()) return 0;
  return static_cast<double>(count) / absl::ToDoubleSeconds(length);
}

absl::Duration LengthOf(const LoadResult& result) {
  return result.half_lengths[0] + result.half_lengths[1];
}

void JudgeServer(const LoadResult& result, LoadVerdict* verdict) {
  const auto& halves = result.tally.answers_by_time;
  const double share = static_cast<double>(halves[0].num_steps + halves[1].num_steps) /
                       static_cast<double>(std::max<uint64_t>(result.tally.num_steps, 1));
  verdict->is_keeping_up = share >= kLeastAnswered;
  if (verdict->is_keeping_up) return;
  verdict->remarks.push_back(absl::StrFormat(
      "THE SERVER DID NOT KEEP UP: during the measurement it answered %.1f %% of the steps that "
      "were due.",
      100 * share));
}

void JudgeHalves(const LoadResult& result, LoadVerdict* verdict) {
  const LatencyHistogram first = result.tally.LatenciesOf(Window::kFirstHalf);
  const LatencyHistogram second = result.tally.LatenciesOf(Window::kSecondHalf);
  const std::array rates = {StepsPerSecond(result, Window::kFirstHalf),
                            StepsPerSecond(result, Window::kSecondHalf)};
  const std::array medians = {first.Quantile(0.5), second.Quantile(0.5)};
  verdict->is_long_enough = std::min(first.count(), second.count()) >= kMinHalfSteps;
  // The difference of two counts of n / 2 each has a standard deviation of sqrt(n), which is a
  // fraction 2 / sqrt(n) of either count.
  const double num_steps = static_cast<double>(first.count() + second.count());
  const double max_change = kMaxRateChange + 3 * 2 / std::sqrt(std::max(num_steps, 1.0));
  const auto [low_rate, high_rate] = std::minmax(rates[0], rates[1]);
  const auto [low_median, high_median] = std::minmax(medians[0], medians[1]);
  verdict->is_steady = verdict->is_long_enough && high_rate - low_rate <= max_change * high_rate &&
                       high_median <= kMaxMedianRatio * low_median;
  const char* const judgement = !verdict->is_long_enough ? "TOO SHORT TO TELL WHETHER STEADY"
                                : verdict->is_steady     ? "Steady"
                                                         : "NOT STEADY";
  verdict->remarks.push_back(absl::StrFormat(
      "%s: first half %.0f steps/s, p50 %s; second half %.0f steps/s, p50 %s.", judgement, rates[0],
      FormatLatency(medians[0]), rates[1], FormatLatency(medians[1])));
}

void JudgeGenerator(const LoadResult& result, LoadVerdict* verdict) {
  const absl::Duration delay = result.send_delays.Quantile(0.99);
  const absl::Duration median = result.tally.AllLatencies().Quantile(0.5);
  const bool is_late = delay > kMaxSendDelay && delay > kMaxSendDelayShare * median;
  verdict->is_generator_limit = is_late || result.thread_use.busiest_thread > kMaxThreadUse;
  std::string text = verdict->is_generator_limit
                         ? "THE GENERATOR, OR ITS MACHINE, IS THE BOTTLENECK: "
                         : "The generator kept up: ";
  if (result.send_delays.count() > 0) {
    text += absl::StrFormat("messages left p50 %s, p99 %s after their scheduled time; ",
                            FormatLatency(result.send_delays.Quantile(0.5)), FormatLatency(delay));
  }
  verdict->remarks.push_back(
      text + absl::StrFormat(
                 "its busiest thread used %.0f %% of a processor, all threads together %.0f %%.",
                 100 * result.thread_use.busiest_thread, 100 * result.thread_use.all_threads));
}

}  // namespace

LoadVerdict Judge(const LoadResult& result, bool is_open_loop) {
  LoadVerdict verdict;
  if (result.is_interrupted) {
    verdict.remarks.push_back(absl::StrFormat("INTERRUPTED after %.2f s of the measurement.",
                                              absl::ToDoubleSeconds(LengthOf(result))));
  }
  if (is_open_loop) JudgeServer(result, &verdict);
  JudgeHalves(result, &verdict);
  JudgeGenerator(result, &verdict);
  return verdict;
}

double StepsPerSecond(const LoadResult& result, Window::Part half) {
  return PerSecond(result.tally.answers_by_time[half].num_steps, result.half_lengths[half]);
}

double StepsPerSecond(const LoadResult& result) {
  const auto& halves = result.tally.answers_by_time;
  return PerSecond(halves[0].num_steps + halves[1].num_steps, LengthOf(result));
}

double TimestepsPerSecond(const LoadResult& result) {
  const auto& halves = result.tally.answers_by_time;
  return PerSecond(halves[0].num_timesteps + halves[1].num_timesteps, LengthOf(result));
}

double OfferedStepsPerSecond(const LoadResult& result) {
  return PerSecond(result.tally.num_steps, LengthOf(result));
}

}  // namespace rnnserve::client
