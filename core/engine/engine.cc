// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/engine.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/base/status_macros.h"
#include "core/batching/queue_budget.h"
#include "core/checkpoint/durable_sessions.h"
#include "core/checkpoint/session_snapshot.h"
#include "core/engine/call_gate.h"
#include "core/engine/checks/input_arrangement.h"
#include "core/engine/checks/input_validation.h"
#include "core/engine/hosting/hosted_model.h"
#include "core/engine/hosting/model_retirement.h"
#include "core/engine/hosting/model_table.h"
#include "core/engine/infer/inference.h"
#include "core/engine/reset/session_reset.h"
#include "core/engine/sessions/session_fork.h"
#include "core/engine/sessions/session_opening.h"
#include "core/engine/step/exact_step.h"
#include "core/engine/step/session_step.h"
#include "core/engine/step/step_sessions_run.h"
#include "core/session/pinned_model.h"
#include "core/session/session_lease.h"
#include "core/session/session_table.h"

namespace rnnserve {
namespace {

// Returns OK if a writer of this epoch may still change the session.
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

// Returns the model with which the session of a snapshot continues: the one that it was opened with
// if the engine has it, otherwise the current one of its name.
absl::StatusOr<PinnedModel> FindModelOf(const Snapshot& snapshot, const ModelTable& models) {
  const auto is_wanted = [&snapshot](const Model& model) { return IsOfModel(snapshot, model); };
  RNNSERVE_ASSIGN_OR_RETURN(HostedModel::Use hosted, models.Find(snapshot.model, is_wanted));
  return PinnedModel{hosted->model(), std::move(hosted)};
}

}  // namespace

// Everything that the engine is made of.
struct Engine::Parts {
  Parts(const Clock& the_clock, EngineObserver& the_observer, const EngineOptions& the_options,
        std::optional<DurabilityConfig> durability);

  // Constant after construction.
  const Clock& clock;
  EngineObserver& observer;
  const EngineOptions options;

  // Synchronise themselves.
  CallGate gate;
  SessionTable sessions;
  QueueBudget queues;
  ModelTable models;
  SessionOpening opening;
  SessionStep step;
  SessionReset reset;
  ModelRetirement retirement;

  // The last member, and so the first to be destroyed: its callbacks need all the others.
  DurableSessions durable;
};

Engine::Parts::Parts(const Clock& the_clock, EngineObserver& the_observer,
                     const EngineOptions& the_options, std::optional<DurabilityConfig> durability)
    : clock(the_clock),
      observer(the_observer),
      options(the_options),
      sessions(
          clock,
          [this](const std::string& model_name, EndReason reason) {
            (*models.Find(model_name))->observer().OnSessionEnded(reason);
          },
          options.sessions),
      queues(options.max_total_queued_steps, options.max_total_queued_bytes),
      models(options.max_retiring_models),
      opening(options, models, durable),
      step(clock, options, sessions, durable),
      reset(sessions, durable, models),
      retirement(sessions, durable, gate),
      durable(clock, sessions, observer, std::move(durability),
              [this](const Snapshot& snapshot) { return FindModelOf(snapshot, models); }) {}

Engine::Engine(const Clock& clock, EngineObserver& observer, EngineOptions options,
               std::optional<DurabilityConfig> durability)
    : parts_(std::make_unique<Parts>(clock, observer, options, std::move(durability))) {}

Engine::~Engine() {
  StartDraining();
  WaitUntilIdle(absl::InfiniteDuration());
}

absl::Status Engine::AddModel(const std::string& name, std::shared_ptr<const Model> model) {
  RNNSERVE_RETURN_IF_ERROR(ValidateModelName(name));
  return parts_->models.Add(
      std::make_unique<HostedModel>(parts_->clock, parts_->observer.ForModel(name), parts_->queues,
                                    name, std::move(model), parts_->options));
}

absl::StatusOr<ReplacedModel> Engine::ReplaceModel(const std::string& name,
                                                   std::shared_ptr<const Model> model) {
  const absl::Time now = parts_->clock.Now();
  const absl::Time end = now + parts_->options.retire_after;
  const std::string digest = model->digest();
  RNNSERVE_ASSIGN_OR_RETURN(HostedModel::Use previous,
                            parts_->models.MakeCurrent(name, digest, end));
  if (previous == nullptr) {
    auto next =
        std::make_unique<HostedModel>(parts_->clock, parts_->observer.ForModel(name),
                                      parts_->queues, name, std::move(model), parts_->options);
    RNNSERVE_ASSIGN_OR_RETURN(previous, parts_->models.Replace(std::move(next), now, end));
  }
  ReplacedModel replaced{previous->model()->digest(), digest, 0};
  if (replaced.previous_digest != digest) {
    replaced.retiring_sessions = parts_->sessions.usage(name, *previous->model()).sessions;
  }
  return replaced;
}

std::vector<NamedModel> Engine::models() const {
  std::vector<NamedModel> models;
  for (const HostedModel::Use& hosted : parts_->models.current()) {
    models.push_back({hosted->name(), hosted->model()});
  }
  return models;
}

std::vector<RetiringModel> Engine::retiring_models(absl::string_view name) const {
  std::vector<RetiringModel> models;
  const absl::Time now = parts_->clock.Now();
  for (const ModelTable::Retiring& retiring : parts_->models.retiring(name)) {
    const Model& model = *retiring.hosted->model();
    models.push_back({model.digest(), parts_->sessions.usage(name, model).sessions,
                      std::max(retiring.end - now, absl::ZeroDuration())});
  }
  return models;
}

absl::StatusOr<std::shared_ptr<const Model>> Engine::FindModel(absl::string_view name) const {
  RNNSERVE_ASSIGN_OR_RETURN(const HostedModel::Use hosted, parts_->models.Find(name));
  return hosted->model();
}

ModelLoad Engine::load(absl::string_view model_name) const {
  const auto hosted = parts_->models.Find(model_name);
  if (!hosted.ok()) return {};
  const SessionTable::Usage usage = parts_->sessions.usage(model_name);
  ModelLoad load{usage.sessions, usage.state_bytes, (*hosted)->num_queued()};
  for (const ModelTable::Retiring& retiring : parts_->models.retiring(model_name)) {
    load.queued_steps += retiring.hosted->num_queued();
  }
  return load;
}

void Engine::OpenSession(const OpenSessionCall& call, OpenCallback callback) {
  auto pass = parts_->gate.EnterWithSession();
  if (!pass.ok()) return callback(pass.status());
  parts_->opening.Open(call, std::move(callback), *std::move(pass));
}

void Engine::ImportSession(const ImportSessionCall& call, OpenCallback callback) {
  auto pass = parts_->gate.EnterWithSession();
  if (!pass.ok()) return callback(pass.status());
  parts_->opening.Import(call, std::move(callback), *std::move(pass));
}

void Engine::ExportSession(absl::string_view session_id, ExportCallback callback) {
  const CallGate::Pass pass = parts_->gate.Enter();
  parts_->durable.Lease(session_id, [this, callback = std::move(callback),
                                     pass](absl::StatusOr<SessionLease> lease) mutable {
    if (!lease.ok()) return callback(lease.status());
    absl::StatusOr<std::string> snapshot = parts_->durable.Export(*lease);
    if (!snapshot.ok()) return callback(snapshot.status());
    callback(ExportedSession{*std::move(snapshot), lease->version()});
  });
}

void Engine::AttachSession(absl::string_view session_id, AttachCallback callback) {
  const auto pass = parts_->gate.EnterWithWork();
  if (!pass.ok()) return callback(pass.status());
  parts_->durable.LeaseOrRestore(session_id, [this, callback = std::move(callback), pass = *pass](
                                                 absl::StatusOr<SessionLease> lease) mutable {
    if (!lease.ok()) return callback(lease.status());
    lease->Attach();
    OpenedSession attached = Describe(*lease);
    // The new epoch must be stored before it is used: two writers of the same epoch could not be
    // told apart.
    parts_->durable.CommitNow(*std::move(lease),
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
  const auto pass = parts_->gate.EnterWithSession();
  if (!pass.ok()) return callback(pass.status());
  absl::Status status = ValidateForkTarget(call);
  const auto idle_timeout = ValidateIdleTimeout(call.idle_timeout, parts_->options);
  status.Update(idle_timeout.status());
  const auto reply_window = ValidateReplyWindow(call.reply_window);
  status.Update(reply_window.status());
  if (!status.ok()) return callback(std::move(status));
  call.idle_timeout = call.detached ? *idle_timeout : absl::InfiniteDuration();
  call.reply_window = *reply_window;
  const std::string id = call.session_id;
  for (const std::string& fork_id : call.fork_ids)
    status.Update(parts_->durable.CheckNotSpilled(fork_id));
  if (!status.ok()) return callback(std::move(status));
  parts_->durable.Lease(id, [this, call = std::move(call), callback = std::move(callback),
                             pass = *pass](absl::StatusOr<SessionLease> lease) mutable {
    if (!lease.ok()) return callback(lease.status());
    const auto num_forks = std::max(static_cast<int64_t>(call.fork_ids.size()), call.num_forks);
    const SessionSpill::Room room{num_forks, num_forks * lease->model()->state_layout().bytes()};
    parts_->durable.MakeRoom(room,
                             [this, call = std::move(call), lease = *std::move(lease),
                              callback = std::move(callback), pass = std::move(pass)]() mutable {
                               auto forks = OpenForks(call, lease, parts_->sessions);
                               const uint64_t version = lease.version();
                               // Return the lease before the pass.
                               std::move(lease).Return();
                               if (!forks.ok()) return callback(forks.status());
                               callback(ForkedSession{*std::move(forks), version});
                             });
  });
}

void Engine::Step(StepCall call, StepCallback callback) {
  const auto pass = parts_->gate.EnterWithWork();
  if (!pass.ok()) return callback(pass.status());
  parts_->step.Start(std::move(call), std::move(callback), *pass);
}

void Engine::StepSessions(StepSessionsCall call, StepSessionsCallback callback) {
  const auto pass = parts_->gate.EnterWithWork();
  if (!pass.ok()) return callback(pass.status());
  const auto hosted = parts_->models.Find(call.model);
  if (!hosted.ok()) return callback(hosted.status());
  absl::Status status = (*hosted)->CheckStreamable();
  if (status.ok()) status = ArrangeInputs(*(*hosted)->model(), call.inputs);
  if (status.ok()) status = ValidateStepSessions(call, *(*hosted)->model(), parts_->options);
  if (!status.ok()) return callback(std::move(status));
  std::make_shared<StepSessionsRun>(*hosted, parts_->sessions, parts_->durable, parts_->options,
                                    std::move(call), std::move(callback), *pass)
      ->Start();
}

void Engine::ResetState(ResetStateCall call, ResetCallback callback) {
  CallGate::Pass pass = parts_->gate.Enter();
  const absl::Status status = ValidateResetTarget(call);
  if (!status.ok()) return callback(status);
  parts_->reset.Start(std::move(call), std::move(callback), std::move(pass));
}

void Engine::GetState(absl::string_view session_id, StateCallback callback) {
  const CallGate::Pass pass = parts_->gate.Enter();
  parts_->durable.Lease(session_id, [callback = std::move(callback),
                                     pass](absl::StatusOr<SessionLease> lease) mutable {
    if (!lease.ok()) return callback(lease.status());
    callback(SessionStateResult{lease->state().Tensors(*lease->model()), lease->version(),
                                lease->epoch()});
  });
}

void Engine::SetState(SetStateCall call, VersionCallback callback) {
  const CallGate::Pass pass = parts_->gate.Enter();
  const std::string id = call.session_id;
  parts_->durable.Lease(id, [this, call = std::move(call), callback = std::move(callback),
                             pass](absl::StatusOr<SessionLease> lease) mutable {
    if (!lease.ok()) return callback(lease.status());
    if (absl::Status status = CheckEpoch(*lease, call.epoch); !status.ok()) return callback(status);
    auto made = SessionState::FromTensors(*lease->model(), call.state);
    if (!made.ok()) return callback(made.status());
    lease->state().CopyFrom(made->block());
    const uint64_t version = lease->version();
    parts_->durable.Commit(*std::move(lease), [version, callback = std::move(callback),
                                               pass](const absl::Status& status) mutable {
      if (!status.ok()) return callback(status);
      callback(version);
    });
  });
}

void Engine::CloseSession(const CloseSessionCall& call, VersionCallback callback) {
  const CallGate::Pass pass = parts_->gate.Enter();
  parts_->durable.Lease(call.session_id, [this, reason = call.reason, epoch = call.epoch,
                                          callback = std::move(callback),
                                          pass](absl::StatusOr<SessionLease> lease) mutable {
    if (!lease.ok()) return callback(lease.status());
    if (absl::Status status = CheckEpoch(*lease, epoch); !status.ok()) {
      return callback(status);
    }
    const uint64_t version = lease->version();
    // End the session first, so that its id is free when the client hears that it has ended. If the
    // store fails to remove the snapshot now, its time to live removes it later.
    parts_->durable.End(*std::move(lease), reason,
                        [version, callback = std::move(callback),
                         pass](const absl::Status&) mutable { callback(version); });
  });
}

absl::StatusOr<std::vector<SessionSummary>> Engine::ListSessions(const SessionFilter& filter,
                                                                 absl::string_view after,
                                                                 int64_t limit) const {
  if (!filter.model_name.empty()) {
    RNNSERVE_RETURN_IF_ERROR(parts_->models.Find(filter.model_name).status());
  }
  return parts_->durable.List(filter, after, limit);
}

std::optional<std::string> Engine::ResumeTokenOf(absl::string_view session_id) const {
  const auto session = parts_->sessions.Find(session_id);
  if (!session.has_value()) return std::nullopt;
  return parts_->durable.ResumeTokenOf(*session);
}

void Engine::WatchSession(absl::string_view session_id,
                          const std::shared_ptr<SessionWatcher>& watcher) {
  parts_->sessions.Watch(session_id, watcher);
}

void Engine::UnwatchSession(absl::string_view session_id,
                            const std::shared_ptr<SessionWatcher>& watcher) {
  parts_->sessions.Unwatch(session_id, watcher);
}

void Engine::Infer(InferCall call, InferCallback callback) {
  const auto pass = parts_->gate.EnterWithWork();
  if (!pass.ok()) return callback(pass.status());
  const auto hosted = parts_->models.Find(call.model);
  if (!hosted.ok()) return callback(hosted.status());
  auto answer = [callback = std::move(callback), hosted = *hosted](
                    absl::StatusOr<InferResult> result) mutable { callback(std::move(result)); };
  StartInference(**hosted, parts_->options, std::move(call), std::move(answer), *pass);
}

void Engine::ExpireIdleSessions() { parts_->sessions.ExpireIdle(); }

void Engine::RetireModels() {
  for (const ModelTable::Expired& expired : parts_->models.TakeExpired(parts_->clock.Now())) {
    parts_->retirement.EndSessions(expired);
  }
  // Destroys the models here, on this thread, which joins their workers.
  parts_->models.TakeUnused();
}

absl::Status Engine::CheckResumeToken(absl::string_view session_id, absl::string_view token) const {
  return parts_->durable.CheckResumeToken(session_id, token);
}

void Engine::TickCheckpoints() { parts_->durable.Tick(); }

bool Engine::FlushCheckpoints(absl::Duration timeout) { return parts_->durable.Flush(timeout); }

bool Engine::FlushForGood(absl::Duration timeout) { return parts_->durable.FlushForGood(timeout); }

int64_t Engine::num_spilled_sessions() const { return parts_->durable.num_spilled(); }

CheckpointLoad Engine::checkpoint_load() const { return parts_->durable.load(); }

void Engine::RefuseSessions() { parts_->gate.CloseToSessions(); }

void Engine::StartDraining() { parts_->gate.Close(); }

bool Engine::WaitUntilIdle(absl::Duration timeout) { return parts_->gate.WaitUntilIdle(timeout); }

}  // namespace rnnserve
