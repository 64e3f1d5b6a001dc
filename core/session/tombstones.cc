// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/tombstones.h"

#include <utility>

namespace rnnserve {

void Tombstones::Add(absl::string_view id, EndReason reason, uint64_t epoch) {
  if (capacity_ == 0) return;
  numbers_.Erase(id);
  End end{StoredId(id), reason, epoch};
  if (ends_.size() < capacity_) {
    ends_.push_back(std::move(end));
    numbers_.Insert(static_cast<uint32_t>(ends_.size() - 1));
    return;
  }
  const auto number = static_cast<uint32_t>(oldest_);
  // If another session with the same id has ended since the oldest end, the later end stays.
  if (numbers_.Find(ends_[oldest_].id.view()) == number) numbers_.Erase(ends_[oldest_].id.view());
  ends_[oldest_] = std::move(end);
  numbers_.Insert(number);
  oldest_ = (oldest_ + 1) % capacity_;
}

std::optional<EndReason> Tombstones::Find(absl::string_view id) const {
  const std::optional<uint32_t> number = numbers_.Find(id);
  if (!number.has_value()) return std::nullopt;
  return ends_[*number].reason;
}

uint64_t Tombstones::EpochOf(absl::string_view id) const {
  const std::optional<uint32_t> number = numbers_.Find(id);
  return number.has_value() ? ends_[*number].epoch : 0;
}

}  // namespace rnnserve
