// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/inference.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "core/base/status_macros.h"
#include "core/engine/infer_states.h"
#include "core/engine/input_validation.h"
#include "core/engine/output_shape.h"
#include "core/engine/row_gather.h"

namespace rnnserve {
namespace {

using Callback = absl::AnyInvocable<void(absl::StatusOr<InferResult>)>;

absl::StatusOr<std::vector<SessionState>> Validate(const InferCall& call, const Model& model,
                                                   const EngineOptions& options) {
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
  result.output_shape = InferOutputShape(model, task.num_rows(), task.num_timesteps());
  result.output = std::move(task.output);
  if (return_state) result.state = StackStates(model, task.states);
  return result;
}

void StartWhole(HostedModel& hosted, const InferCall& call, std::vector<SessionState> states,
                Callback callback, CallGate::Pass pass) {
  auto task = std::make_unique<SequenceTask>();
  task->input = call.input;
  task->mask = call.mask;
  task->states = std::move(states);
  task->limits = call.limits;
  task->completion = [model = hosted.model(), return_state = call.return_state,
                      callback = std::move(callback), pass = std::move(pass)](
                         std::unique_ptr<SequenceTask> done, absl::Status status) mutable {
    if (!status.ok()) return callback(std::move(status));
    callback(MakeResult(*model, *done, return_state));
  };
  absl::Status status = hosted.Submit(task);
  if (status.ok()) return;
  SequenceTask::Completion completion = std::move(task->completion);
  completion(std::move(task), std::move(status));
}

}  // namespace

void StartInference(HostedModel& hosted, const EngineOptions& options, InferCall call,
                    Callback callback, CallGate::Pass pass) {
  auto states = Validate(call, *hosted.model(), options);
  if (!states.ok()) return callback(states.status());
  if (hosted.is_streamable()) {
    StartRows(hosted, std::move(call), *std::move(states), std::move(callback), std::move(pass));
  } else {
    StartWhole(hosted, call, *std::move(states), std::move(callback), std::move(pass));
  }
}

}  // namespace rnnserve
