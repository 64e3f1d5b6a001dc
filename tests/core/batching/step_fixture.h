// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_CORE_BATCHING_STEP_FIXTURE_H_
#define RNNSERVE_TESTS_CORE_BATCHING_STEP_FIXTURE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "core/batching/step_task.h"
#include "core/model/model.h"
#include "core/session/session_state.h"
#include "core/session/state_view.h"
#include "tests/support/owned_tensor.h"

// The fixture for tests that submit steps.
namespace rnnserve::testing {

// One step, from construction to completion.
class TestStep {
 public:
  // Makes a step of a row with a state of its own, which begins at the initial state. `values` are
  // the step's timesteps.
  TestStep(const Model& model, const std::vector<float>& values)
      : TestStep(SessionState(model), model, values) {}
  TestStep(std::variant<SessionLease, SessionState> row, const Model& model,
           const std::vector<float>& values)
      : input_(std::make_unique<OwnedTensor>(
            OwnedTensor::Floats({static_cast<int64_t>(values.size()) / model.inputs().front().size,
                                 model.inputs().front().size},
                                values))),
        outcome_(std::make_shared<Outcome>()),
        task_(std::make_unique<StepTask>(
            std::move(row), StepInputs{{*input_, std::nullopt}}, input_->view().shape[0],
            [outcome = outcome_](std::unique_ptr<StepTask> task, absl::Status status) {
              outcome->status = std::move(status);
              outcome->task = std::move(task);
            })) {}

  // Returns the task to submit.
  std::unique_ptr<StepTask>& task() { return task_; }

  bool is_complete() const { return outcome_->status.has_value(); }
  // The functions below REQUIRE is_complete().
  const absl::Status& status() const { return *outcome_->status; }
  std::vector<float> output() const {
    const FloatValues& output = outcome_->task->own_output;
    return {output.begin(), output.end()};
  }
  StateView state() { return outcome_->task->state(); }
  // Destroys the task, and with it the lease that it may hold.
  void Drop() { outcome_->task.reset(); }

 private:
  struct Outcome {
    std::optional<absl::Status> status;
    std::unique_ptr<StepTask> task;
  };

  std::unique_ptr<OwnedTensor> input_;  // stays in place when the step is moved
  std::shared_ptr<Outcome> outcome_;
  std::unique_ptr<StepTask> task_;
};

// One step of a model with several inputs of one feature: a list of timesteps for each input, or a
// list of one value for an input without a time axis. Owns the tensors.
class NamedStep {
 public:
  NamedStep(const Model& model, const std::vector<std::vector<float>>& inputs) {
    StepInputs step_inputs;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const auto time = static_cast<int64_t>(inputs[i].size());
      const Shape shape = model.inputs()[i].spec.has_time ? Shape({time, 1}) : Shape({1});
      tensors_.push_back(std::make_unique<OwnedTensor>(OwnedTensor::Floats(shape, inputs[i])));
      step_inputs.push_back({*tensors_.back(), std::nullopt});
    }
    task_ = std::make_unique<StepTask>(
        SessionState(model), std::move(step_inputs), static_cast<int64_t>(inputs[0].size()),
        [outcome = outcome_](std::unique_ptr<StepTask> task, absl::Status status) {
          outcome->task = std::move(task);
          outcome->status = std::move(status);
        });
  }

  std::unique_ptr<StepTask>& task() { return task_; }
  bool is_complete() const { return outcome_->status.has_value(); }
  // The functions below REQUIRE is_complete().
  const absl::Status& status() const { return *outcome_->status; }
  std::vector<float> output() const {
    const FloatValues& output = outcome_->task->own_output;
    return {output.begin(), output.end()};
  }

 private:
  struct Outcome {
    std::unique_ptr<StepTask> task;
    std::optional<absl::Status> status;
  };

  std::vector<std::unique_ptr<OwnedTensor>> tensors_;
  std::shared_ptr<Outcome> outcome_ = std::make_shared<Outcome>();
  std::unique_ptr<StepTask> task_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_CORE_BATCHING_STEP_FIXTURE_H_
