// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/step/step_sessions_run.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/base/error.h"
#include "core/engine/checks/input_validation.h"
#include "core/engine/checks/step_inputs.h"
#include "core/engine/step/payload_digest.h"
#include "core/engine/step/step_outputs.h"

namespace rnnserve {
namespace {

// Returns whether a step of one of the models looks like a step of the other: as many inputs and
// outputs, which have the same shapes and, if there are several, the same names in the same order.
bool HasSameTensors(const Model& a, const Model& b) {
  const auto is_same = [](const auto& all_a, const auto& all_b) {
    return absl::c_equal(all_a, all_b, [&](const auto& one, const auto& other) {
      return one.spec.has_time == other.spec.has_time && one.spec.shape == other.spec.shape &&
             (all_a.size() == 1 || one.name == other.name);
    });
  };
  return is_same(a.inputs(), b.inputs()) && is_same(a.outputs(), b.outputs());
}

}  // namespace

StepSessionsRun::StepSessionsRun(HostedModel::Use hosted, SessionTable& sessions,
                                 DurableSessions& durable, const EngineOptions& options,
                                 StepSessionsCall call, Callback callback, CallGate::Pass pass)
    : hosted_(std::move(hosted)),
      options_(options),
      sessions_(sessions),
      durable_(durable),
      call_(std::move(call)),
      pass_(std::move(pass)),
      callback_(std::move(callback)),
      num_timesteps_(call_.inputs[hosted_->model()->time_input()].tensor.shape[1]),
      output_size_(hosted_->model()->StepOutputFloats(num_timesteps_)),
      exact_(call_.session_ids.size()),
      statuses_(call_.session_ids.size()),
      is_replayed_(call_.session_ids.size()),
      remaining_(call_.session_ids.size()) {
  const size_t num_rows = call_.session_ids.size();
  outputs_.resize(num_rows * static_cast<size_t>(output_size_));
  result_.versions.resize(num_rows);
  result_.durable_versions.resize(num_rows);
}

void StepSessionsRun::Start() {
  const std::shared_ptr<StepSessionsRun> self = self_ = shared_from_this();
  std::vector<std::optional<SessionLease>> leases = sessions_.LeaseFree(call_.session_ids);
  Tasks tasks;
  tasks.reserve(leases.size());
  for (size_t row = 0; row < leases.size(); ++row) {
    if (!leases[row].has_value()) continue;
    if (HostedModel::HostOf(*leases[row]) != hosted_) {
      StepLeased(row, *std::move(leases[row]));
    } else if (auto task = OnLease(row, *std::move(leases[row])); task != nullptr) {
      tasks.push_back(std::move(task));
    }
  }
  Submit(*hosted_, absl::MakeSpan(tasks));
  for (size_t row = 0; row < leases.size(); ++row) {
    if (leases[row].has_value()) continue;
    durable_.Lease(call_.session_ids[row], [this, row](absl::StatusOr<SessionLease> lease) {
      StepLeased(row, std::move(lease));
    });
  }
}

void StepSessionsRun::StepLeased(size_t row, absl::StatusOr<SessionLease> lease) {
  // Taken first: the lease moves into the task and the model must outlive it.
  const HostedModel::Use host = lease.ok() ? HostedModel::HostOf(*lease) : nullptr;
  std::unique_ptr<StepTask> task = OnLease(row, std::move(lease));
  if (task != nullptr) Submit(*host, absl::MakeSpan(&task, 1));
}

std::unique_ptr<StepTask> StepSessionsRun::OnLease(size_t row, absl::StatusOr<SessionLease> lease) {
  const auto refuse = [this, row](absl::Status status) {
    Finish(row, std::move(status));
    return nullptr;
  };
  if (!lease.ok()) return refuse(lease.status());
  if (absl::Status status = CheckModelOf(row, *lease); !status.ok()) {
    return refuse(std::move(status));
  }
  auto exact = ExactStep::Decide(*lease, ClaimOf(row));
  if (!exact.ok()) return refuse(exact.status());
  if (const KeptReply* const reply = exact->replayed(); reply != nullptr) {
    is_replayed_[row] = 1;
    std::copy(reply->output.begin(), reply->output.end(), OutputOf(row).begin());
    const uint64_t version = reply->index + 1;
    Commit(row, version, *std::move(lease));
    return nullptr;
  }
  absl::Status status = exact->Reserve(sessions_, output_size_);
  if (!status.ok()) return refuse(std::move(status));
  exact_[row] = *std::move(exact);
  return MakeTask(row, *std::move(lease));
}

absl::Status StepSessionsRun::CheckModelOf(size_t row, const SessionLease& lease) const {
  if (lease.model_name() != hosted_->name()) {
    return InvalidArgument("SESSION_MODEL", "the session belongs to another model");
  }
  const Model& model = *lease.model();
  if (lease.model() == hosted_->model()) return absl::OkStatus();
  if (HasSameTensors(model, *hosted_->model()) &&
      ValidateStep(RowOf(call_.inputs, row), model, options_).ok()) {
    return absl::OkStatus();
  }
  return FailedPrecondition(
      "MODEL_CHANGED",
      absl::StrCat("the session is of the model ", model.digest(), ", but the name holds ",
                   hosted_->model()->digest(),
                   " now, whose inputs or outputs differ; use Step to advance it"));
}

StepClaim StepSessionsRun::ClaimOf(size_t row) const {
  StepClaim claim;
  if (!call_.epochs.empty()) claim.epoch = call_.epochs[row];
  if (call_.step_indices.empty()) return claim;
  claim.index = call_.step_indices[row];
  // The digest of a Step of this session alone, so that a retry may use either call.
  claim.digest = DigestOfStep(RowOf(call_.inputs, row), {}, /*return_state=*/false);
  return claim;
}

absl::Span<float> StepSessionsRun::OutputOf(size_t row) {
  const auto size = static_cast<size_t>(output_size_);
  return {outputs_.data() + row * size, size};
}

std::unique_ptr<StepTask> StepSessionsRun::MakeTask(size_t row, SessionLease lease) {
  auto task =
      std::make_unique<StepTask>(std::move(lease), RowOf(call_.inputs, row), num_timesteps_,
                                 // Small enough for AnyInvocable to store without allocating.
                                 [this, row](std::unique_ptr<StepTask> done, absl::Status status) {
                                   OnStep(row, std::move(done), std::move(status));
                                 });
  task->output = OutputOf(row);
  task->priority = call_.priority;
  task->limits = call_.limits;
  return task;
}

void StepSessionsRun::Submit(HostedModel& hosted, absl::Span<std::unique_ptr<StepTask>> tasks) {
  const absl::Status status = hosted.Submit(tasks);
  if (status.ok()) return;
  for (std::unique_ptr<StepTask>& task : tasks) Complete(std::move(task), status);
}

void StepSessionsRun::OnStep(size_t row, std::unique_ptr<StepTask> task, absl::Status status) {
  if (status.ok()) {
    auto& lease = std::get<SessionLease>(task->row);
    exact_[row]->OnCommitted(lease, KeptShape(*lease.model(), num_timesteps_), task->output,
                             /*with_state=*/false);
    const uint64_t version = lease.version();
    return Commit(row, version, std::move(lease));
  }
  // Return the lease first, so that the session is free when the client hears of the error.
  task.reset();
  Fail(row, std::move(status));
}

void StepSessionsRun::Commit(size_t row, uint64_t version, SessionLease lease) {
  result_.versions[row] = version;
  const bool is_sync = lease.durability() == Durability::kSync;
  result_.durable_versions[row] =
      is_sync ? std::max(version, lease.durable_version()) : lease.durable_version();
  // If the state after a replayed step is stored by now, there is nothing to commit.
  const bool is_done = is_replayed_[row] != 0 && (!is_sync || lease.durable_version() >= version);
  if (lease.durability() == Durability::kNone || is_done) {
    std::move(lease).Return();
    return Finish(row, absl::OkStatus());
  }
  durable_.Commit(std::move(lease),
                  [this, row](absl::Status status) { OnStored(row, std::move(status)); });
}

void StepSessionsRun::OnStored(size_t row, absl::Status status) {
  if (status.ok()) return Finish(row, std::move(status));
  Fail(row, NotStoredError(std::move(status), !call_.step_indices.empty()));
}

void StepSessionsRun::Fail(size_t row, absl::Status status) {
  result_.versions[row] = 0;
  result_.durable_versions[row] = 0;
  is_replayed_[row] = 0;
  Finish(row, std::move(status));
}

void StepSessionsRun::ClearFailed() {
  for (size_t row = 0; row < statuses_.size(); ++row) {
    if (statuses_[row].ok()) continue;
    const absl::Span<float> output = OutputOf(row);
    std::fill(output.begin(), output.end(), 0.0f);
  }
}

void StepSessionsRun::Finish(size_t row, absl::Status status) {
  statuses_[row] = std::move(status);
  // Releases what this row wrote; the last row also acquires what the others wrote.
  if (remaining_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  const std::shared_ptr<StepSessionsRun> self = std::move(self_);
  // In an overload most calls fail in every row. Leave the memory of their outputs untouched.
  if (absl::c_any_of(statuses_, [](const absl::Status& of_row) { return of_row.ok(); })) {
    ClearFailed();
    result_.outputs =
        SplitOutputsOfSessions(*hosted_->model(), static_cast<int64_t>(statuses_.size()),
                               num_timesteps_, std::move(outputs_));
  }
  for (size_t i = 0; i < statuses_.size(); ++i) {
    if (!statuses_[i].ok()) result_.errors.emplace_back(i, std::move(statuses_[i]));
    if (is_replayed_[i] != 0) result_.replayed_rows.push_back(static_cast<int64_t>(i));
  }
  callback_(std::move(result_));
}

}  // namespace rnnserve
