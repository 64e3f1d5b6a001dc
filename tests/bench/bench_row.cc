// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/bench_row.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/kernels/isa.h"
#include "tests/bench/ceilings.h"
#include "tests/bench/our_layer.h"
#include "tests/bench/peers/peers.h"

namespace rnnserve::testing {
namespace {

// Short, for there are many: thousands of calls of the smallest layer. Longer where the weights
// take long to come back into a cache from which the others' weights have driven them: a level-3
// cache takes several rounds to keep what is read again. 16 rounds at 50 GB/s are 11 ms for 32 MiB.
double SliceSeconds(const LayerTask& task) {
  constexpr double kLeastSeconds = 3e-3;
  constexpr double kSecondsPerWeight = 16 * sizeof(float) / 50e9;
  const int64_t num_weights = task.input_weights() + task.recurrent_weights();
  return std::max(kLeastSeconds, kSecondsPerWeight * static_cast<double>(num_weights));
}

constexpr char kOurs[] = "us/ours";
constexpr char kOurFloat32[] = "us/our fp32";

// What the rounding of the weights to 8 bits of mantissa (and of the inputs, where pairs are
// multiplied), or to 255 steps, may do to outputs below 1: more than twice what it does to the rows
// of the table, at most 0.0016 and 0.0034.
float Tolerance(WeightType weights) { return weights == WeightType::kBfloat16 ? 4e-3f : 8e-3f; }

// A benchmark of different work would be worth nothing, so nothing else is measured either.
void CheckOutput(absl::string_view name, float tolerance, const std::vector<float>& expected,
                 const std::vector<float>& actual) {
  float difference = expected.size() == actual.size() ? 0.0f : HUGE_VALF;
  for (size_t i = 0; i < std::min(expected.size(), actual.size()); ++i) {
    const float here = std::abs(expected[i] - actual[i]);
    difference = std::isnan(here) ? HUGE_VALF : std::max(difference, here);
  }
  if (difference <= tolerance) return;
  std::cerr << name << " and our layer in float32 differ by " << difference << ", more than "
            << tolerance << "\n";
  std::exit(1);
}

std::function<void()> Reading(const AlignedBuffer& buffer, int num_streams) {
  return [&buffer, num_streams] { benchmark::DoNotOptimize(ReadAll(buffer, num_streams)); };
}

}  // namespace

BenchRow::BenchRow(const LayerKind& kind, WeightType weights, const LayerShape& shape)
    : task_(kind, shape), weights_(weights), slice_seconds_(SliceSeconds(task_)) {
  const int64_t recurrent = task_.recurrent_weights();
  const int64_t all = task_.input_weights() + recurrent;
  counters_ = {
      {"flops", task_.num_operations()},
      {"weight_bytes", BytesOf(all)},
      {"recurrent_weight_bytes", BytesOf(recurrent)},
  };
  layers_.push_back(std::make_unique<OurLayer>(task_, WeightType::kFloat32));
  layers_[0]->Step();
  const std::vector<float> expected = layers_[0]->Output();
  AddPeers(expected);
  if (weights_ == WeightType::kFloat32) {
    AddLayer(kOurs, *layers_[0]);
  } else {
    layers_.push_back(std::make_unique<OurLayer>(task_, weights_));
    layers_.back()->Step();
    CheckOutput(WeightTypeName(weights_), Tolerance(weights_), expected, layers_.back()->Output());
    AddLayer(kOurs, *layers_.back());
    AddLayer(kOurFloat32, *layers_[0]);
  }
  AddArithmeticCeiling();
  AddReadCeiling("read_bytes_per_s", all);
  if (recurrent > 0 && shape.num_timesteps > 1) {
    AddReadCeiling("recurrent_read_bytes_per_s", recurrent);
  }
}

double BenchRow::TimeSlices() {
  for (size_t i = 0; i < timed_.size(); ++i) {
    const Timed& timed = timed_[(first_ + i) % timed_.size()];
    timed.report(timed.calls.Slice());
  }
  ++first_;
  return counters_[kOurs] * 1e-6;
}

void BenchRow::AddPeers(const std::vector<float>& expected) {
  if (!task_.kind().peer_cell.has_value()) return;
  for (const PeerKind& kind : InstalledPeers()) {
    if (kind.weights != weights_) continue;
    absl::StatusOr<std::unique_ptr<Peer>> peer = kind.make(task_.ForPeers());
    if (absl::IsUnimplemented(peer.status())) continue;
    layers_.push_back(std::move(peer).value());
    layers_.back()->Step();
    CheckOutput(kind.name, kind.tolerance, expected, layers_.back()->Output());
    AddLayer(absl::StrCat("us/", kind.name), *layers_.back());
  }
}

void BenchRow::Add(std::function<void()> call, std::function<void(double)> report) {
  timed_.push_back({TimedCalls(std::move(call), slice_seconds_), std::move(report)});
}

void BenchRow::AddLayer(const std::string& name, Peer& peer) {
  double& microseconds = counters_[name];
  Add([&peer] { peer.Step(); }, [&](double seconds) { microseconds = seconds * 1e6; });
}

void BenchRow::AddArithmeticCeiling() {
  constexpr int64_t kRounds = 10'000;  // Some 20 microseconds.
  const bool has_pairs = weights_ == WeightType::kBfloat16 && ActiveIsa() == Isa::kAvx512Bf16;
  const auto run = has_pairs ? &MultiplyAndAddPairs : &MultiplyAndAdd;
  double& rate = counters_[has_pairs ? "pair_flops_per_s" : "fma_flops_per_s"];
  double operations = 0;
  run(kRounds, &operations);
  const auto call = [run] {
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
