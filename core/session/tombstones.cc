// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/tombstones.h"

namespace rnnserve {

void Tombstones::Add(absl::string_view id, EndReason reason) {
  const uint64_t number = next_number_++;
  ends_.insert_or_assign(id, End{reason, number});
  order_.emplace_back(number, id);
  while (static_cast<int64_t>(order_.size()) > capacity_) {
    const auto& [oldest_number, oldest_id] = order_.front();
    const auto it = ends_.find(oldest_id);
    if (it != ends_.end() && it->second.number == oldest_number) ends_.erase(it);
    order_.pop_front();
  }
}

std::optional<EndReason> Tombstones::Find(absl::string_view id) const {
  const auto it = ends_.find(id);
  if (it == ends_.end()) return std::nullopt;
  return it->second.reason;
}

}  // namespace rnnserve
