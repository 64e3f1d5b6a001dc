// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CHECKPOINT_SPILLED_SESSIONS_H_
#define RNNSERVE_CORE_CHECKPOINT_SPILLED_SESSIONS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/session/id_index.h"
#include "core/session/session_model.h"
#include "core/session/stored_id.h"
#include "core/snapshot/snapshot_fence.h"

namespace rnnserve {

// The sessions that a server owns and has in the store alone: what it takes to find each there, in
// some 140 bytes with an id of at most 39 characters. Of more than `capacity` the one that was
// added first is forgotten; it is then only in the store, as if this server had never had it.
//
// The records lie in a deque that does not shrink, and those in use are a list from the oldest on.
//
// Owns the records. Thread-compatible.
class SpilledSessions {
 public:
  struct Record {
    SnapshotFence fence;  // of its last snapshot
    std::string model_name;
    SessionModel model;  // which stays while one of its sessions is here
    absl::Time expiry;   // when it has been idle for too long
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
  int64_t size() const { return static_cast<int64_t>(size_); }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  struct Slot {
    StoredId id;
    SnapshotFence fence;
    // The name lies in names_, once for all sessions of the model.
    const std::string* model_name;
    SessionModel model;
    int64_t expiry;  // nanoseconds from the clock's origin
    uint32_t previous;
    uint32_t next;  // of a free one the next that is free
  };
  struct IdOfSlot {
    absl::string_view operator()(uint32_t number) const { return (*slots)[number].id.view(); }
    const std::deque<Slot>* slots;
  };

  void EraseSlot(uint32_t number);

  const size_t capacity_;
  // Names of models; as many as there ever were.
  std::set<std::string, std::less<>> names_;
  std::deque<Slot> slots_;
  IdIndex<IdOfSlot> numbers_{IdOfSlot{&slots_}};
  size_t size_ = 0;
  uint32_t oldest_ = kNone;
  uint32_t newest_ = kNone;
  uint32_t free_ = kNone;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CHECKPOINT_SPILLED_SESSIONS_H_
