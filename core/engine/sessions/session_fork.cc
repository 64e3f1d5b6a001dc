// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/sessions/session_fork.h"

#include <algorithm>
#include <utility>

namespace rnnserve {

absl::StatusOr<std::vector<std::string>> OpenForks(const ForkSessionCall& call,
                                                   const SessionLease& lease,
                                                   SessionTable& sessions) {
  std::vector<std::string> ids = call.fork_ids;
  ids.resize(std::max(ids.size(), static_cast<size_t>(call.num_forks)));
  for (size_t i = 0; i < ids.size(); ++i) {
    SessionState state(*lease.model());
    state.view().CopyFrom(lease.state().block());
    absl::StatusOr<std::string> id = sessions.Open({.id = ids[i],
                                                    .model_name = lease.model_name(),
                                                    .model = lease.model(),
                                                    .state = std::move(state),
                                                    .detached = call.detached,
                                                    .idle_timeout = call.idle_timeout,
                                                    .reply_window = call.reply_window,
                                                    .host = lease.host()});
    if (!id.ok()) {
      for (size_t opened = 0; opened < i; ++opened) {
        sessions.Lease(ids[opened], [](absl::StatusOr<SessionLease> fork) {
          if (fork.ok()) (*std::move(fork)).End(EndReason::kClosed);
        });
      }
      return id.status();
    }
    ids[i] = *std::move(id);
  }
  return ids;
}

}  // namespace rnnserve
