// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/sessions_step.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/types/span.h"
#include "core/base/error.h"
#include "core/engine/output_shape.h"
#include "core/engine/tensor_row.h"

namespace rnnserve {

SessionsStep::SessionsStep(HostedModel& hosted, StepSessionsCall call, Callback callback,
                           CallGate::Pass pass)
    : hosted_(hosted),
      call_(std::move(call)),
      pass_(std::move(pass)),
      callback_(std::move(callback)),
      output_size_(*StepOutputShape(*hosted.model(), call_.input.shape[1]).NumElements()),
      statuses_(call_.session_ids.size()),
      remaining_(call_.session_ids.size()) {
  const size_t num_rows = call_.session_ids.size();
  result_.output_shape = InferOutputShape(hosted.model()->outputs().front(), call_.input.shape[0],
                                          call_.input.shape[1]);
  result_.output.resize(num_rows * static_cast<size_t>(output_size_));
  result_.versions.resize(num_rows);
}

void SessionsStep::Start(SessionStore& sessions) {
  for (size_t row = 0; row < call_.session_ids.size(); ++row) {
    sessions.Lease(call_.session_ids[row],
                   [self = shared_from_this(), row](absl::StatusOr<SessionLease> lease) {
                     self->OnLease(row, std::move(lease));
                   });
  }
  Tasks ready;
  {
    absl::MutexLock lock(&mu_);
    is_starting_ = false;
    ready.swap(ready_);
  }
  Submit(std::move(ready));
}

void SessionsStep::OnLease(size_t row, absl::StatusOr<SessionLease> lease) {
  if (!lease.ok()) return Finish(row, lease.status());
  if (lease->model() != hosted_.model()) {
    return Finish(row, InvalidArgument("SESSION_MODEL", "the session is not one of this model"));
  }
  Tasks tasks;
  tasks.push_back(MakeTask(row, *std::move(lease)));
  {
    absl::MutexLock lock(&mu_);
    if (is_starting_) {
      ready_.push_back(std::move(tasks.front()));
      return;
    }
  }
  Submit(std::move(tasks));
}

std::unique_ptr<StepTask> SessionsStep::MakeTask(size_t row, SessionLease lease) {
  auto task = std::make_unique<StepTask>(
      std::move(lease), RowOf(call_.input, row),
      [self = shared_from_this(), row](std::unique_ptr<StepTask> done, absl::Status status) {
        self->OnStep(row, std::move(done), std::move(status));
      });
  if (call_.mask.has_value()) task->mask = RowOf(*call_.mask, row);
  task->priority = call_.priority;
  task->limits = call_.limits;
  return task;
}

void SessionsStep::Submit(Tasks tasks) {
  const absl::Status status = hosted_.Submit(absl::MakeSpan(tasks));
  if (status.ok()) return;
  for (std::unique_ptr<StepTask>& task : tasks) Complete(std::move(task), status);
}

void SessionsStep::OnStep(size_t row, std::unique_ptr<StepTask> task, absl::Status status) {
  if (status.ok()) {
    std::copy(task->output.begin(), task->output.end(),
              result_.output.begin() + static_cast<int64_t>(row) * output_size_);
    result_.versions[row] = std::get<SessionLease>(task->row).version();
  }
  // The session is free before the client hears of it.
  task.reset();
  Finish(row, std::move(status));
}

void SessionsStep::Finish(size_t row, absl::Status status) {
  statuses_[row] = std::move(status);
  // Acquires what the others wrote if this is the last, else releases what this one did.
  if (remaining_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  for (size_t i = 0; i < statuses_.size(); ++i) {
    if (!statuses_[i].ok()) result_.errors.emplace_back(i, std::move(statuses_[i]));
  }
  callback_(std::move(result_));
}

}  // namespace rnnserve
