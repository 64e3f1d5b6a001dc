// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/infer/row_gather.h"

#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/engine/checks/output_shape.h"
#include "core/engine/checks/step_inputs.h"
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
    StepInputs inputs = RowOf(call_.inputs, row);
    const int64_t time = TimestepsOf(*model_, inputs);
    tasks.push_back(std::make_unique<StepTask>(
        std::move(states[row]), std::move(inputs), time,
        [self = shared_from_this(), row](std::unique_ptr<StepTask> task, absl::Status status) {
          self->Arrive(row, std::move(task), std::move(status));
        }));
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
  result.outputs = StackOutputs();
  std::vector<SessionState> states;
  for (const std::unique_ptr<StepTask>& task : tasks_) {
    states.push_back(std::get<SessionState>(std::move(task->row)));
  }
  if (call_.return_state) result.state = StackStates(*model_, states);
  return result;
}

std::vector<NamedOutput> RowGather::StackOutputs() const {
  const int64_t time = tasks_.front()->num_timesteps;
  std::vector<NamedOutput> outputs;
  size_t begin = 0;  // of the output, in a row
  for (const Model::Output& spec : model_->outputs()) {
    const auto size = static_cast<size_t>((spec.spec.has_time ? time : 1) * spec.size);
    NamedOutput& output = outputs.emplace_back();
    output.name = spec.name;
    output.shape = InferOutputShape(spec, num_rows(), time);
    output.values.reserve(tasks_.size() * size);
    for (const std::unique_ptr<StepTask>& task : tasks_) {
      const absl::Span<const float> row = task->output.subspan(begin, size);
      output.values.insert(output.values.end(), row.begin(), row.end());
    }
    begin += size;
  }
  return outputs;
}

}  // namespace rnnserve
