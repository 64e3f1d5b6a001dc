// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_SESSION_H_
#define RNNSERVE_CORE_SESSION_SESSION_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <list>
#include <memory>

#include "core/session/arena.h"
#include "core/session/continuity.h"
#include "core/session/session_table.h"
#include "core/session/sessions_by_model.h"
#include "core/session/stored_id.h"

namespace rnnserve {

// One open session. Private to this folder: others see a lease or a summary. There may be millions,
// so it is two cache lines, of which the first is what a lookup reads. Lives in a SessionIndex.
//
// Times count nanoseconds from the clock's origin; kNever is none of them.
//
// Invariants, with the store's lock held:
//   1. A session that is neither leased nor served has an empty line.
//   2. At most one thread serves the line (SessionTable::ServeLine), and it alone takes from it.
//   3. A session that has ended is found no more, stays leased and has an empty line. It is there
//      until nobody serves it.
struct Session {
  struct Waiting {
    SessionTable::LeaseCallback callback;
    uint64_t version;  // when it came
  };
  using Line = std::list<Waiting>;

  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
  size_t num_waiting() const { return line == nullptr ? 0 : line->size(); }
  bool is_free() const { return !is_leased && !is_served; }
  // When it expires if it is used for the last time then.
  int64_t ExpiryAfter(int64_t use) const {
    return idle_timeout > kNever - use ? kNever : use + idle_timeout;
  }

  // Constant.
  const StoredId id;
  SessionsOfModel& model;
  const Arena::Place place;  // of this session in the table
  const Arena::Place state;  // of its block in model.states
  const int64_t idle_timeout;
  const bool detached;
  const uint8_t reply_window;
  const Durability durability;

  // Guarded by the store's lock.
  bool is_leased = false;
  bool is_served = false;
  bool has_ended = false;
  bool is_watched = false;               // the store's watchers know by whom
  std::unique_ptr<Line> line = nullptr;  // null if nobody waits
  int64_t last_use = 0;
  int64_t expiry_check = kNever;  // its key in the store's order of expiry

  // Written by the holder of the lease, read by List too. They order nothing.
  std::atomic<uint64_t> version{0};
  std::atomic<uint64_t> epoch{1};

  // Of a durable session from the start, of another from its first step with an index on, which the
  // holder of the lease makes. Nobody else looks at it if the session is not durable.
  std::unique_ptr<Continuity> continuity = nullptr;
};

static_assert(sizeof(Session) <= 128);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_SESSION_H_
