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

// The open sessions, found by id and in the order of ids. Private to this folder.
//
// A session is a record that does not move, and its index is kept in a hash table and in the order
// of ids. The order alone would do: but of a million it finds one in 1.1 microseconds (2 if the ids
// begin alike), the hash table in 0.4, and that is on the way of every step. Together they take
// some 160 bytes a session.
//
// Owns the sessions. Thread-compatible.
class SessionIndex {
 public:
  // What a session begins with.
  struct Record {
    absl::string_view id;
    SessionsOfModel& model;
    Arena::Place state;
    int64_t idle_timeout;
    bool detached;
    uint8_t reply_window;
    Durability durability;
    // These two as they begin.
    uint64_t version;
    uint64_t epoch;
  };

  SessionIndex();
  ~SessionIndex();
  SessionIndex(const SessionIndex&) = delete;
  SessionIndex& operator=(const SessionIndex&) = delete;

  // Adds a session; null if the system has no more memory. REQUIRES: its id is not in.
  Session* Insert(const Record& record);
  // Null if there is none.
  Session* Find(absl::string_view id) const;
  // The session at this place of the table. REQUIRES: there is one.
  Session& At(uint32_t index) const;
  // The first session from this place of the table on; null if there is none. It may be a hidden
  // one.
  Session* Next(uint32_t index) const;
  // Visits the sessions whose id is above `after` in the order of ids, until `visit` returns false.
  void ForEachAbove(absl::string_view after, absl::FunctionRef<bool(Session&)> visit) const;

  // The session is found no more, but stays.
  void Hide(const Session& session);
  // The session is gone. REQUIRES: it is hidden.
  void Remove(Session& session);

 private:
  struct IdOfSession {
    absl::string_view operator()(uint32_t index) const;
    const Arena* records;
  };
  // The first eight characters, as a number, decide most comparisons without a look at the records.
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

  static uint64_t PrefixOf(absl::string_view id);

  Arena records_;
  IdIndex<IdOfSession> indexes_;
  absl::btree_set<Position, Precedes> order_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_SESSION_INDEX_H_
