// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/oracle.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/snapshot/snapshot.h"
#include "tests/simulation/hash_model.h"
#include "tests/simulation/replica.h"

namespace rnnserve::testing {
namespace {

// The idle timeout plus the extra time to live in the store: the defaults of the engine and of the
// checkpointer.
constexpr absl::Duration kTimeToLive = absl::Minutes(15);

std::tuple<uint64_t, uint64_t, uint64_t> KeyOf(const SnapshotFence& fence) {
  return {fence.epoch, fence.nonce, fence.version};
}

int SessionOf(const std::string& id) { return std::atoi(id.c_str() + 1); }

}  // namespace

Place Place::After(uint32_t input) const {
  return {version + 1, NextHash(state, input), (trace ^ input) * 0x9e3779b97f4a7c15u + version};
}

Oracle::Oracle(std::vector<Durability> durability) {
  for (const Durability each : durability) sessions_.emplace_back().durability = each;
}

void Oracle::Report(const std::string& breach) {
  if (breach_.empty()) breach_ = breach;
}

void Oracle::OnStepDelivered(uint64_t incarnation, const Request& request) {
  Session& session = sessions_[static_cast<size_t>(request.session)];
  session.inputs[{incarnation, request.epoch}][request.index] = request.input;
}

std::optional<Place> Oracle::PlaceAt(const Session& session, uint64_t incarnation, uint64_t nonce,
                                     uint64_t epoch, uint64_t version) const {
  // Find the tenure of this epoch or the latest one before it. An attach that no writer was told
  // about has no steps of its own.
  const Tenure* tenure = nullptr;
  Writer writer;
  for (auto it = session.tenures.upper_bound({incarnation, epoch});
       tenure == nullptr && it != session.tenures.begin();) {
    --it;
    if (it->first.first != incarnation) return std::nullopt;
    if (it->second.nonce == nonce) {
      writer = it->first;
      tenure = &it->second;
    }
  }
  if (tenure == nullptr) return std::nullopt;
  Place place = tenure->start;
  if (version < place.version) return std::nullopt;
  if (version == place.version) return place;
  const auto inputs = session.inputs.find(writer);
  if (inputs == session.inputs.end()) return std::nullopt;
  while (place.version < version) {
    const auto input = inputs->second.find(place.version);
    if (input == inputs->second.end()) return std::nullopt;
    place = place.After(input->second);
  }
  return place;
}

void Oracle::OnStored(uint64_t incarnation, const StoreCall& call,
                      const std::optional<StoredSnapshot>& before,
                      const std::optional<StoredSnapshot>& after, absl::Time now) {
  Session& session = sessions_[static_cast<size_t>(SessionOf(call.session_id))];
  if (!after.has_value()) return;
  if (before.has_value() && before->fence == after->fence) {
    if (call.kind == StoreCall::Kind::kWrite && after->fence == call.fence) {
      session.last_change = now;
    }
    return;
  }
  session.last_change = now;
  if (call.kind == StoreCall::Kind::kWrite) return CheckStored(session, incarnation, call, before);
  // A claim changes the owner and keeps the place in the history.
  const auto found = session.snapshots.find(KeyOf(before->fence));
  if (found == session.snapshots.end()) return Report("a snapshot was claimed that nobody stored");
  const Place place = found->second;
  session.snapshots[KeyOf(after->fence)] = place;
  session.tenures[{incarnation, after->fence.epoch}] = {after->fence.nonce, place};
}

void Oracle::CheckStored(Session& session, uint64_t incarnation, const StoreCall& call,
                         const std::optional<StoredSnapshot>& before) {
  const auto snapshot = DecodeSnapshot(call.bytes, Replica::keys(), call.session_id);
  if (!snapshot.ok()) return Report(absl::StrCat("stored: ", snapshot.status().ToString()));
  const std::string what =
      absl::StrCat("stored ", call.session_id, " epoch ", call.fence.epoch, " version ",
                   snapshot->version, " state ", snapshot->state.at(0));
  if (snapshot->epoch != call.fence.epoch) return Report(what + ": the fence has another epoch");
  if (!before.has_value() && session.was_created) session.may_have_lost = true;

  std::optional<Place> place =
      PlaceAt(session, incarnation, call.fence.nonce, call.fence.epoch, snapshot->version);
  const auto tenure = session.tenures.find({incarnation, call.fence.epoch});
  const bool is_known = tenure != session.tenures.end() && tenure->second.nonce == call.fence.nonce;
  if (!place.has_value()) {
    if (snapshot->version != 0 || !call.is_first) {
      return Report(what + ": no steps lead there");
    }
    place = Place();
  }
  if (static_cast<float>(place->state) != snapshot->state.at(0)) {
    return Report(absl::StrCat(what, ": the state should be ", place->state));
  }
  if (!is_known) {
    session.tenures[{incarnation, call.fence.epoch}] = {call.fence.nonce, *place};
  }
  session.was_created = true;
  session.snapshots[KeyOf(call.fence)] = *place;
  session.durable_version = std::max(session.durable_version, place->version);
  if (session.may_have_lost) return;
  if (before.has_value()) {
    const auto found = session.snapshots.find(KeyOf(before->fence));
    if (found != session.snapshots.end() && found->second.version > place->version) {
      return Report(absl::StrCat(what, ": version ", found->second.version, " was stored already"));
    }
    if (before->fence.epoch == call.fence.epoch && before->fence.nonce != call.fence.nonce) {
      return Report(what + ": another owner has stored that epoch");
    }
  }
  const auto [durable, is_new] = session.durable.try_emplace(place->version, *place);
  if (!is_new && !(durable->second == *place)) {
    Report(absl::StrCat(what, ": a fork, state ", durable->second.state,
                        " was stored of that version"));
  }
}

void Oracle::OnStoreLost() {
  for (Session& session : sessions_) session.may_have_lost = true;
}

void Oracle::OnReply(const Reply& reply) {
  if (!reply.status.ok()) return;
  const Request& request = reply.request;
  Session& session = sessions_[static_cast<size_t>(request.session)];
  const std::string what = Text(reply);
  const bool is_step = request.kind == Request::Kind::kStep;
  const bool is_durable = session.durability != Durability::kNone;
  if (reply.durable_version > session.durable_version) {
    return Report(
        absl::StrCat(what, ": the store never had more than version ", session.durable_version));
  }
  const bool must_be_stored = session.durability == Durability::kSync || (is_durable && !is_step);
  if (must_be_stored &&
      (reply.version > session.durable_version || reply.durable_version < reply.version)) {
    return Report(what + ": answered before it was stored");
  }
  if (is_step) {
    if (reply.version != request.index + 1) Report(what + ": it is the reply of another step");
    if (reply.epoch != request.epoch) Report(what + ": it is of another epoch");
    return;
  }
  const Writer key(reply.incarnation, reply.epoch);
  if (!is_durable) {
    std::optional<Place> place;
    if (request.kind == Request::Kind::kOpen) {
      place = Place();
    } else {
      place = PlaceAt(session, reply.incarnation, 0, reply.epoch, reply.version);
    }
    if (!place.has_value() || place->version != reply.version) {
      return Report(what + ": no steps lead there");
    }
    session.was_created = true;
    // An open may repeat an epoch: a late copy of the request may open the session again after it
    // has expired.
    if (request.kind == Request::Kind::kAttach && session.tenures.count(key) > 0) {
      return Report(what + ": that epoch was given to another writer");
    }
    session.tenures[key] = Tenure{0, *place};
    return;
  }
  const auto tenure = session.tenures.find(key);
  if (tenure == session.tenures.end()) return Report(what + ": the epoch is not stored");
  if (tenure->second.start.version != reply.version) {
    return Report(
        absl::StrCat(what, ": the epoch begins at version ", tenure->second.start.version));
  }
  if (session.may_have_lost) return;
  if (!session.told_epochs.insert(reply.epoch).second) {
    return Report(what + ": that epoch was given to another writer");
  }
}

void Oracle::OnDrained(int session_index, uint64_t epoch, uint64_t version,
                       const std::optional<StoredSnapshot>& stored) {
  const Session& session = at(session_index);
  // If the store has lost changes, a drain does not write again what the store had acknowledged.
  if (session.may_have_lost) return;
  if (!stored.has_value() || stored->fence.epoch != epoch) return;
  const auto found = session.snapshots.find(KeyOf(stored->fence));
  if (found == session.snapshots.end() || found->second.version >= version) return;
  Report(absl::StrCat("a drain left s", session_index, " at version ", found->second.version,
                      " in the store, but it had version ", version));
}

std::optional<Place> Oracle::StartOf(uint64_t incarnation, int session, uint64_t epoch) const {
  const auto found = at(session).tenures.find({incarnation, epoch});
  if (found == at(session).tenures.end()) return std::nullopt;
  return found->second.start;
}

bool Oracle::MayBeForgotten(int session, absl::Time now) const {
  return at(session).may_have_lost || now - at(session).last_change >= kTimeToLive;
}

}  // namespace rnnserve::testing
