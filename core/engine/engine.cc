// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/engine.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/checkpoint/session_snapshot.h"
#include "core/engine/checks/input_validation.h"
#include "core/engine/checks/output_shape.h"
#include "core/engine/infer/inference.h"
#include "core/engine/sessions/session_fork.h"
#include "core/engine/sessions/start_state.h"
#include "core/engine/step/exact_step.h"
#include "core/engine/step/payload_digest.h"
#include "core/engine/step/step_sessions_run.h"

namespace rnnserve {
namespace {

StepClaim ClaimOf(const StepCall& call) {
  StepClaim claim;
  claim.index = call.step_index;
  claim.epoch = call.epoch;
  if (call.step_index.has_value()) {
    claim.digest = DigestOfStep(call.input, call.mask, call.initial_state, call.return_state);
  }
  return claim;
}

// What the reply of a step holds. REQUIRES: the call is valid for the model.
int64_t ReplyFloats(const Model& model, const StepCall& call) {
  const int64_t state_size = call.return_state ? model.state_layout().size : 0;
  return *StepOutputShape(model, call.input.shape[0]).NumElements() + state_size;
}

// Whether a writer of this epoch may still change the session.
absl::Status CheckEpoch(const SessionLease& lease, std::optional<uint64_t> epoch) {
  return ExactStep::Decide(lease, {std::nullopt, epoch, {}}).status();
}

OpenedSession Describe(const SessionLease& lease) {
  return {lease.id(),
          lease.version(),
          lease.epoch(),
          lease.idle_timeout(),
          lease.model()->digest(),
          lease.durability(),
          lease.durable_version()};
}

StepResult ReplayedResult(const KeptReply& reply, const SessionLease& lease) {
  StepResult result;
  result.output_shape = reply.output_shape;
  result.output.assign(reply.output.begin(), reply.output.end());
  result.version = reply.index + 1;
  result.durable_version = lease.durable_version();
  result.epoch = lease.epoch();
  result.is_replayed = true;
  if (!reply.state.empty()) result.state = StateTensors(*lease.model(), reply.state);
  return result;
}

StepResult MakeStepResult(StepTask& task, ExactStep& exact, bool return_state) {
  SessionLease& lease = std::get<SessionLease>(task.row);
  StepResult result;
  result.output_shape = StepOutputShape(*lease.model(), task.num_timesteps());
  result.output = std::move(task.own_output);
  exact.OnCommitted(lease, result.output_shape, result.output, return_state);
  result.version = lease.version();
  result.durable_version = lease.durable_version();
  result.epoch = lease.epoch();
  if (return_state) result.state = lease.state().Tensors(*lease.model());
  return result;
}

}  // namespace

Engine::Engine(const Clock& clock, EngineObserver& observer, EngineOptions options,
               std::optional<DurabilityConfig> store)
    : clock_(clock),
      observer_(observer),
      options_(options),
      sessions_(
          clock,
          [this](const std::string& model_name, EndReason reason) {
            (*models_.Find(model_name))->observer().OnSessionEnded(reason);
          },
          options.sessions),
      queues_(options.max_total_queued_steps, options.max_total_queued_bytes),
      models_(options.max_retiring_models),
      reset_(sessions_, durable_, models_),
      retirement_(sessions_, durable_, gate_),
      durable_(clock, sessions_, observer, std::move(store),
               [this](const Snapshot& snapshot) { return FindModelOf(snapshot); }) {}

Engine::~Engine() {
  StartDraining();
  WaitUntilIdle(absl::InfiniteDuration());
}

absl::Status Engine::AddModel(const std::string& name, std::shared_ptr<const Model> model) {
  RNNSERVE_RETURN_IF_ERROR(ValidateModelName(name));
  return models_.Add(std::make_unique<HostedModel>(clock_, observer_.ForModel(name), queues_, name,
                                                   std::move(model), options_));
}

absl::StatusOr<ReplacedModel> Engine::ReplaceModel(const std::string& name,
                                                   std::shared_ptr<const Model> model) {
  const absl::Time now = clock_.Now();
  const absl::Time end = now + options_.retire_after;
  const std::string digest = model->digest();
  RNNSERVE_ASSIGN_OR_RETURN(HostedModel::Use previous, models_.MakeCurrent(name, digest, end));
  if (previous == nullptr) {
    auto next = std::make_unique<HostedModel>(clock_, observer_.ForModel(name), queues_, name,
                                              std::move(model), options_);
    RNNSERVE_ASSIGN_OR_RETURN(previous, models_.Replace(std::move(next), now, end));
  }
  ReplacedModel replaced{previous->model()->digest(), digest, 0};
  if (replaced.previous_digest != digest) {
    replaced.retiring_sessions = sessions_.usage(name, *previous->model()).sessions;
  }
  return replaced;
}

std::vector<NamedModel> Engine::models() const {
  std::vector<NamedModel> models;
  for (const HostedModel::Use& hosted : models_.current()) {
    models.push_back({hosted->name(), hosted->model()});
  }
  return models;
}

std::vector<RetiringModel> Engine::retiring_models(absl::string_view name) const {
  std::vector<RetiringModel> models;
  const absl::Time now = clock_.Now();
  for (const ModelTable::Retiring& retiring : models_.retiring(name)) {
    const Model& model = *retiring.hosted->model();
    models.push_back({model.digest(), sessions_.usage(name, model).sessions,
                      std::max(retiring.end - now, absl::ZeroDuration())});
  }
  return models;
}

absl::StatusOr<std::shared_ptr<const Model>> Engine::FindModel(absl::string_view name) const {
  RNNSERVE_ASSIGN_OR_RETURN(const HostedModel::Use hosted, models_.Find(name));
  return hosted->model();
}

absl::StatusOr<PinnedModel> Engine::FindModelOf(const Snapshot& snapshot) const {
  const auto is_wanted = [&snapshot](const Model& model) { return IsOfModel(snapshot, model); };
  RNNSERVE_ASSIGN_OR_RETURN(HostedModel::Use hosted, models_.Find(snapshot.model, is_wanted));
  return PinnedModel{hosted->model(), std::move(hosted)};
}

ModelLoad Engine::load(absl::string_view model_name) const {
  const auto hosted = models_.Find(model_name);
  if (!hosted.ok()) return {};
  const SessionTable::Usage usage = sessions_.usage(model_name);
  ModelLoad load{usage.sessions, usage.state_bytes, (*hosted)->num_queued()};
  for (const ModelTable::Retiring& retiring : models_.retiring(model_name)) {
    load.queued_steps += retiring.hosted->num_queued();
  }
  return load;
}

absl::StatusOr<SessionTable::OpenRequest> Engine::MakeOpenRequest(
    const OpenSessionCall& call) const {
  RNNSERVE_ASSIGN_OR_RETURN(const HostedModel::Use hosted, models_.Find(call.model));
  RNNSERVE_RETURN_IF_ERROR(hosted->CheckStreamable());
  if (!call.session_id.empty()) RNNSERVE_RETURN_IF_ERROR(ValidateSessionId(call.session_id));
  RNNSERVE_ASSIGN_OR_RETURN(absl::Duration idle_timeout,
                            ValidateIdleTimeout(call.idle_timeout, options_));
  if (!call.detached) idle_timeout = absl::InfiniteDuration();
  RNNSERVE_ASSIGN_OR_RETURN(const int reply_window, ValidateReplyWindow(call.reply_window));
  RNNSERVE_ASSIGN_OR_RETURN(const Durability durability,
                            durable_.Resolve(call.durability, call.detached));
  RNNSERVE_ASSIGN_OR_RETURN(SessionState state, StartState(*hosted->model(), call.initial_state));
  return SessionTable::OpenRequest{.id = call.session_id,
                                   .model_name = hosted->name(),
                                   .model = hosted->model(),
                                   .state = std::move(state),
                                   .detached = call.detached,
                                   .idle_timeout = idle_timeout,
                                   .reply_window = reply_window,
                                   .durability = durability,
                                   .host = hosted};
}

absl::StatusOr<SessionTable::OpenRequest> Engine::MakeOpenRequest(
    const ImportSessionCall& call) const {
  RNNSERVE_ASSIGN_OR_RETURN(SessionTable::OpenRequest request, durable_.Import(call.snapshot));
  if (!call.session_id.empty()) {
    RNNSERVE_RETURN_IF_ERROR(ValidateSessionId(call.session_id));
    request.id = call.session_id;
  }
  request.idle_timeout = std::min(request.idle_timeout, options_.max_idle_timeout);
  RNNSERVE_ASSIGN_OR_RETURN(request.durability,
                            durable_.Resolve(call.durability, /*detached=*/true));
  return request;
}

void Engine::OpenSession(const OpenSessionCall& call, OpenCallback callback) {
  auto pass = gate_.EnterWithSession();
  if (!pass.ok()) return callback(pass.status());
  auto request = MakeOpenRequest(call);
  if (!request.ok()) return callback(request.status());
  Open(*std::move(request), std::move(callback), *std::move(pass));
}

void Engine::ImportSession(const ImportSessionCall& call, OpenCallback callback) {
  auto pass = gate_.EnterWithSession();
  if (!pass.ok()) return callback(pass.status());
  auto request = MakeOpenRequest(call);
  if (!request.ok()) return callback(request.status());
  Open(*std::move(request), std::move(callback), *std::move(pass));
}

void Engine::Open(SessionTable::OpenRequest request, OpenCallback callback, CallGate::Pass pass) {
  OpenedSession opened;
  opened.version = request.version;
  opened.idle_timeout = request.idle_timeout;
  opened.model_digest = request.model->digest();
  opened.durability = request.durability;
  durable_.Open(std::move(request),
                [opened = std::move(opened), callback = std::move(callback),
                 pass = std::move(pass)](absl::StatusOr<DurableSessions::Opened> made) mutable {
                  if (!made.ok()) return callback(made.status());
                  opened.session_id = std::move(made->id);
                  opened.epoch = made->epoch;
                  if (opened.durability != Durability::kNone) {
                    opened.durable_version = opened.version;
                  }
                  callback(std::move(opened));
                });
}

void Engine::ExportSession(absl::string_view session_id, ExportCallback callback) {
  const CallGate::Pass pass = gate_.Enter();
  durable_.Lease(session_id, [this, callback = std::move(callback),
                              pass](absl::StatusOr<SessionLease> lease) mutable {
    if (!lease.ok()) return callback(lease.status());
    absl::StatusOr<std::string> snapshot = durable_.Export(*lease);
    if (!snapshot.ok()) return callback(snapshot.status());
    callback(ExportedSession{*std::move(snapshot), lease->version()});
  });
}

void Engine::AttachSession(absl::string_view session_id, AttachCallback callback) {
  const auto pass = gate_.EnterWithWork();
  if (!pass.ok()) return callback(pass.status());
  durable_.LeaseOrRestore(session_id, [this, callback = std::move(callback),
                                       pass = *pass](absl::StatusOr<SessionLease> lease) mutable {
    if (!lease.ok()) return callback(lease.status());
    lease->Attach();
    OpenedSession attached = Describe(*lease);
    // Two writers of one epoch could not be told apart, so that it must be known before it is used.
    durable_.CommitNow(*std::move(lease),
                       [attached = std::move(attached), callback = std::move(callback),
                        pass = std::move(pass)](absl::Status status) mutable {
                         if (!status.ok()) return callback(std::move(status));
                         if (attached.durability != Durability::kNone)
                           attached.durable_version = attached.version;
                         callback(std::move(attached));
                       });
  });
}

void Engine::ForkSession(ForkSessionCall call, ForkCallback callback) {
  const auto pass = gate_.EnterWithSession();
  if (!pass.ok()) return callback(pass.status());
  absl::Status status = ValidateForkTarget(call);
  const auto idle_timeout = ValidateIdleTimeout(call.idle_timeout, options_);
  status.Update(idle_timeout.status());
  const auto reply_window = ValidateReplyWindow(call.reply_window);
  status.Update(reply_window.status());
  if (!status.ok()) return callback(std::move(status));
  call.idle_timeout = call.detached ? *idle_timeout : absl::InfiniteDuration();
  call.reply_window = *reply_window;
  const std::string id = call.session_id;
  for (const std::string& fork_id : call.fork_ids) status.Update(durable_.CheckNotSpilled(fork_id));
  if (!status.ok()) return callback(std::move(status));
  durable_.Lease(id, [this, call = std::move(call), callback = std::move(callback),
                      pass = *pass](absl::StatusOr<SessionLease> lease) mutable {
    if (!lease.ok()) return callback(lease.status());
    const auto num_forks = std::max(static_cast<int64_t>(call.fork_ids.size()), call.num_forks);
    const SessionSpill::Room room{num_forks, num_forks * lease->model()->state_layout().bytes()};
    durable_.MakeRoom(room, [this, call = std::move(call), lease = *std::move(lease),
                             callback = std::move(callback), pass = std::move(pass)]() mutable {
      auto forks = OpenForks(call, lease, sessions_);
      const uint64_t version = lease.version();
      // Before the pass goes.
      std::move(lease).Return();
      if (!forks.ok()) return callback(forks.status());
      callback(ForkedSession{*std::move(forks), version});
    });
  });
}

void Engine::Step(StepCall call, StepCallback callback) {
  const auto pass = gate_.EnterWithWork();
  if (!pass.ok()) return callback(pass.status());
  const std::string id = call.session_id;
  // Only a step that would notice that the session was set back may bring it here from another
  // server. One that was spilled was not.
  const bool may_restore = call.step_index.has_value() && !call.epoch.has_value();
  auto step = [this, call = std::move(call), callback = std::move(callback),
               pass = *pass](absl::StatusOr<SessionLease> lease) mutable {
    if (!lease.ok()) return callback(lease.status());
    StepLeased(*std::move(lease), call, std::move(callback), std::move(pass));
  };
  if (may_restore) return durable_.LeaseOrRestore(id, std::move(step));
  durable_.Lease(id, std::move(step));
}

void Engine::StepLeased(SessionLease lease, const StepCall& call, StepCallback callback,
                        CallGate::Pass pass) {
  const Model& model = *lease.model();
  // Its turn may have come too late: then it takes no place in the queue.
  absl::Status status = CheckStillWanted(call.limits, clock_.Now());
  if (!status.ok()) return callback(std::move(status));
  auto exact = ExactStep::Decide(lease, ClaimOf(call));
  if (!exact.ok()) return callback(exact.status());
  if (exact->replayed() != nullptr) {
    StepResult result = ReplayedResult(*exact->replayed(), lease);
    if (lease.durability() != Durability::kSync || lease.durable_version() >= result.version) {
      return callback(std::move(result));
    }
    return CommitStep(std::move(lease), /*may_be_sent_again=*/true, std::move(result),
                      std::move(callback), std::move(pass));
  }
  status = ValidateStep(call, model, options_);
  std::optional<SessionState> start;
  if (status.ok() && !call.initial_state.empty()) {
    auto state = SessionState::FromTensors(model, call.initial_state);
    status = state.status();
    if (state.ok()) start = *std::move(state);
  }
  if (status.ok()) {
    status = exact->Reserve(sessions_, ReplyFloats(model, call));
  }
  if (!status.ok()) return callback(status);

  // Beyond the lease: the step may be done, and its session ended, before Submit returns.
  const HostedModel::Use hosted = HostedModel::HostOf(lease);
  auto task = std::make_unique<StepTask>(
      std::move(lease), call.input,
      [this, callback = std::move(callback), exact = *std::move(exact),
       may_be_sent_again = call.step_index.has_value(), return_state = call.return_state,
       pass = std::move(pass)](std::unique_ptr<StepTask> done,
                               const absl::Status& outcome) mutable {
        if (!outcome.ok()) return callback(outcome);
        StepResult result = MakeStepResult(*done, exact, return_state);
        auto& committed = std::get<SessionLease>(done->row);
        if (committed.durability() == Durability::kNone) return callback(std::move(result));
        CommitStep(std::move(committed), may_be_sent_again, std::move(result), std::move(callback),
                   std::move(pass));
      });
  task->mask = call.mask;
  task->start = std::move(start);
  task->priority = call.priority;
  task->limits = call.limits;
  status = hosted->Submit(absl::MakeSpan(&task, 1));
  if (!status.ok()) Complete(std::move(task), std::move(status));
}

void Engine::CommitStep(SessionLease lease, bool may_be_sent_again, StepResult result,
                        StepCallback callback, CallGate::Pass pass) {
  const bool is_sync = lease.durability() == Durability::kSync;
  durable_.Commit(std::move(lease), [is_sync, may_be_sent_again, result = std::move(result),
                                     callback = std::move(callback),
                                     pass = std::move(pass)](absl::Status status) mutable {
    if (!status.ok()) {
      return callback(NotStoredError(std::move(status), may_be_sent_again));
    }
    if (is_sync) result.durable_version = std::max(result.durable_version, result.version);
    callback(std::move(result));
  });
}

void Engine::StepSessions(StepSessionsCall call, StepSessionsCallback callback) {
  const auto pass = gate_.EnterWithWork();
  if (!pass.ok()) return callback(pass.status());
  const auto hosted = models_.Find(call.model);
  if (!hosted.ok()) return callback(hosted.status());
  absl::Status status = (*hosted)->CheckStreamable();
  if (status.ok()) status = ValidateStepSessions(call, *(*hosted)->model(), options_);
  if (!status.ok()) return callback(std::move(status));
  std::make_shared<StepSessionsRun>(*hosted, sessions_, durable_, options_, std::move(call),
                                    std::move(callback), *pass)
      ->Start();
}

void Engine::ResetState(ResetStateCall call, ResetCallback callback) {
  CallGate::Pass pass = gate_.Enter();
  const absl::Status status = ValidateResetTarget(call);
  if (!status.ok()) return callback(status);
  reset_.Start(std::move(call), std::move(callback), std::move(pass));
}

void Engine::GetState(absl::string_view session_id, StateCallback callback) {
  const CallGate::Pass pass = gate_.Enter();
  durable_.Lease(session_id, [callback = std::move(callback),
                              pass](absl::StatusOr<SessionLease> lease) mutable {
    if (!lease.ok()) return callback(lease.status());
    callback(SessionStateResult{lease->state().Tensors(*lease->model()), lease->version(),
                                lease->epoch()});
  });
}

void Engine::SetState(SetStateCall call, VersionCallback callback) {
  const CallGate::Pass pass = gate_.Enter();
  const std::string id = call.session_id;
  durable_.Lease(id, [this, call = std::move(call), callback = std::move(callback),
                      pass](absl::StatusOr<SessionLease> lease) mutable {
    if (!lease.ok()) return callback(lease.status());
    if (absl::Status status = CheckEpoch(*lease, call.epoch); !status.ok()) return callback(status);
    auto made = SessionState::FromTensors(*lease->model(), call.state);
    if (!made.ok()) return callback(made.status());
    lease->state().CopyFrom(made->block());
    const uint64_t version = lease->version();
    durable_.Commit(*std::move(lease), [version, callback = std::move(callback),
                                        pass](const absl::Status& status) mutable {
      if (!status.ok()) return callback(status);
      callback(version);
    });
  });
}

void Engine::CloseSession(const CloseSessionCall& call, VersionCallback callback) {
  const CallGate::Pass pass = gate_.Enter();
  durable_.Lease(call.session_id,
                 [this, reason = call.reason, epoch = call.epoch, callback = std::move(callback),
                  pass](absl::StatusOr<SessionLease> lease) mutable {
                   if (!lease.ok()) return callback(lease.status());
                   if (absl::Status status = CheckEpoch(*lease, epoch); !status.ok()) {
                     return callback(status);
                   }
                   const uint64_t version = lease->version();
                   // First, so that the id is free when the client hears of it. What the store does
                   // not forget now it forgets when its time is over.
                   durable_.End(*std::move(lease), reason,
                                [version, callback = std::move(callback),
                                 pass](const absl::Status&) mutable { callback(version); });
                 });
}

absl::StatusOr<std::vector<SessionSummary>> Engine::ListSessions(const SessionFilter& filter,
                                                                 absl::string_view after,
                                                                 int64_t limit) const {
  if (!filter.model_name.empty()) {
    RNNSERVE_RETURN_IF_ERROR(models_.Find(filter.model_name).status());
  }
  return durable_.List(filter, after, limit);
}

std::optional<std::string> Engine::ResumeTokenOf(absl::string_view session_id) const {
  const auto session = sessions_.Find(session_id);
  if (!session.has_value()) return std::nullopt;
  return durable_.ResumeTokenOf(*session);
}

void Engine::WatchSession(absl::string_view session_id,
                          const std::shared_ptr<SessionWatcher>& watcher) {
  sessions_.Watch(session_id, watcher);
}

void Engine::UnwatchSession(absl::string_view session_id,
                            const std::shared_ptr<SessionWatcher>& watcher) {
  sessions_.Unwatch(session_id, watcher);
}

void Engine::Infer(InferCall call, InferCallback callback) {
  const auto pass = gate_.EnterWithWork();
  if (!pass.ok()) return callback(pass.status());
  const auto hosted = models_.Find(call.model);
  if (!hosted.ok()) return callback(hosted.status());
  auto answer = [callback = std::move(callback), hosted = *hosted](
                    absl::StatusOr<InferResult> result) mutable { callback(std::move(result)); };
  StartInference(**hosted, options_, std::move(call), std::move(answer), *pass);
}

void Engine::ExpireIdleSessions() { sessions_.ExpireIdle(); }

void Engine::RetireModels() {
  for (const ModelTable::Over& over : models_.TakeOver(clock_.Now())) retirement_.EndSessions(over);
  // Their workers end here.
  models_.TakeUnused();
}

void Engine::StartDraining() { gate_.Close(); }

bool Engine::WaitUntilIdle(absl::Duration timeout) { return gate_.WaitUntilIdle(timeout); }

}  // namespace rnnserve
