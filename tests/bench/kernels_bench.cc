// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Compares our layers with those of other libraries and with the ceilings of the core, for sizes H
// (as many inputs as units), batches B and timesteps T, on one thread. Each row of ./dev bench
// kernels is one benchmark here, and kernels_report.py makes the table from its counters. Rows of
// narrow weights also time our layer in float32; rows of large layers also time two threads that
// share it. The surrounding layers, sessions, queues and the wire are not included, except in the
// rows called Engine, which include all of these but the wire.
//
//   kernels_bench [--isa=NAME] [Google Benchmark's options]

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "core/kernels/isa.h"
#include "core/kernels/weight_type.h"
#include "tests/bench/bench_row.h"
#include "tests/bench/engine_row.h"
#include "tests/bench/layer_row.h"
#include "tests/bench/layer_task.h"
#include "tests/bench/peers/peers.h"

namespace rnnserve::testing {
namespace {

// The number of repetitions of a row. The report takes their median. They run one after the other,
// so that only one row is in memory.
constexpr int kRepetitions = 15;

std::string RowName(const std::string& name, WeightType weights, const LayerShape& shape) {
  const char* const type = weights == WeightType::kFloat32    ? "fp32"
                           : weights == WeightType::kBfloat16 ? "bf16"
                                                              : "int8";
  return absl::StrCat(name, "/", type, "/H:", shape.units, "/B:", shape.batch,
                      "/T:", shape.num_timesteps);
}

using MakeRow = std::function<std::unique_ptr<BenchRow>()>;

// Returns the row named `wanted`. Builds it in its first repetition.
BenchRow& RowOf(const std::string& wanted, const MakeRow& make) {
  static std::string& name = *new std::string;
  static std::unique_ptr<BenchRow>& row = *new std::unique_ptr<BenchRow>;
  if (wanted != name) {
    row.reset();
    row = make();
    name = wanted;
  }
  return *row;
}

void RegisterRow(const std::string& name, const MakeRow& make) {
  const auto run = [name, make](benchmark::State& state) {
    BenchRow& row = RowOf(name, make);
    for (auto _ : state) state.SetIterationTime(row.TimeSlices());
    for (const auto& [counter, value] : row.counters()) state.counters[counter] = value;
  };
  benchmark::RegisterBenchmark(name.c_str(), run)
      ->Iterations(1)
      ->Repetitions(kRepetitions)
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond)
      ->DisplayAggregatesOnly();
}

void RegisterLayer(const LayerKind& kind, WeightType weights, const LayerShape& shape) {
  RegisterRow(RowName(kind.name, weights, shape),
              [&kind, weights, shape] { return std::make_unique<LayerRow>(kind, weights, shape); });
}

// Registers a row for a model of three layers with everything around them except the wire.
void RegisterEngine(const LayerShape& shape) {
  RegisterRow(RowName("Engine", WeightType::kFloat32, shape), [shape] {
    return std::make_unique<EngineRow>(shape.units, shape.batch, shape.num_timesteps);
  });
}

void RegisterRowsOf(const LayerKind& kind, int64_t units) {
  constexpr WeightType kFp32 = WeightType::kFloat32;
  for (const int64_t batch : {1, 2, 4, 8, 16, 64}) RegisterLayer(kind, kFp32, {units, batch, 1});
  if (!kind.peer_cell.has_value()) return;
  for (const int64_t batch : {1, 4, 16}) RegisterLayer(kind, kFp32, {units, batch, 64});
  if (kind.peer_cell == PeerCell::kGruResetBefore) return;
  for (const WeightType weights : {WeightType::kBfloat16, WeightType::kInt8}) {
    for (const int64_t batch : {1, 4, 16}) RegisterLayer(kind, weights, {units, batch, 1});
  }
}

void RegisterRows() {
  for (const LayerKind& kind : LayerKinds()) {
    for (const int64_t units : {64, 128, 256, 512, 1024}) RegisterRowsOf(kind, units);
  }
  for (const int64_t time : {1, 64}) RegisterEngine({256, 16, time});
}

// Removes --isa=NAME from the arguments and selects it. Ends the program if this processor does not
// have that instruction set.
void ChooseIsa(int* argc, char** argv) {
  int kept = 1;
  for (int i = 1; i < *argc; ++i) {
    absl::string_view name = argv[i];
    if (!absl::ConsumePrefix(&name, "--isa=")) {
      argv[kept++] = argv[i];
      continue;
    }
    const std::optional<Isa> isa = IsaFromName(name);
    const std::vector<Isa> supported = SupportedIsas();
    if (!isa || std::find(supported.begin(), supported.end(), *isa) == supported.end()) {
      std::cerr << "this processor has no instruction set '" << name << "'\n";
      std::exit(1);
    }
    SetActiveIsa(*isa);
  }
  *argc = kept;
  if (ActiveIsa() == Isa::kPortable) {
    std::cerr << "the portable kernels have no ceiling to be compared with\n";
    std::exit(1);
  }
}

}  // namespace
}  // namespace rnnserve::testing

int main(int argc, char** argv) {
  using namespace rnnserve::testing;
  // rnnserve does the same.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  ChooseIsa(&argc, argv);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext("isa", std::string(rnnserve::IsaName(rnnserve::ActiveIsa())));
  for (const PeerKind& peer : InstalledPeers()) {
    benchmark::AddCustomContext(absl::StrCat("peer/", peer.name), peer.version);
  }
  RegisterRows();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
