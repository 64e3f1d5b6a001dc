// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/sessions/session_opening.h"

#include <algorithm>
#include <utility>

#include "core/base/status_macros.h"
#include "core/engine/checks/input_validation.h"
#include "core/engine/hosting/hosted_model.h"
#include "core/engine/sessions/start_state.h"

namespace rnnserve {

absl::StatusOr<SessionTable::OpenRequest> SessionOpening::MakeRequest(
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

absl::StatusOr<SessionTable::OpenRequest> SessionOpening::MakeRequest(
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

void SessionOpening::Open(const OpenSessionCall& call, Callback callback, CallGate::Pass pass) {
  auto request = MakeRequest(call);
  if (!request.ok()) return callback(request.status());
  Open(*std::move(request), std::move(callback), std::move(pass));
}

void SessionOpening::Import(const ImportSessionCall& call, Callback callback, CallGate::Pass pass) {
  auto request = MakeRequest(call);
  if (!request.ok()) return callback(request.status());
  Open(*std::move(request), std::move(callback), std::move(pass));
}

void SessionOpening::Open(SessionTable::OpenRequest request, Callback callback,
                          CallGate::Pass pass) {
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

}  // namespace rnnserve
