// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_SESSIONS_SESSION_FORK_H_
#define RNNSERVE_CORE_ENGINE_SESSIONS_SESSION_FORK_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/engine/calls.h"
#include "core/session/session_lease.h"
#include "core/session/session_table.h"

namespace rnnserve {

// Opens the forks of a leased session, all or none, and returns their ids. Errors: those of
// SessionTable::Open. REQUIRES: the call is valid, and its idle timeout and reply window are the
// final ones that the forks get, not the requested ones.
absl::StatusOr<std::vector<std::string>> OpenForks(const ForkSessionCall& call,
                                                   const SessionLease& lease,
                                                   SessionTable& sessions);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_SESSIONS_SESSION_FORK_H_
