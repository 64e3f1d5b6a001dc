// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/engine_row.h"

#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/blocking_counter.h"
#include "core/base/shape.h"
#include "core/base/tensor_view.h"
#include "core/engine/calls.h"
#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

constexpr char kModel[] = "model";

// The number of consecutive steps of a session that are timed together. Each counts as one call.
// The first step finds the worker asleep; the others find it running.
constexpr int kSteps = 32;

int64_t NumRecurrent(int64_t units) { return 2 * 3 * units * units; }
int64_t NumWeights(int64_t units) { return 2 * NumRecurrent(units) + units * units; }

void CheckOk(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << status << "\n";
  std::exit(1);
}

}  // namespace

// The client of one session. It starts each step when it gets the reply to the previous one, until
// it has made all its steps.
class EngineRow::Client {
 public:
  Client(Engine& engine, std::string session_id, const TensorView& input)
      : engine_(engine), session_id_(std::move(session_id)), input_(input) {}

  // Makes `num_steps` steps, then decrements the counter.
  void Run(int num_steps, absl::BlockingCounter& done) {
    StepCall call;
    call.session_id = session_id_;
    call.inputs = {{"", input_, std::nullopt}};
    engine_.Step(std::move(call),
                 [this, num_steps, &done](const absl::StatusOr<StepResult>& result) {
                   CheckOk(result.status());
                   if (num_steps > 1) return Run(num_steps - 1, done);
                   done.DecrementCount();
                 });
  }

 private:
  Engine& engine_;
  const std::string session_id_;
  const TensorView input_;
};

EngineRow::EngineRow(int64_t units, int64_t batch, int64_t num_timesteps)
    : BenchRow(WeightType::kFloat32, NumWeights(units), NumRecurrent(units),
               2.0 * static_cast<double>(NumWeights(units) * batch * num_timesteps)),
      input_(static_cast<size_t>(num_timesteps * units), 0.5f) {
  EngineOptions options;
  options.workers = 1;
  options.batching.max_batch_rows = batch;
  engine_ = std::make_unique<Engine>(clock_, observer_, options);
  CheckOk(engine_->AddModel(kModel, StackedGruModel(units)));
  const TensorView input = {DataType::kFloat32, Shape{num_timesteps, units},
                            absl::string_view(reinterpret_cast<const char*>(input_.data()),
                                              input_.size() * sizeof(float))};
  for (int64_t i = 0; i < batch; ++i) {
    OpenSessionCall call;
    call.model = kModel;
    engine_->OpenSession(call, [this, &input](const absl::StatusOr<OpenedSession>& opened) {
      CheckOk(opened.status());
      clients_.push_back(std::make_unique<Client>(*engine_, opened->session_id, input));
    });
  }
  AddCall(
      kOurs, [this] { StepAll(); }, kSteps);
  AddCeilings(/*is_read_often=*/num_timesteps > 1);
}

EngineRow::~EngineRow() = default;

void EngineRow::StepAll() {
  absl::BlockingCounter done(static_cast<int>(clients_.size()));
  for (const auto& client : clients_) client->Run(kSteps, done);
  done.Wait();
}

}  // namespace rnnserve::testing
