// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/idle_sampler.h"

#include "core/session/session.h"
#include "core/session/session_index.h"

namespace rnnserve {

int64_t IdleSampler::LookAtNext(int64_t num_sessions, const Times& times,
                                const SessionIndex& sessions, std::vector<IdleSession>& idle) {
  for (int64_t i = 0; i < num_sessions; ++i) {
    const Session* session = sessions.Next(next_);
    if (session == nullptr) session = sessions.Next(0);
    if (session == nullptr) return i;
    next_ = session->place.index + 1;
    if (!session->line.is_free() || session->durability == Durability::kNone) continue;
    const int64_t last_use = session->last_use;
    if (last_use > times.last_use_max || session->ExpiryAfter(last_use) <= times.now) continue;
    idle.push_back({std::string(session->id.view()), absl::FromUnixNanos(last_use),
                    session->model.state_bytes()});
  }
  return num_sessions;
}

}  // namespace rnnserve
