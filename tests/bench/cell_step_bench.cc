// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// One step of one cell on one core, for sizes H (as many features as units) and batches B. Beside
// the time: the arithmetic rate, and the rate at which weights are read, once a step. At B = 1 a
// step can be no faster than its weights are read, at large B no faster than the core multiplies
// and adds. Left out: layers, sessions, queues and the wire.

#include <benchmark/benchmark.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/cells/cell_registry.h"
#include "tests/support/column_batch.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

constexpr float kWeightLimit = 0.1f;  // Small enough that no gate saturates.

std::unique_ptr<Cell> MakeCell(const std::string& class_name, int64_t gates, int64_t units) {
  WeightMap weights;
  weights.AddRandom("kernel", {units, gates * units}, /*seed=*/1, kWeightLimit);
  weights.AddRandom("recurrent_kernel", {units, gates * units}, /*seed=*/2, kWeightLimit);
  const nlohmann::json object = {{"class_name", class_name},
                                 {"config", {{"units", units}, {"use_bias", false}}}};
  return CellRegistry::BuiltIn().Create(KerasConfig(object, "cell"), {units}, weights).value();
}

ColumnBatch Halves(int64_t rows, int64_t batch) {
  return ColumnBatch(std::vector<std::vector<float>>(
      static_cast<size_t>(batch), std::vector<float>(static_cast<size_t>(rows), 0.5f)));
}

void BM_Step(benchmark::State& state, const std::string& class_name, int64_t gates) {
  const int64_t units = state.range(0);
  const int64_t batch = state.range(1);
  const std::unique_ptr<Cell> cell = MakeCell(class_name, gates, units);
  ColumnBatch x = Halves(units, batch);
  ColumnBatch y(units, batch);
  std::vector<ColumnBatch> states;
  std::vector<ConstColumns> state_views;
  std::vector<Columns> next_views;
  for (size_t k = 0; k < cell->states().size(); ++k) {
    state_views.push_back(states.emplace_back(Halves(units, batch)).columns());
    next_views.push_back(states.emplace_back(Halves(units, batch)).columns());
  }
  AlignedBuffer scratch(cell->scratch_size(batch));
  const CellStep step{.x = x.columns(),
                      .state = state_views,
                      .constants = {},
                      .y = y.columns(),
                      .next_state = next_views,
                      .projection = {},
                      .scratch = scratch.data()};

  for (auto _ : state) {
    cell->Step(step);
    benchmark::ClobberMemory();
  }

  const double weights = static_cast<double>(cell->num_parameters());
  using benchmark::Counter;
  state.counters["FLOP/s"] =
      Counter(2 * weights * static_cast<double>(batch), Counter::kIsIterationInvariantRate);
  state.counters["weight_bytes/s"] = Counter(4 * weights, Counter::kIsIterationInvariantRate);
}

void Sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"H", "B"})->ArgsProduct({{64, 128, 256, 512}, {1, 4, 16, 64}});
  benchmark->Unit(benchmark::kMicrosecond)->MinTime(0.2);
}

BENCHMARK_CAPTURE(BM_Step, SimpleRNN, "SimpleRNNCell", 1)->Apply(Sizes);
BENCHMARK_CAPTURE(BM_Step, GRU, "GRUCell", 3)->Apply(Sizes);
BENCHMARK_CAPTURE(BM_Step, LSTM, "LSTMCell", 4)->Apply(Sizes);

}  // namespace
}  // namespace rnnserve::testing
