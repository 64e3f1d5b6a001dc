// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/checkpoint/spilled_sessions.h"

#include <utility>

namespace rnnserve {

void SpilledSessions::Add(absl::string_view id, const Record& record) {
  Erase(id);
  if (size_ == capacity_) EraseSlot(oldest_);
  const std::string* const model_name = &*names_.insert(record.model_name).first;
  Slot slot{StoredId(id), record.fence, model_name, record.model, absl::ToUnixNanos(record.expiry),
            newest_,      kNone};
  uint32_t number = free_;
  if (number == kNone) {
    number = static_cast<uint32_t>(slots_.size());
    slots_.push_back(std::move(slot));
  } else {
    free_ = slots_[number].next;
    slots_[number] = std::move(slot);
  }
  (newest_ == kNone ? oldest_ : slots_[newest_].next) = number;
  newest_ = number;
  numbers_.Insert(number);
  ++size_;
}

std::optional<SpilledSessions::Record> SpilledSessions::Find(absl::string_view id) const {
  const std::optional<uint32_t> number = numbers_.Find(id);
  if (!number.has_value()) return std::nullopt;
  const Slot& slot = slots_[*number];
  return Record{slot.fence, *slot.model_name, slot.model, absl::FromUnixNanos(slot.expiry)};
}

void SpilledSessions::Erase(absl::string_view id) {
  const std::optional<uint32_t> number = numbers_.Find(id);
  if (number.has_value()) EraseSlot(*number);
}

void SpilledSessions::EraseSlot(uint32_t number) {
  Slot& slot = slots_[number];
  numbers_.Erase(slot.id.view());
  (slot.previous == kNone ? oldest_ : slots_[slot.previous].next) = slot.next;
  (slot.next == kNone ? newest_ : slots_[slot.next].previous) = slot.previous;
  slot.model = {};
  slot.next = free_;
  free_ = number;
  --size_;
}

std::vector<std::string> SpilledSessions::IdsOf(absl::string_view model_name, absl::Time now,
                                                const Model* model) const {
  std::vector<std::string> ids;
  for (uint32_t number = oldest_; number != kNone; number = slots_[number].next) {
    const Slot& slot = slots_[number];
    if (*slot.model_name != model_name || slot.expiry <= absl::ToUnixNanos(now)) continue;
    if (model != nullptr && slot.model.model.get() != model) continue;
    ids.emplace_back(slot.id.view());
  }
  return ids;
}

}  // namespace rnnserve
