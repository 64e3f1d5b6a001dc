// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_SESSION_INDEX_H_
#define RNNSERVE_CORE_SESSION_SESSION_INDEX_H_

#include <cstdint>

#include "absl/container/btree_set.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "core/session/arena.h"
#include "core/session/durability.h"
#include "core/session/id_index.h"

namespace rnnserve {

struct SessionsOfModel;
struct Session;

// The open sessions, found by id and visited in the order of ids. Private to this folder.
//
// A session is a record that does not move. The index of the record is kept in a hash table and in
// an ordered set. The ordered set alone would do, but among a million sessions it finds one in 1.1
// microseconds (2 if the ids begin alike) and the hash table in 0.4, and every step needs that
// lookup. Record, hash table and set together take some 160 bytes a session.
//
// Owns the sessions. Thread-compatible.
class SessionIndex {
 public:
  // The initial values of a session.
  struct Record {
    absl::string_view id;
    SessionsOfModel& model;
    Arena::Place state;
    int64_t idle_timeout;
    bool detached;
    uint8_t reply_window;
    Durability durability;
    uint64_t version;
    uint64_t epoch;
  };

  SessionIndex();
  ~SessionIndex();
  SessionIndex(const SessionIndex&) = delete;
  SessionIndex& operator=(const SessionIndex&) = delete;

  // Adds a session. Returns null, and nothing has changed, if the system has no more memory.
  // REQUIRES: no session of that id is in the index.
  Session* Insert(const Record& record);
  // Returns the session of that id; null if there is none or it is hidden.
  Session* Find(absl::string_view id) const;
  // Returns the session with this index, hidden or not. REQUIRES: there is one.
  Session& At(uint32_t index) const;
  // Returns the session with the lowest index that is not below this one, hidden or not; null if
  // there is none.
  Session* Next(uint32_t index) const;
  // Visits the sessions whose id is above `after`, in the order of ids, until `visit` returns
  // false. Skips hidden sessions.
  void ForEachAbove(absl::string_view after, absl::FunctionRef<bool(Session&)> visit) const;

  // Hides a session from Find and ForEachAbove; its record stays.
  void Hide(const Session& session);
  // Destroys a session. REQUIRES: it is hidden.
  void Remove(Session& session);

 private:
  struct IdOfSession {
    absl::string_view operator()(uint32_t index) const;
    const Arena* records;
  };
  // An entry of the ordered set. The first eight characters of the id, as a number, decide most
  // comparisons without touching the records.
  struct Position {
    uint64_t prefix() const { return uint64_t{prefix_high} << 32 | prefix_low; }

    uint32_t prefix_high;
    uint32_t prefix_low;
    uint32_t index;
  };
  struct PositionOfId {
    uint64_t prefix;
    absl::string_view id;
  };
  struct Precedes {
    using is_transparent = void;
    bool operator()(const Position& a, const Position& b) const;
    bool operator()(const Position& a, const PositionOfId& b) const;
    bool operator()(const PositionOfId& a, const Position& b) const;
    IdOfSession id_of;
  };

  // Returns the first eight characters as a number that sorts as they do.
  static uint64_t PrefixOf(absl::string_view id);

  Arena records_;
  IdIndex<IdOfSession> indexes_;
  absl::btree_set<Position, Precedes> order_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_SESSION_INDEX_H_
