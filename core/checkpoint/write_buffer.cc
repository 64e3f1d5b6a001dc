// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/checkpoint/write_buffer.h"

#include <algorithm>
#include <cassert>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"

namespace rnnserve {
namespace {

bool IsOfOneOwner(const SnapshotFence& a, const SnapshotFence& b) {
  return a.epoch == b.epoch && a.nonce == b.nonce;
}

// Returns whether to retry the write. A store that is down or full may recover; every other error
// concerns this write alone.
bool IsWorthRetrying(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status);
}

template <typename T>
void Append(std::vector<T>&& from, std::vector<T>& to) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  from.clear();
}

}  // namespace

void WriteBuffer::Completion::Run() {
  for (auto& callback : std::exchange(callbacks_, {})) callback(status_);
}

int64_t WriteBuffer::BytesOf(const SnapshotWrite& write) {
  return static_cast<int64_t>(write.session_id.size() + write.bytes.size());
}

int64_t WriteBuffer::BytesOf(const Checkpoint& checkpoint) {
  return (checkpoint.write.has_value() ? BytesOf(*checkpoint.write) : 0) +
         static_cast<int64_t>(checkpoint.callbacks.size()) * kCallbackBytes;
}

absl::Status WriteBuffer::Add(SnapshotWrite&& write, SnapshotStore::WriteCallback&& callback) {
  const auto found = sessions_.find(write.session_id);
  const bool is_known = found != sessions_.end();
  // The newest write of the session in the buffer, with which to compare this one.
  Checkpoint* newest = nullptr;
  if (is_known) {
    Session& session = found->second;
    newest = session.waiting.write.has_value() ? &session.waiting : &session.in_flight;
  }
  bool is_newer = true;
  if (newest != nullptr) {
    const SnapshotFence& here = newest->write->fence;
    is_newer = here.epoch < write.fence.epoch ||
               (IsOfOneOwner(here, write.fence) && here.version < write.fence.version);
    if (!is_newer && !IsOfOneOwner(here, write.fence)) {
      return FencedError(here.epoch, write.fence.epoch);
    }
  }

  const bool replaces = is_known && is_newer && found->second.waiting.write.has_value();
  const int64_t added_bytes = (is_newer ? BytesOf(write) : 0) + (callback ? kCallbackBytes : 0) -
                              (replaces ? BytesOf(*found->second.waiting.write) : 0);
  if (added_bytes > 0 && bytes_ + added_bytes > options_.max_bytes) {
    return ResourceExhausted(
        "CHECKPOINT_BUFFER_LIMIT",
        absl::StrCat("checkpoints of ", bytes_, " bytes wait for the store and ", added_bytes,
                     " more would exceed the limit of ", options_.max_bytes),
        pause_);
  }

  bytes_ += added_bytes;
  if (!is_newer) {
    if (callback) newest->callbacks.push_back(std::move(callback));
    return absl::OkStatus();
  }
  Session& session = is_known ? found->second : sessions_[write.session_id];
  if (!replaces) session.turn = line_.insert(line_.end(), write.session_id);
  session.is_dropped = false;
  session.waiting.write = std::move(write);
  if (callback) session.waiting.callbacks.push_back(std::move(callback));
  return absl::OkStatus();
}

std::optional<SnapshotWrite> WriteBuffer::Take(absl::Time now) {
  if (now < retry_time_ || num_in_flight_ >= options_.max_in_flight) return std::nullopt;
  for (auto turn = line_.begin(); turn != line_.end(); ++turn) {
    Session& session = sessions_.find(*turn)->second;
    if (session.in_flight.write.has_value()) continue;
    line_.erase(turn);
    session.in_flight = std::exchange(session.waiting, Checkpoint());
    ++num_in_flight_;
    return session.in_flight.write;
  }
  return std::nullopt;
}

WriteBuffer::Completion WriteBuffer::Finish(absl::string_view session_id,
                                            const absl::Status& status, absl::Time now) {
  const auto found = sessions_.find(session_id);
  assert(found != sessions_.end() && found->second.in_flight.write.has_value());
  Session& session = found->second;
  --num_in_flight_;
  if (IsWorthRetrying(status)) {
    Pause(now);
    if (!session.is_dropped) {
      Retry(found->first, session);
      return Completion();
    }
  } else {
    pause_ = options_.min_pause;
    retry_time_ = absl::InfinitePast();
  }
  Completion due = Settle(std::exchange(session.in_flight, Checkpoint()), status);
  EraseIfIdle(found);
  return due;
}

void WriteBuffer::Retry(const std::string& session_id, Session& session) {
  Checkpoint failed = std::exchange(session.in_flight, Checkpoint());
  if (session.waiting.write.has_value()) {
    bytes_ -= BytesOf(*failed.write);
    Append(std::move(failed.callbacks), session.waiting.callbacks);
  } else {
    session.waiting = std::move(failed);
    session.turn = line_.insert(line_.begin(), session_id);
  }
}

void WriteBuffer::Pause(absl::Time now) {
  // When a store goes down, many writes fail together. That counts as one failure, for one pause.
  if (now < retry_time_) return;
  retry_time_ = now + pause_;
  pause_ = std::min(pause_ * 2, options_.max_pause);
}

WriteBuffer::Completion WriteBuffer::Settle(Checkpoint checkpoint, const absl::Status& status) {
  bytes_ -= BytesOf(checkpoint);
  return Completion(status, std::move(checkpoint.callbacks));
}

void WriteBuffer::EraseIfIdle(Sessions::iterator found) {
  const Session& session = found->second;
  if (!session.in_flight.write.has_value() && !session.waiting.write.has_value()) {
    sessions_.erase(found);
  }
}

WriteBuffer::Completion WriteBuffer::Drop(absl::string_view session_id,
                                          const absl::Status& status) {
  const auto found = sessions_.find(session_id);
  if (found == sessions_.end()) return Completion();
  Session& session = found->second;
  session.is_dropped = true;
  if (session.waiting.write.has_value()) line_.erase(session.turn);
  Completion due = Settle(std::exchange(session.waiting, Checkpoint()), status);
  EraseIfIdle(found);
  return due;
}

WriteBuffer::Completion WriteBuffer::Clear(const absl::Status& status) {
  Callbacks callbacks;
  for (auto& [id, session] : sessions_) {
    Append(std::move(session.in_flight.callbacks), callbacks);
    Append(std::move(session.waiting.callbacks), callbacks);
  }
  sessions_.clear();
  line_.clear();
  num_in_flight_ = 0;
  bytes_ = 0;
  return Completion(status, std::move(callbacks));
}

}  // namespace rnnserve
