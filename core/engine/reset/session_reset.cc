// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/reset/session_reset.h"

#include <memory>
#include <utility>
#include <vector>

#include "core/base/status_macros.h"
#include "core/engine/reset/commit_sweep.h"
#include "core/engine/sessions/start_state.h"

namespace rnnserve {

void SessionReset::Start(ResetStateCall call, Callback callback, CallGate::Pass pass) {
  if (call.model.empty()) {
    ResetIds(std::move(call), std::move(callback), std::move(pass));
  } else {
    ResetModel(call, std::move(callback), std::move(pass));
  }
}

void SessionReset::ResetIds(ResetStateCall call, Callback callback, CallGate::Pass pass) {
  durable_.LeaseAll(
      std::move(call.session_ids),
      [this, state = std::move(call.state), callback = std::move(callback),
       pass = std::move(pass)](absl::StatusOr<std::vector<SessionLease>> leases) mutable {
        if (!leases.ok()) return callback(leases.status());
        // Make every state before the first session changes, so that after an error no session has
        // changed.
        std::vector<SessionState> states;
        for (const SessionLease& lease : *leases) {
          auto made = StartState(*lease.model(), state);
          if (!made.ok()) return callback(made.status());
          states.push_back(*std::move(made));
        }
        for (size_t i = 0; i < states.size(); ++i) {
          (*leases)[i].state().CopyFrom(states[i].block());
        }
        const auto commits = std::make_shared<CommitSweep>(durable_);
        for (SessionLease& lease : *leases) commits->Add(std::move(lease));
        commits->Finish(
            [callback = std::move(callback), pass = std::move(pass),
             count = static_cast<int64_t>(states.size())](const absl::Status& status) mutable {
              if (!status.ok()) return callback(status);
              callback(count);
            });
      });
}

absl::StatusOr<ModelReset::States> SessionReset::StatesFor(const ResetStateCall& call) const {
  RNNSERVE_ASSIGN_OR_RETURN(const HostedModel::Use current, models_.Find(call.model));
  std::vector<std::shared_ptr<const Model>> models = {current->model()};
  for (const ModelTable::Retiring& retiring : models_.retiring(call.model)) {
    models.push_back(retiring.hosted->model());
  }
  ModelReset::States states;
  for (const auto& model : models) {
    RNNSERVE_ASSIGN_OR_RETURN(SessionState state, StartState(*model, call.state));
    states.emplace(model.get(), std::make_shared<const SessionState>(std::move(state)));
  }
  return states;
}

void SessionReset::ResetModel(const ResetStateCall& call, Callback callback, CallGate::Pass pass) {
  auto states = StatesFor(call);
  if (!states.ok()) return callback(states.status());
  std::make_shared<ModelReset>(sessions_, durable_, *std::move(states), std::move(callback),
                               std::move(pass))
      ->Start(call.model);
}

}  // namespace rnnserve
