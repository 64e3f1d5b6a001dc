// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_SESSION_LISTING_H_
#define RNNSERVE_CORE_SESSION_SESSION_LISTING_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/session/session_summary.h"

namespace rnnserve {

class SessionIndex;
struct Session;

// Summarizes and lists open sessions as of `now`, in nanoseconds from the clock's origin. Private
// to this folder. REQUIRES: the lock of the session table is held.

SessionSummary Summarize(const Session& session, int64_t now);

// Looks at up to `num_sessions` sessions whose id is above `after`, in the order of ids, and
// appends those that pass the filter. Returns the last id that it looked at; nothing if it has
// looked at every session that could pass.
std::optional<std::string> ListNext(const SessionIndex& sessions, const SessionFilter& filter,
                                    absl::string_view after, int num_sessions, int64_t now,
                                    std::vector<SessionSummary>& summaries);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_SESSION_LISTING_H_
