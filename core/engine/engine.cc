// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/engine.h"

#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/engine/hosted_model.h"
#include "core/engine/inference.h"
#include "core/engine/input_validation.h"
#include "core/engine/output_shape.h"
#include "core/engine/sessions_step.h"

namespace rnnserve {
namespace {

// The state that a call asks for: the model's initial state if it gives none.
absl::StatusOr<SessionState> StateOrInitial(const Model& model,
                                            absl::Span<const NamedState> state) {
  if (state.empty()) return SessionState(model);
  return SessionState::FromTensors(model, state);
}

StepResult MakeStepResult(StepTask& task, bool return_state) {
  const SessionLease& lease = std::get<SessionLease>(task.row);
  StepResult result;
  result.output_shape = StepOutputShape(*lease.model(), task.num_timesteps());
  result.output = std::move(task.output);
  result.version = lease.version();
  result.epoch = lease.epoch();
  if (return_state) result.state = lease.state().Tensors(*lease.model());
  return result;
}

}  // namespace

Engine::Engine(const Clock& clock, EngineObserver& observer, EngineOptions options)
    : clock_(clock),
      observer_(observer),
      options_(options),
      sessions_(
          clock,
          [this](const std::string& model_name, EndReason reason) {
            (*FindHosted(model_name))->observer().OnSessionEnded(reason);
          },
          options.sessions),
      queues_(options.max_total_queued_steps, options.max_total_queued_bytes) {}

Engine::~Engine() {
  StartDraining();
  WaitUntilIdle(absl::InfiniteDuration());
}

absl::Status Engine::AddModel(const std::string& name, std::shared_ptr<const Model> model) {
  RNNSERVE_RETURN_IF_ERROR(ValidateModelName(name));
  absl::MutexLock lock(&mu_);
  const auto [it, is_new] = models_.try_emplace(name);
  if (!is_new) {
    return MakeError(absl::StatusCode::kAlreadyExists, "MODEL_EXISTS",
                     absl::StrCat("there is a model '", name, "' already"));
  }
  it->second = std::make_unique<HostedModel>(clock_, observer_.ForModel(name), queues_, name,
                                             std::move(model), options_);
  return absl::OkStatus();
}

std::vector<NamedModel> Engine::models() const {
  std::vector<NamedModel> models;
  absl::MutexLock lock(&mu_);
  for (const auto& [name, hosted] : models_) models.push_back({name, hosted->model()});
  return models;
}

absl::StatusOr<HostedModel*> Engine::FindHosted(absl::string_view name) const {
  absl::MutexLock lock(&mu_);
  const auto it = models_.find(name);
  if (it == models_.end()) return NotFound("MODEL_NOT_FOUND", "there is no model of that name");
  return it->second.get();
}

absl::StatusOr<std::shared_ptr<const Model>> Engine::FindModel(absl::string_view name) const {
  RNNSERVE_ASSIGN_OR_RETURN(const HostedModel* hosted, FindHosted(name));
  return hosted->model();
}

ModelLoad Engine::load(absl::string_view model_name) const {
  const auto hosted = FindHosted(model_name);
  if (!hosted.ok()) return {};
  const SessionStore::Usage usage = sessions_.usage(model_name);
  return {usage.sessions, usage.state_bytes, (*hosted)->num_queued()};
}

absl::StatusOr<OpenedSession> Engine::OpenSession(const OpenSessionCall& call) {
  RNNSERVE_ASSIGN_OR_RETURN(const CallGate::Pass pass, gate_.EnterWithWork());
  RNNSERVE_ASSIGN_OR_RETURN(const HostedModel* hosted, FindHosted(call.model));
  RNNSERVE_RETURN_IF_ERROR(hosted->CheckStreamable());
  if (!call.session_id.empty()) RNNSERVE_RETURN_IF_ERROR(ValidateSessionId(call.session_id));
  RNNSERVE_ASSIGN_OR_RETURN(absl::Duration idle_timeout,
                            ValidateIdleTimeout(call.idle_timeout, options_));
  if (!call.detached) idle_timeout = absl::InfiniteDuration();
  RNNSERVE_ASSIGN_OR_RETURN(SessionState state,
                            StateOrInitial(*hosted->model(), call.initial_state));

  OpenedSession opened;
  opened.idle_timeout = idle_timeout;
  opened.model_digest = hosted->model()->digest();
  RNNSERVE_ASSIGN_OR_RETURN(opened.session_id,
                            sessions_.Open({call.session_id, hosted->name(), hosted->model(),
                                            std::move(state), call.detached, idle_timeout}));
  return opened;
}

void Engine::Step(StepCall call, StepCallback callback) {
  const auto pass = gate_.EnterWithWork();
  if (!pass.ok()) return callback(pass.status());
  const std::string id = call.session_id;
  sessions_.Lease(id, [this, call = std::move(call), callback = std::move(callback),
                       pass = *pass](absl::StatusOr<SessionLease> lease) mutable {
    if (!lease.ok()) return callback(lease.status());
    StepLeased(*std::move(lease), call, std::move(callback), std::move(pass));
  });
}

void Engine::StepLeased(SessionLease lease, const StepCall& call, StepCallback callback,
                        CallGate::Pass pass) {
  const Model& model = *lease.model();
  // Its turn may have come too late: then it takes no place in the queue.
  absl::Status status = CheckStillWanted(call.limits, clock_.Now());
  if (status.ok()) status = ValidateStep(call, model, options_);
  std::optional<SessionState> start;
  if (status.ok() && !call.initial_state.empty()) {
    auto state = SessionState::FromTensors(model, call.initial_state);
    status = state.status();
    if (state.ok()) start = *std::move(state);
  }
  if (!status.ok()) return callback(status);

  HostedModel* hosted = *FindHosted(lease.model_name());
  auto task = std::make_unique<StepTask>(
      std::move(lease), call.input,
      [callback = std::move(callback), return_state = call.return_state, pass = std::move(pass)](
          std::unique_ptr<StepTask> done, absl::Status outcome) mutable {
        if (!outcome.ok()) return callback(outcome);
        callback(MakeStepResult(*done, return_state));
      });
  task->mask = call.mask;
  task->start = std::move(start);
  task->priority = call.priority;
  task->limits = call.limits;
  status = hosted->Submit(absl::MakeSpan(&task, 1));
  if (!status.ok()) Complete(std::move(task), std::move(status));
}

void Engine::StepSessions(StepSessionsCall call, StepSessionsCallback callback) {
  const auto pass = gate_.EnterWithWork();
  if (!pass.ok()) return callback(pass.status());
  const auto hosted = FindHosted(call.model);
  if (!hosted.ok()) return callback(hosted.status());
  absl::Status status = (*hosted)->CheckStreamable();
  if (status.ok()) status = ValidateStepSessions(call, *(*hosted)->model(), options_);
  if (!status.ok()) return callback(std::move(status));
  std::make_shared<SessionsStep>(**hosted, std::move(call), std::move(callback), *pass)
      ->Start(sessions_);
}

void Engine::ResetState(ResetStateCall call, ResetCallback callback) {
  const CallGate::Pass pass = gate_.Enter();
  const absl::Status status = ValidateResetTarget(call);
  if (!status.ok()) return callback(status);
  if (call.model.empty()) {
    ResetSessions(std::move(call), std::move(callback));
  } else {
    ResetModel(call, std::move(callback));
  }
}

void Engine::ResetSessions(ResetStateCall call, ResetCallback callback) {
  const std::vector<std::string> ids = call.session_ids;
  sessions_.LeaseAll(
      ids, [state = std::move(call.state), callback = std::move(callback),
            pass = gate_.Enter()](absl::StatusOr<std::vector<SessionLease>> leases) mutable {
        if (!leases.ok()) return callback(leases.status());
        // Every state is made before the first session is touched.
        std::vector<SessionState> states;
        for (const SessionLease& lease : *leases) {
          auto made = StateOrInitial(*lease.model(), state);
          if (!made.ok()) return callback(made.status());
          states.push_back(*std::move(made));
        }
        for (size_t i = 0; i < states.size(); ++i) {
          (*leases)[i].state().CopyFrom(states[i].block());
        }
        callback(static_cast<int64_t>(states.size()));
      });
}

void Engine::ResetModel(const ResetStateCall& call, ResetCallback callback) {
  const auto hosted = FindHosted(call.model);
  if (!hosted.ok()) return callback(hosted.status());
  auto state = StateOrInitial(*(*hosted)->model(), call.state);
  if (!state.ok()) return callback(state.status());
  const auto shared_state = std::make_shared<const SessionState>(*std::move(state));
  sessions_.LeaseEach(
      call.model,
      [shared_state](SessionLease lease) { lease.state().CopyFrom(shared_state->block()); },
      [callback = std::move(callback), pass = gate_.Enter()](
          absl::StatusOr<int64_t> num_reset) mutable { callback(std::move(num_reset)); });
}

void Engine::GetState(absl::string_view session_id, StateCallback callback) {
  const CallGate::Pass pass = gate_.Enter();
  sessions_.Lease(session_id, [callback = std::move(callback),
                               pass](absl::StatusOr<SessionLease> lease) mutable {
    if (!lease.ok()) return callback(lease.status());
    callback(SessionStateResult{lease->state().Tensors(*lease->model()), lease->version(),
                                lease->epoch()});
  });
}

void Engine::SetState(absl::string_view session_id, std::vector<NamedState> state,
                      VersionCallback callback) {
  const CallGate::Pass pass = gate_.Enter();
  sessions_.Lease(session_id, [state = std::move(state), callback = std::move(callback),
                               pass](absl::StatusOr<SessionLease> lease) mutable {
    if (!lease.ok()) return callback(lease.status());
    auto made = SessionState::FromTensors(*lease->model(), state);
    if (!made.ok()) return callback(made.status());
    lease->state().CopyFrom(made->block());
    callback(lease->version());
  });
}

void Engine::CloseSession(absl::string_view session_id, EndReason reason,
                          VersionCallback callback) {
  const CallGate::Pass pass = gate_.Enter();
  sessions_.Lease(session_id, [reason, callback = std::move(callback),
                               pass](absl::StatusOr<SessionLease> lease) mutable {
    if (!lease.ok()) return callback(lease.status());
    const uint64_t version = lease->version();
    // First, so that the id is free when the client hears of it.
    (*std::move(lease)).End(reason);
    callback(version);
  });
}

absl::StatusOr<std::vector<SessionStore::Summary>> Engine::ListSessions(
    absl::string_view model_name, absl::string_view after, int64_t limit) const {
  if (!model_name.empty()) RNNSERVE_RETURN_IF_ERROR(FindHosted(model_name).status());
  return sessions_.List(model_name, after, limit);
}

void Engine::Infer(InferCall call, InferCallback callback) {
  const auto pass = gate_.EnterWithWork();
  if (!pass.ok()) return callback(pass.status());
  const auto hosted = FindHosted(call.model);
  if (!hosted.ok()) return callback(hosted.status());
  StartInference(**hosted, options_, std::move(call), std::move(callback), *pass);
}

void Engine::ExpireIdleSessions() { sessions_.ExpireIdle(); }

void Engine::StartDraining() { gate_.Close(); }

bool Engine::WaitUntilIdle(absl::Duration timeout) { return gate_.WaitUntilIdle(timeout); }

}  // namespace rnnserve
