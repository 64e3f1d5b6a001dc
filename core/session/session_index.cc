// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/session_index.h"

#include <algorithm>
#include <memory>
#include <new>
#include <optional>

#include "core/session/session.h"

namespace rnnserve {

SessionIndex::SessionIndex()
    : records_(sizeof(Session)),
      indexes_(IdOfSession{&records_}),
      order_(Precedes{IdOfSession{&records_}}) {}

SessionIndex::~SessionIndex() {
  for (const Position& position : order_) std::destroy_at(&At(position.index));
}

Session* SessionIndex::Insert(const Record& record) {
  const std::optional<Arena::Place> place = records_.Allocate();
  if (!place.has_value()) return nullptr;
  auto* const session = new (records_.At(*place)) Session{.id = StoredId(record.id),
                                                          .model = record.model,
                                                          .place = *place,
                                                          .state = record.state,
                                                          .idle_timeout = record.idle_timeout,
                                                          .detached = record.detached,
                                                          .reply_window = record.reply_window,
                                                          .durability = record.durability};
  session->version.store(record.version, std::memory_order_relaxed);
  session->epoch.store(record.epoch, std::memory_order_relaxed);
  indexes_.Insert(place->index);
  const uint64_t prefix = PrefixOf(record.id);
  order_.insert({static_cast<uint32_t>(prefix >> 32), static_cast<uint32_t>(prefix), place->index});
  return session;
}

Session* SessionIndex::Find(absl::string_view id) const {
  const std::optional<uint32_t> index = indexes_.Find(id);
  return index.has_value() ? &At(*index) : nullptr;
}

Session& SessionIndex::At(uint32_t index) const {
  return *std::launder(reinterpret_cast<Session*>(records_.AtIndex(index)));
}

Session* SessionIndex::Next(uint32_t index) const {
  const std::optional<uint32_t> next = records_.NextUsed(index);
  return next.has_value() ? &At(*next) : nullptr;
}

void SessionIndex::ForEachAbove(absl::string_view after,
                                absl::FunctionRef<bool(Session&)> visit) const {
  for (auto it = order_.upper_bound(PositionOfId{PrefixOf(after), after}); it != order_.end();
       ++it) {
    if (!visit(At(it->index))) return;
  }
}

void SessionIndex::Hide(const Session& session) {
  const absl::string_view id = session.id.view();
  indexes_.Erase(id);
  order_.erase(order_.find(PositionOfId{PrefixOf(id), id}));
}

void SessionIndex::Remove(Session& session) {
  const Arena::Place place = session.place;
  std::destroy_at(&session);
  records_.Free(place);
}

absl::string_view SessionIndex::IdOfSession::operator()(uint32_t index) const {
  return std::launder(reinterpret_cast<const Session*>(records->AtIndex(index)))->id.view();
}

bool SessionIndex::Precedes::operator()(const Position& a, const Position& b) const {
  if (a.prefix() != b.prefix()) return a.prefix() < b.prefix();
  return id_of(a.index) < id_of(b.index);
}

bool SessionIndex::Precedes::operator()(const Position& a, const PositionOfId& b) const {
  if (a.prefix() != b.prefix) return a.prefix() < b.prefix;
  return id_of(a.index) < b.id;
}

bool SessionIndex::Precedes::operator()(const PositionOfId& a, const Position& b) const {
  if (a.prefix != b.prefix()) return a.prefix < b.prefix();
  return a.id < id_of(b.index);
}

uint64_t SessionIndex::PrefixOf(absl::string_view id) {
  uint64_t prefix = 0;
  for (size_t i = 0; i < sizeof(prefix); ++i) {
    prefix = prefix << 8 | (i < id.size() ? static_cast<unsigned char>(id[i]) : 0u);
  }
  return prefix;
}

}  // namespace rnnserve
