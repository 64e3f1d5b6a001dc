// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/infer/inference.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/engine/checks/input_arrangement.h"
#include "core/engine/checks/input_validation.h"
#include "core/engine/checks/output_shape.h"
#include "core/engine/checks/step_inputs.h"
#include "core/engine/infer/infer_states.h"
#include "core/engine/infer/row_gather.h"
#include "core/kernels/random.h"

namespace rnnserve {
namespace {

using Callback = absl::AnyInvocable<void(absl::StatusOr<InferResult>)>;

absl::Status CheckTraining(const InferCall& call, const Model& model) {
  if (!call.training_seed.has_value() || model.no_training_reason().empty()) {
    return absl::OkStatus();
  }
  return MakeError(
      absl::StatusCode::kUnimplemented, "TRAINING_UNSUPPORTED",
      absl::StrCat("the model cannot be computed with training: ", model.no_training_reason()));
}

// Returns the seed of each row, as InferCall defines it; none without training.
std::vector<uint64_t> RowSeeds(const InferCall& call, size_t num_rows) {
  std::vector<uint64_t> seeds;
  if (!call.training_seed.has_value()) return seeds;
  for (size_t row = 0; row < num_rows; ++row) {
    seeds.push_back(RandomBits(*call.training_seed, row));
  }
  return seeds;
}

absl::StatusOr<std::vector<SessionState>> Validate(InferCall& call, const Model& model,
                                                   const EngineOptions& options) {
  RNNSERVE_RETURN_IF_ERROR(CheckTraining(call, model));
  RNNSERVE_RETURN_IF_ERROR(ArrangeInputs(model, call.inputs));
  RNNSERVE_RETURN_IF_ERROR(ValidateInfer(call, model, options));
  return InitialStates(model, call);
}

void StartRows(HostedModel& hosted, InferCall call, std::vector<SessionState> states,
               Callback callback, CallGate::Pass pass) {
  const auto gather = std::make_shared<RowGather>(hosted.model(), std::move(call),
                                                  std::move(callback), std::move(pass));
  std::vector<std::unique_ptr<StepTask>> tasks = gather->MakeTasks(std::move(states));
  absl::Status status = hosted.Submit(absl::MakeSpan(tasks));
  if (!status.ok()) gather->Refuse(std::move(status));
}

InferResult MakeResult(const Model& model, SequenceTask& task, bool return_state) {
  InferResult result;
  const std::vector<int64_t> times = model.OutputTimes(task.times());
  for (size_t i = 0; i < task.outputs.size(); ++i) {
    const Model::Output& spec = model.outputs()[i];
    result.outputs.push_back(
        {spec.name, InferOutputShape(spec, task.num_rows(), times[i]), std::move(task.outputs[i])});
  }
  if (return_state) result.state = StackStates(model, task.states);
  return result;
}

void StartWhole(HostedModel& hosted, const InferCall& call, std::vector<SessionState> states,
                Callback callback, CallGate::Pass pass) {
  auto task = std::make_unique<SequenceTask>();
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    const NamedInput& input = call.inputs[i];
    const bool has_time = hosted.model()->inputs()[i].spec.has_time;
    task->inputs.push_back({input.tensor, has_time ? input.tensor.shape[1] : 1, input.mask});
  }
  task->row_seeds = RowSeeds(call, states.size());
  task->states = std::move(states);
  task->priority = call.priority;
  task->limits = call.limits;
  task->completion = [model = hosted.model(), return_state = call.return_state,
                      training_seed = call.training_seed, callback = std::move(callback),
                      pass = std::move(pass)](std::unique_ptr<SequenceTask> done,
                                              absl::Status status) mutable {
    if (!status.ok()) return callback(std::move(status));
    InferResult result = MakeResult(*model, *done, return_state);
    result.training_seed = training_seed;
    callback(std::move(result));
  };
  absl::Status status = hosted.Submit(task);
  if (!status.ok()) Complete(std::move(task), std::move(status));
}

}  // namespace

void StartInference(HostedModel& hosted, const EngineOptions& options, InferCall call,
                    Callback callback, CallGate::Pass pass) {
  auto states = Validate(call, *hosted.model(), options);
  if (!states.ok()) return callback(states.status());
  if (hosted.is_streamable() && !call.training_seed.has_value() &&
      HaveSameTimesteps(*hosted.model(), call.inputs)) {
    StartRows(hosted, std::move(call), *std::move(states), std::move(callback), std::move(pass));
  } else {
    StartWhole(hosted, call, *std::move(states), std::move(callback), std::move(pass));
  }
}

}  // namespace rnnserve
