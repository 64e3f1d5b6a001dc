// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/checkpoint/spilled_sessions.h"

#include <utility>

#include "absl/strings/match.h"
#include "core/model/model.h"

namespace rnnserve {
namespace {

// How many records one call of ListSome looks at; as many as SessionTable::ListSome.
constexpr int kListedAtOnce = 16;

}  // namespace

void SpilledSessions::Add(absl::string_view id, const Record& record) {
  Erase(id);
  if (size_ == capacity_) EraseSlot(oldest_);
  OfModel& of_model = models_[{record.model_name, record.model.model.get()}];
  if (of_model.num_sessions++ == 0) {
    of_model.name = record.model_name;
    of_model.model = record.model;
  }
  Slot slot{StoredId(id),
            record.fence,
            &of_model,
            absl::ToUnixNanos(record.expiry),
            absl::ToUnixNanos(record.last_use),
            record.version,
            newest_,
            kNone,
            record.durability};
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
  order_.insert(number);
  ++size_;
}

std::optional<SpilledSessions::Record> SpilledSessions::Find(absl::string_view id) const {
  const std::optional<uint32_t> number = numbers_.Find(id);
  if (!number.has_value()) return std::nullopt;
  const Slot& slot = slots_[*number];
  return Record{slot.fence,
                slot.of_model->name,
                slot.of_model->model,
                absl::FromUnixNanos(slot.expiry),
                absl::FromUnixNanos(slot.last_use),
                slot.version,
                slot.durability};
}

void SpilledSessions::Erase(absl::string_view id) {
  const std::optional<uint32_t> number = numbers_.Find(id);
  if (number.has_value()) EraseSlot(*number);
}

void SpilledSessions::EraseSlot(uint32_t number) {
  Slot& slot = slots_[number];
  numbers_.Erase(slot.id.view());
  order_.erase(number);
  (slot.previous == kNone ? oldest_ : slots_[slot.previous].next) = slot.next;
  (slot.next == kNone ? newest_ : slots_[slot.next].previous) = slot.previous;
  if (--slot.of_model->num_sessions == 0) {
    models_.erase({slot.of_model->name, slot.of_model->model.model.get()});
  }
  slot.next = free_;
  free_ = number;
  --size_;
}

std::vector<std::string> SpilledSessions::IdsOf(absl::string_view model_name, absl::Time now,
                                                const Model* model) const {
  std::vector<std::string> ids;
  for (uint32_t number = oldest_; number != kNone; number = slots_[number].next) {
    const Slot& slot = slots_[number];
    const OfModel& of_model = *slot.of_model;
    if (of_model.name != model_name || slot.expiry <= absl::ToUnixNanos(now)) continue;
    if (model != nullptr && of_model.model.model.get() != model) continue;
    ids.emplace_back(slot.id.view());
  }
  return ids;
}

std::optional<std::string> SpilledSessions::ListSome(const SessionFilter& filter,
                                                     absl::string_view after, absl::Time now,
                                                     std::vector<SessionSummary>& summaries) const {
  if (after < filter.id_prefix) {
    // The prefix itself may be an id; every other id with that prefix is above it.
    after = filter.id_prefix;
    const std::optional<uint32_t> number = numbers_.Find(after);
    if (number.has_value()) AddIfListed(slots_[*number], filter, now, summaries);
  }
  int num_visited = 0;
  for (auto it = order_.upper_bound(after); it != order_.end(); ++it) {
    const Slot& slot = slots_[*it];
    if (!absl::StartsWith(slot.id.view(), filter.id_prefix)) return std::nullopt;
    AddIfListed(slot, filter, now, summaries);
    if (++num_visited == kListedAtOnce) return std::string(slot.id.view());
  }
  return std::nullopt;
}

void SpilledSessions::AddIfListed(const Slot& slot, const SessionFilter& filter, absl::Time now,
                                  std::vector<SessionSummary>& summaries) {
  const OfModel& of_model = *slot.of_model;
  const absl::Duration idle = now - absl::FromUnixNanos(slot.last_use);
  if (slot.expiry <= absl::ToUnixNanos(now) || idle < filter.min_idle) return;
  if (!filter.model_name.empty() && of_model.name != filter.model_name) return;
  const Model& model = *of_model.model.model;
  if (filter.model != nullptr && &model != filter.model) return;
  summaries.push_back({.id = std::string(slot.id.view()),
                       .model_name = of_model.name,
                       .version = slot.version,
                       .epoch = slot.fence.epoch,
                       .detached = true,
                       .idle = idle,
                       .state_bytes = model.state_layout().bytes(),
                       .durability = slot.durability,
                       .durable_version = slot.version,
                       .model_digest = model.digest(),
                       .is_spilled = true});
}

}  // namespace rnnserve
