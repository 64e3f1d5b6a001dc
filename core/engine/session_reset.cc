// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/session_reset.h"

#include <utility>

#include "core/base/status_macros.h"
#include "core/engine/start_state.h"

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
        // Every state is made before the first session is touched.
        std::vector<SessionState> states;
        for (const SessionLease& lease : *leases) {
          auto made = StartState(*lease.model(), state);
          if (!made.ok()) return callback(made.status());
          states.push_back(*std::move(made));
        }
        for (size_t i = 0; i < states.size(); ++i) {
          (*leases)[i].state().CopyFrom(states[i].block());
        }
        durable_.CommitAll(
            *std::move(leases),
            [callback = std::move(callback), pass = std::move(pass),
             count = static_cast<int64_t>(states.size())](const absl::Status& status) mutable {
              if (!status.ok()) return callback(status);
              callback(count);
            });
      });
}

absl::StatusOr<SessionReset::States> SessionReset::StatesFor(const ResetStateCall& call) const {
  RNNSERVE_ASSIGN_OR_RETURN(const HostedModel::Use current, models_.Find(call.model));
  std::vector<std::shared_ptr<const Model>> models = {current->model()};
  for (const ModelTable::Retiring& retiring : models_.retiring(call.model)) {
    models.push_back(retiring.hosted->model());
  }
  States states;
  for (const auto& model : models) {
    RNNSERVE_ASSIGN_OR_RETURN(SessionState state, StartState(*model, call.state));
    states.emplace(model.get(), std::make_shared<const SessionState>(std::move(state)));
  }
  return states;
}

void SessionReset::ResetModel(const ResetStateCall& call, Callback callback, CallGate::Pass pass) {
  auto states = StatesFor(call);
  if (!states.ok()) return callback(states.status());
  sessions_.LeaseEach(
      call.model,
      [this, states = *states](SessionLease lease) {
        const auto state = states.find(lease.model().get());
        // A session of a model that has come since the call did is as new as it would be.
        if (state == states.end()) return;
        lease.state().CopyFrom(state->second->block());
        durable_.Commit(std::move(lease), [](const absl::Status&) {});
      },
      [this, model_name = call.model, states = *states, callback = std::move(callback),
       pass = std::move(pass)](absl::StatusOr<int64_t> num_reset) mutable {
        if (!num_reset.ok()) return callback(std::move(num_reset));
        // Those in memory were used just now, so that none of them is among the spilled.
        ResetSpilled(durable_.SpilledIdsOf(model_name), std::move(states), *num_reset,
                     std::move(callback), std::move(pass));
      });
}

void SessionReset::ResetSpilled(std::vector<std::string> ids, States states, int64_t num_reset,
                                Callback callback, CallGate::Pass pass) {
  if (ids.empty()) return callback(num_reset);
  // One after another: they would not fit into memory together.
  const std::string id = std::move(ids.back());
  ids.pop_back();
  durable_.Lease(id, [this, ids = std::move(ids), states = std::move(states), num_reset,
                      callback = std::move(callback),
                      pass = std::move(pass)](absl::StatusOr<SessionLease> lease) mutable {
    if (!lease.ok() && !absl::IsNotFound(lease.status())) return callback(lease.status());
    const auto state = lease.ok() ? states.find(lease->model().get()) : states.end();
    if (state != states.end()) {
      lease->state().CopyFrom(state->second->block());
      ++num_reset;
      durable_.Commit(*std::move(lease), [](const absl::Status&) {});
    }
    ResetSpilled(std::move(ids), std::move(states), num_reset, std::move(callback),
                 std::move(pass));
  });
}

}  // namespace rnnserve
