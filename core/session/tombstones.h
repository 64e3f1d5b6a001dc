// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_TOMBSTONES_H_
#define RNNSERVE_CORE_SESSION_TOMBSTONES_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "absl/strings/string_view.h"
#include "core/session/end_reason.h"
#include "core/session/id_index.h"
#include "core/session/stored_id.h"

namespace rnnserve {

// Remembers for the last `capacity` ended sessions why they ended and in which epoch. Each takes
// some 70 bytes. Owns the ids. Thread-compatible.
class Tombstones {
 public:
  // REQUIRES: 0 <= capacity <= 2^32.
  explicit Tombstones(int64_t capacity) : capacity_(static_cast<size_t>(capacity)) {}
  Tombstones(const Tombstones&) = delete;
  Tombstones& operator=(const Tombstones&) = delete;

  // Records that a session has ended. Forgets the oldest end if there are too many.
  void Add(absl::string_view id, EndReason reason, uint64_t epoch);
  // Forgets the end of this id, which is in use again.
  void Remove(absl::string_view id) { numbers_.Erase(id); }
  // Returns why the session ended; nothing if it did not end or its end is forgotten.
  std::optional<EndReason> Find(absl::string_view id) const;
  // Returns the last epoch of the session; 0 if it did not end or its end is forgotten.
  uint64_t EpochOf(absl::string_view id) const;

 private:
  struct End {
    StoredId id;
    EndReason reason;
    uint64_t epoch;
  };
  struct IdOfEnd {
    absl::string_view operator()(uint32_t number) const { return (*ends)[number].id.view(); }
    const std::deque<End>* ends;
  };

  const size_t capacity_;
  // A ring buffer once it is full. A removed end stays until it is the oldest, but its number is
  // not in `numbers_`. A deque, because it grows without moving its elements.
  std::deque<End> ends_;
  size_t oldest_ = 0;
  IdIndex<IdOfEnd> numbers_{IdOfEnd{&ends_}};
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_TOMBSTONES_H_
