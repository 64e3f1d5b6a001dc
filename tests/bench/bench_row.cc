// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/bench_row.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/kernels/operand.h"
#include "tests/bench/ceilings.h"

namespace rnnserve::testing {
namespace {

// Returns the length of a slice. Slices are short because there are many, but still thousands of
// calls of the smallest layer. They are longer for large weights, which have to come back into a
// cache after the other functions' weights have evicted them: a level-3 cache needs several rounds
// before it keeps data that is read again. 16 rounds at 50 GB/s take 11 ms for 32 MiB.
double SliceSeconds(int64_t num_weights) {
  constexpr double kLeastSeconds = 3e-3;
  constexpr double kSecondsPerWeight = 16 * sizeof(float) / 50e9;
  return std::max(kLeastSeconds, kSecondsPerWeight * static_cast<double>(num_weights));
}

std::function<void()> Reading(const AlignedBuffer& buffer, int num_streams) {
  return [&buffer, num_streams] { benchmark::DoNotOptimize(ReadAll(buffer, num_streams)); };
}

// Returns the counter for the highest rate of arithmetic on this type of weights, and the function
// that reaches that rate.
std::pair<std::string, float (*)(int64_t, double*)> ArithmeticOf(WeightType type) {
  if (!MultipliesNarrow(type)) return {"fma_flops_per_s", &MultiplyAndAdd};
  if (type == WeightType::kBfloat16) return {"pair_flops_per_s", &MultiplyAndAddPairs};
  return {"four_flops_per_s", &MultiplyAndAddFours};
}

}  // namespace

BenchRow::BenchRow(WeightType weights, int64_t num_weights, int64_t num_recurrent,
                   double num_operations)
    : weights_(weights),
      num_weights_(num_weights),
      num_recurrent_(num_recurrent),
      slice_seconds_(SliceSeconds(num_weights)) {
  counters_ = {
      {"flops", num_operations},
      {"weight_bytes", BytesOf(num_weights)},
      {"recurrent_weight_bytes", BytesOf(num_recurrent)},
  };
}

double BenchRow::TimeSlices() {
  for (size_t i = 0; i < timed_.size(); ++i) {
    const Timed& timed = timed_[(first_ + i) % timed_.size()];
    timed.report(timed.calls.Slice());
  }
  ++first_;
  return counters_[kOurs] * 1e-6;
}

void BenchRow::Add(std::function<void()> call, std::function<void(double)> report) {
  timed_.push_back({TimedCalls(std::move(call), slice_seconds_), std::move(report)});
}

void BenchRow::AddCall(const std::string& name, std::function<void()> call, int num_calls) {
  double& microseconds = counters_[name];
  Add(std::move(call),
      [&microseconds, num_calls](double seconds) { microseconds = seconds * 1e6 / num_calls; });
}

void BenchRow::AddCeilings(bool is_read_often) {
  AddArithmeticCeiling();
  AddReadCeiling("read_bytes_per_s", num_weights_);
  if (is_read_often) AddReadCeiling("recurrent_read_bytes_per_s", num_recurrent_);
}

void BenchRow::AddArithmeticCeiling() {
  constexpr int64_t kRounds = 10'000;  // About 20 microseconds.
  const auto& [name, run] = ArithmeticOf(weights_);
  double& rate = counters_[name];
  double operations = 0;
  run(kRounds, &operations);
  const auto call = [run = run] {
    double unused = 0;
    benchmark::DoNotOptimize(run(kRounds, &unused));
  };
  Add(call, [&rate, operations](double seconds) { rate = operations / seconds; });
}

double BenchRow::BytesOf(int64_t num_weights) const {
  return 4.0 * static_cast<double>(num_weights) / WeightsPerWord(weights_);
}

void BenchRow::AddReadCeiling(const std::string& counter, int64_t num_weights) {
  buffers_.push_back(std::make_unique<AlignedBuffer>(num_weights / WeightsPerWord(weights_)));
  const AlignedBuffer& buffer = *buffers_.back();
  double& rate = counters_[counter];
  const double bytes = BytesOf(num_weights);
  Add(Reading(buffer, FastestStreams(buffer)),
      [&rate, bytes](double seconds) { rate = bytes / seconds; });
}

int BenchRow::FastestStreams(const AlignedBuffer& buffer) const {
  int fastest = 0;
  double fastest_seconds = HUGE_VAL;
  for (const int num_streams : {1, 2, 4}) {
    const TimedCalls calls(Reading(buffer, num_streams), slice_seconds_);
    const double seconds = std::min({calls.Slice(), calls.Slice(), calls.Slice()});
    if (seconds < fastest_seconds) fastest = num_streams;
    fastest_seconds = std::min(fastest_seconds, seconds);
  }
  return fastest;
}

}  // namespace rnnserve::testing
