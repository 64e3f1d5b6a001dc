// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_TOMBSTONES_H_
#define RNNSERVE_CORE_SESSION_TOMBSTONES_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "core/session/end_reason.h"

namespace rnnserve {

// Remembers why sessions ended, for the last `capacity` of them. Thread-compatible.
class Tombstones {
 public:
  // REQUIRES: capacity >= 0.
  explicit Tombstones(int64_t capacity) : capacity_(capacity) {}

  // The session has ended. Forgets the oldest end if there are too many.
  void Add(absl::string_view id, EndReason reason);
  // The id is in use again.
  void Remove(absl::string_view id) { ends_.erase(id); }
  // Nothing if no such session ended, or it is forgotten.
  std::optional<EndReason> Find(absl::string_view id) const;

 private:
  struct End {
    EndReason reason;
    uint64_t number;
  };

  const int64_t capacity_;
  uint64_t next_number_ = 0;
  absl::flat_hash_map<std::string, End> ends_;
  // By age. An id that was opened again has an entry here without its number in `ends_`.
  std::deque<std::pair<uint64_t, std::string>> order_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_TOMBSTONES_H_
