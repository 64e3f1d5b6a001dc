// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Our layers beside other libraries' and beside what the core can do at best, for sizes H (as many
// inputs as units), batches B and timesteps T, on one thread: a row of ./dev bench kernels is one
// benchmark here, and kernels_report.py makes the table of what it counts. Rows of narrower weights
// time our layer in float32 too, rows of large layers two threads that share it. Left out: the
// layers around it, sessions, queues and the wire; but for the wire they are in the rows called
// Engine.
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

// Of which the median is taken. They come one after the other, so that a single row is in memory.
constexpr int kRepetitions = 15;

std::string RowName(const std::string& name, WeightType weights, const LayerShape& shape) {
  const char* const type = weights == WeightType::kFloat32    ? "fp32"
                           : weights == WeightType::kBfloat16 ? "bf16"
                                                              : "int8";
  return absl::StrCat(name, "/", type, "/H:", shape.units, "/B:", shape.batch,
                      "/T:", shape.num_timesteps);
}

using MakeRow = std::function<std::unique_ptr<BenchRow>()>;

// The row of that name, which is built when its first repetition asks for it.
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

// A model of three layers, through all that is around them.
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

// Takes --isa=NAME out of the arguments. Ends the program if there is no such instruction set here.
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
  // As rnnserve does.
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
