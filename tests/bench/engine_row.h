// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_ENGINE_ROW_H_
#define RNNSERVE_TESTS_BENCH_ENGINE_ROW_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/clock.h"
#include "core/engine/engine.h"
#include "tests/bench/bench_row.h"
#include "tests/support/silent_observer.h"

namespace rnnserve::testing {

// A whole model in the Engine, with everything around its layers except the wire: sessions, leases,
// the queue, rows that join and leave a batch, checks, outputs. The model is two GRUs and a Dense
// layer (StackedGruModel), each as wide as its input. One worker steps `batch` sessions; each
// session asks for its next step when it gets the reply to the previous one. One call counts as one
// cell step of the whole batch for each timestep of a step.
class EngineRow final : public BenchRow {
 public:
  EngineRow(int64_t units, int64_t batch, int64_t num_timesteps);
  ~EngineRow() override;

 private:
  class Client;

  void StepAll();

  const std::vector<float> input_;  // [num_timesteps, units]
  const MonotonicClock clock_;
  SilentObserver observer_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_ENGINE_ROW_H_
