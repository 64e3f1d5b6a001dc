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

// Records of the sessions that a server owns but has only in the snapshot store: enough to find
// each of them there and to list it. A record takes some 140 bytes if the id has at most 39
// characters. At most `capacity` are kept. Adding one more drops the oldest record, and the server
// then treats that session as if it had never had it.
//
// The records lie in a deque that does not shrink; those in use form a list, oldest first. Their
// numbers are also kept in the order of ids, in some six bytes each.
//
// Owns the records. Thread-compatible.
class SpilledSessions {
 public:
  struct Record {
    SnapshotFence fence;  // of its last snapshot
    std::string model_name;
    PinnedModel model;  // stays alive while one of its sessions has a record
    absl::Time expiry;  // when its idle timeout ends
    absl::Time last_use = absl::UnixEpoch();
    uint64_t version = 0;  // in steps
    Durability durability = Durability::kAsync;
  };

  // REQUIRES: 1 <= capacity < 2^32.
  explicit SpilledSessions(int64_t capacity) : capacity_(static_cast<size_t>(capacity)) {}
  SpilledSessions(const SpilledSessions&) = delete;
  SpilledSessions& operator=(const SpilledSessions&) = delete;

  // Adds a record, or replaces the one with the same id.
  void Add(absl::string_view id, const Record& record);
  // Returns the record with this id.
  std::optional<Record> Find(absl::string_view id) const;
  // Removes the record with this id, if there is one.
  void Erase(absl::string_view id);

  // Returns the ids of a model name's sessions that have not expired at `now`, oldest record first;
  // if `model` is given, only of those that were opened with it.
  std::vector<std::string> IdsOf(absl::string_view model_name, absl::Time now,
                                 const Model* model = nullptr) const;
  // Like SessionTable::ListSome, for the sessions that have not expired at `now`.
  std::optional<std::string> ListSome(const SessionFilter& filter, absl::string_view after,
                                      absl::Time now, std::vector<SessionSummary>& summaries) const;
  int64_t size() const { return static_cast<int64_t>(size_); }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  // The data that the records of one model share.
  struct OfModel {
    std::string name;
    PinnedModel model;
    int64_t num_sessions = 0;
  };
  struct Slot {
    StoredId id;
    SnapshotFence fence;
    OfModel* of_model;  // in models_
    int64_t expiry;     // in nanoseconds from the clock's origin
    int64_t last_use;   // likewise
    uint64_t version;
    uint32_t previous;
    uint32_t next;  // in a free slot, the next free slot
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
  // The models that have a record, by name and model as in SessionsByModel.
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
