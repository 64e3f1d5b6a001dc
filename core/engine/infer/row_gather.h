// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_INFER_ROW_GATHER_H_
#define RNNSERVE_CORE_ENGINE_INFER_ROW_GATHER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/batching/step_task.h"
#include "core/engine/call_gate.h"
#include "core/engine/calls.h"
#include "core/model/model.h"

namespace rnnserve {

// One Infer of a streamable model, cut into one StepTask per row, so that its rows share cell steps
// with sessions and with other calls. It answers when the last row is done: with the whole result,
// or with the error of the failed row with the lowest index, which names the row.
//
// Owned by the tasks that it made. Thread-safe.
class RowGather : public std::enable_shared_from_this<RowGather> {
 public:
  using Callback = absl::AnyInvocable<void(absl::StatusOr<InferResult>)>;

  // Returns `pass` after the callback. REQUIRES: the call is valid for the model, and all inputs
  // with a time axis have the same number of timesteps.
  RowGather(std::shared_ptr<const Model> model, InferCall call, Callback callback,
            CallGate::Pass pass);

  // Makes a task for each row, which begins at the row's state. REQUIRES: there is one state per
  // row; called once.
  std::vector<std::unique_ptr<StepTask>> MakeTasks(std::vector<SessionState> states);

  // Answers with an error. REQUIRES: no task was submitted.
  void Refuse(absl::Status status) { callback_(std::move(status)); }

 private:
  void Arrive(size_t row, std::unique_ptr<StepTask> task, absl::Status status);
  absl::StatusOr<InferResult> Assemble();
  // Returns the outputs of all rows, stacked.
  std::vector<NamedOutput> StackOutputs() const;

  int64_t num_rows() const { return call_.inputs.front().tensor.shape[0]; }

  const std::shared_ptr<const Model> model_;
  const InferCall call_;
  const CallGate::Pass pass_;
  Callback callback_;
  // Each element is written by the thread that finishes its row.
  std::vector<std::unique_ptr<StepTask>> tasks_;
  std::vector<absl::Status> statuses_;
  std::atomic<int64_t> remaining_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_INFER_ROW_GATHER_H_
