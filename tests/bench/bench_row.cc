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

// A benchmark of different work would be worth nothing, so nothing else is measured either.
void CheckOutput(const PeerKind& kind, const std::vector<float>& ours,
                 const std::vector<float>& theirs) {
  float difference = ours.size() == theirs.size() ? 0.0f : HUGE_VALF;
  for (size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) {
    const float here = std::abs(ours[i] - theirs[i]);
    difference = std::isnan(here) ? HUGE_VALF : std::max(difference, here);
  }
  if (difference <= kind.tolerance) return;
  std::cerr << kind.name << " and our layer differ by " << difference << ", more than "
            << kind.tolerance << "\n";
  std::exit(1);
}

std::function<void()> Reading(const AlignedBuffer& buffer, int num_streams) {
  return [&buffer, num_streams] { benchmark::DoNotOptimize(ReadAll(buffer, num_streams)); };
}

}  // namespace

BenchRow::BenchRow(const LayerKind& kind, const LayerShape& shape)
    : task_(kind, shape), slice_seconds_(SliceSeconds(task_)) {
  const int64_t recurrent = task_.recurrent_weights();
  counters_ = {
      {"flops", task_.num_operations()},
      {"weight_bytes", 4.0 * static_cast<double>(task_.input_weights() + recurrent)},
      {"recurrent_weight_bytes", 4.0 * static_cast<double>(recurrent)},
  };
  layers_.push_back(std::make_unique<OurLayer>(task_));
  layers_[0]->Step();
  AddPeers();
  AddLayer(kOurs, *layers_[0]);
  AddArithmeticCeiling();
  AddReadCeiling("read_bytes_per_s", task_.input_weights() + recurrent);
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

void BenchRow::AddPeers() {
  if (!task_.kind().peer_cell.has_value()) return;
  const std::vector<float> ours = layers_[0]->Output();
  for (const PeerKind& kind : InstalledPeers()) {
    absl::StatusOr<std::unique_ptr<Peer>> peer = kind.make(task_.ForPeers());
    if (absl::IsUnimplemented(peer.status())) continue;
    layers_.push_back(std::move(peer).value());
    layers_.back()->Step();
    CheckOutput(kind, ours, layers_.back()->Output());
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
  double& rate = counters_["fma_flops_per_s"];
  double operations = 0;
  MultiplyAndAdd(kRounds, &operations);
  const auto call = [] {
    double unused = 0;
    benchmark::DoNotOptimize(MultiplyAndAdd(kRounds, &unused));
  };
  Add(call, [&rate, operations](double seconds) { rate = operations / seconds; });
}

void BenchRow::AddReadCeiling(const std::string& counter, int64_t num_values) {
  buffers_.push_back(std::make_unique<AlignedBuffer>(num_values));
  const AlignedBuffer& buffer = *buffers_.back();
  double& rate = counters_[counter];
  const double bytes = 4.0 * static_cast<double>(num_values);
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
