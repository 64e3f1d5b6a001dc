// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CHECKPOINT_SPILLED_SESSIONS_H_
#define RNNSERVE_CORE_CHECKPOINT_SPILLED_SESSIONS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/session/durability.h"
#include "core/session/id_index.h"
#include "core/session/pinned_model.h"
#include "core/session/session_table.h"
#include "core/session/stored_id.h"
#include "core/snapshot/snapshot_fence.h"

namespace rnnserve {

// The sessions that a server owns and has in the store alone: what it takes to find each there and
// to list it, in some 140 bytes with an id of at most 39 characters. Of more than `capacity` the
// one that was added first is forgotten; it is then only in the store, as if this server had never
// had it.
//
// The records lie in a deque that does not shrink, and those in use are a list from the oldest on.
// Their numbers are kept in the order of ids, in some six bytes each.
//
// Owns the records. Thread-compatible.
class SpilledSessions {
 public:
  struct Record {
    SnapshotFence fence;  // of its last snapshot
    std::string model_name;
    PinnedModel model;  // which stays while one of its sessions is here
    absl::Time expiry;  // when it has been idle for too long
    absl::Time last_use = absl::UnixEpoch();
    uint64_t version = 0;  // in steps
    Durability durability = Durability::kAsync;
  };

  // REQUIRES: 1 <= capacity < 2^32.
  explicit SpilledSessions(int64_t capacity) : capacity_(static_cast<size_t>(capacity)) {}
  SpilledSessions(const SpilledSessions&) = delete;
  SpilledSessions& operator=(const SpilledSessions&) = delete;

  // A record of the same id is replaced.
  void Add(absl::string_view id, const Record& record);
  // Nothing if there is none.
  std::optional<Record> Find(absl::string_view id) const;
  // Does nothing if there is none.
  void Erase(absl::string_view id);

  // Of the models of a name, or of one of them, from the oldest on, without those that have expired
  // by now.
  std::vector<std::string> IdsOf(absl::string_view model_name, absl::Time now,
                                 const Model* model = nullptr) const;
  // As SessionTable::ListSome, without those that have expired by now.
  std::optional<std::string> ListSome(const SessionFilter& filter, absl::string_view after,
                                      absl::Time now, std::vector<SessionSummary>& summaries) const;
  int64_t size() const { return static_cast<int64_t>(size_); }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  // What the sessions of one model have in common.
  struct OfModel {
    std::string name;
    PinnedModel model;
    int64_t num_sessions = 0;
  };
  struct Slot {
    StoredId id;
    SnapshotFence fence;
    OfModel* of_model;  // in models_
    int64_t expiry;     // nanoseconds from the clock's origin
    int64_t last_use;   // as well
    uint64_t version;
    uint32_t previous;
    uint32_t next;  // of a free one the next that is free
    Durability durability;
  };
  static_assert(sizeof(Slot) <= 112);
  struct IdOfSlot {
    absl::string_view operator()(uint32_t number) const { return (*slots)[number].id.view(); }
    const std::deque<Slot>* slots;
  };
  struct Precedes {
    using is_transparent = void;
    bool operator()(uint32_t a, uint32_t b) const { return id_of(a) < id_of(b); }
    bool operator()(uint32_t number, absl::string_view id) const { return id_of(number) < id; }
    bool operator()(absl::string_view id, uint32_t number) const { return id < id_of(number); }
    IdOfSlot id_of;
  };

  void EraseSlot(uint32_t number);
  static void AddIfListed(const Slot& slot, const SessionFilter& filter, absl::Time now,
                          std::vector<SessionSummary>& summaries);

  const size_t capacity_;
  // By name and model, as SessionsByModel has them; those with a session here.
  std::map<std::pair<std::string, const Model*>, OfModel> models_;
  std::deque<Slot> slots_;
  IdIndex<IdOfSlot> numbers_{IdOfSlot{&slots_}};
  absl::btree_set<uint32_t, Precedes> order_{Precedes{IdOfSlot{&slots_}}};
  size_t size_ = 0;
  uint32_t oldest_ = kNone;
  uint32_t newest_ = kNone;
  uint32_t free_ = kNone;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CHECKPOINT_SPILLED_SESSIONS_H_
