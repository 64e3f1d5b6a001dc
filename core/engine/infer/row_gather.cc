// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/infer/row_gather.h"

#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/engine/checks/output_shape.h"
#include "core/engine/checks/tensor_row.h"
#include "core/engine/infer/infer_states.h"

namespace rnnserve {

RowGather::RowGather(std::shared_ptr<const Model> model, InferCall call, Callback callback,
                     CallGate::Pass pass)
    : model_(std::move(model)),
      call_(std::move(call)),
      pass_(std::move(pass)),
      callback_(std::move(callback)),
      tasks_(static_cast<size_t>(num_rows())),
      statuses_(tasks_.size()),
      remaining_(num_rows()) {}

std::vector<std::unique_ptr<StepTask>> RowGather::MakeTasks(std::vector<SessionState> states) {
  std::vector<std::unique_ptr<StepTask>> tasks;
  tasks.reserve(states.size());
  for (size_t row = 0; row < states.size(); ++row) {
    tasks.push_back(std::make_unique<StepTask>(
        std::move(states[row]), RowOf(input().tensor, row),
        [self = shared_from_this(), row](std::unique_ptr<StepTask> task, absl::Status status) {
          self->Arrive(row, std::move(task), std::move(status));
        }));
    if (input().mask.has_value()) tasks.back()->mask = RowOf(*input().mask, row);
    tasks.back()->priority = call_.priority;
    tasks.back()->limits = call_.limits;
  }
  return tasks;
}

void RowGather::Arrive(size_t row, std::unique_ptr<StepTask> task, absl::Status status) {
  tasks_[row] = std::move(task);
  statuses_[row] = std::move(status);
  // Releases what this row wrote; the last row also acquires what the others wrote.
  if (remaining_.fetch_sub(1, std::memory_order_acq_rel) == 1) callback_(Assemble());
}

absl::StatusOr<InferResult> RowGather::Assemble() {
  for (size_t row = 0; row < statuses_.size(); ++row) {
    if (!statuses_[row].ok()) return Annotate(statuses_[row], absl::StrCat("row ", row));
  }
  InferResult result;
  const Model::Output& spec = model_->outputs().front();
  NamedOutput& output = result.outputs.emplace_back();
  output.name = spec.name;
  output.shape = InferOutputShape(spec, num_rows(), input().tensor.shape[1]);
  output.values.reserve(tasks_.size() * tasks_.front()->output.size());
  std::vector<SessionState> states;
  for (const std::unique_ptr<StepTask>& task : tasks_) {
    output.values.insert(output.values.end(), task->output.begin(), task->output.end());
    states.push_back(std::get<SessionState>(std::move(task->row)));
  }
  if (call_.return_state) result.state = StackStates(*model_, states);
  return result;
}

}  // namespace rnnserve
