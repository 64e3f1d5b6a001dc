// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_SESSION_H_
#define RNNSERVE_CORE_SESSION_SESSION_H_

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>

#include "core/session/arena.h"
#include "core/session/continuity.h"
#include "core/session/durability.h"
#include "core/session/session_line.h"
#include "core/session/sessions_by_model.h"
#include "core/session/stored_id.h"

namespace rnnserve {

// One open session. Private to this folder: other code sees a lease or a summary. There may be
// millions of sessions, so each takes two cache lines, and a lookup reads only the first. Lives in
// a SessionIndex.
//
// Times count nanoseconds from the clock's origin; no time is kNever.
struct Session {
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
  // Returns when the session expires if its last use was at `use`.
  int64_t ExpiryAfter(int64_t use) const {
    return idle_timeout > kNever - use ? kNever : use + idle_timeout;
  }

  // Constant.
  const StoredId id;
  SessionsOfModel& model;
  const Arena::Place place;  // of this record in the index
  const Arena::Place state;  // of its block in model.states
  const int64_t idle_timeout;

  // Guarded by the lock of the session table. The members below lie in its padding.
  [[no_unique_address]] SessionLine line{};

  // Constant.
  const bool detached;
  const uint8_t reply_window;
  const Durability durability;

  // Guarded by the lock of the session table.
  bool is_watched = false;  // SessionWatchers knows by whom
  int64_t last_use = 0;
  int64_t expiry_check = kNever;  // when SessionExpiry looks at the session

  // Written by the holder of the lease; listings read them under the table's lock without holding
  // the lease. No other memory depends on their order, so all accesses are relaxed.
  std::atomic<uint64_t> version{0};
  std::atomic<uint64_t> epoch{1};

  // A durable session has it from the start. In any other session the holder of the lease adds it
  // at the first step with an index, and only the holder of the lease reads it.
  std::unique_ptr<Continuity> continuity = nullptr;
};

static_assert(sizeof(Session) <= 128);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_SESSION_H_
