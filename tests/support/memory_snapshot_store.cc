// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/memory_snapshot_store.h"

#include <limits>

#include "core/base/error.h"

namespace rnnserve::testing {
namespace {

constexpr size_t kNumReplacedMax = 1000;

// Returns the key of a quarantined snapshot. No session id has a slash, so the key collides with no
// session.
std::string QuarantineKey(const std::string& session_id) { return "quarantine/" + session_id; }

absl::Status Unknown() {
  return NotFound("SNAPSHOT_UNKNOWN", "no snapshot of the session is stored");
}

// Returns OK if the writer may change what is stored.
absl::Status CheckFence(const std::optional<SnapshotFence>& stored, const SnapshotFence& writer,
                        bool is_first = false) {
  switch (is_first ? JudgeFirst(stored, writer) : JudgeFence(stored, writer)) {
    case FenceVerdict::kFenced:
      return FencedError(stored->epoch, writer.epoch);
    case FenceVerdict::kStaleVersion:
      return StaleVersionError(stored->version, writer.version);
    case FenceVerdict::kAccepted:
    case FenceVerdict::kAlreadyStored:
      break;
  }
  return absl::OkStatus();
}

}  // namespace

MemorySnapshotStore::MemorySnapshotStore(const Clock& clock, Pace pace) : clock_(clock) {
  if (pace == Pace::kAtOnce) thread_ = std::thread([this] { Run(); });
}

MemorySnapshotStore::~MemorySnapshotStore() {
  {
    absl::MutexLock lock(&mu_);
    is_closing_ = true;
    hangs_ = false;
    are_answers_lost_ = false;
    num_failures_ = std::numeric_limits<int>::max();
    error_ = MakeError(absl::StatusCode::kCancelled, "STORE_CLOSED", "the store is being closed");
  }
  if (thread_.joinable()) thread_.join();
  CompleteAll();
}

// Returns a call that has its effect when it is called, and then returns a function that runs the
// callback. The two are separate because callbacks run without the lock.
template <typename Result, typename Effect, typename Callback>
MemorySnapshotStore::Call MemorySnapshotStore::MakeCall(Effect effect, Callback callback) {
  return [effect = std::move(effect), callback = std::move(callback)](
             const absl::Status& error, bool is_answer_lost) mutable -> Outcome {
    Result result = error.ok() || is_answer_lost ? Result(effect()) : Result(error);
    if (!error.ok()) result = error;
    return [callback = std::move(callback), result = std::move(result)]() mutable {
      callback(std::move(result));
    };
  };
}

void MemorySnapshotStore::Write(SnapshotWrite write, WriteCallback callback) {
  auto effect = [this, write = std::move(write)]() mutable {
    mu_.AssertHeld();
    return WriteLocked(std::move(write));
  };
  Enqueue(MakeCall<absl::Status>(std::move(effect), std::move(callback)));
}

void MemorySnapshotStore::Claim(std::string session_id, uint64_t nonce, absl::Duration time_to_live,
                                ReadCallback callback) {
  auto effect = [this, session_id = std::move(session_id), nonce, time_to_live] {
    mu_.AssertHeld();
    return ClaimLocked(session_id, nonce, time_to_live);
  };
  Enqueue(MakeCall<absl::StatusOr<StoredSnapshot>>(std::move(effect), std::move(callback)));
}

void MemorySnapshotStore::Read(std::string session_id, ReadCallback callback) {
  auto effect = [this, session_id = std::move(session_id)] {
    mu_.AssertHeld();
    return ReadLocked(session_id);
  };
  Enqueue(MakeCall<absl::StatusOr<StoredSnapshot>>(std::move(effect), std::move(callback)));
}

void MemorySnapshotStore::Remove(std::string session_id, SnapshotFence fence,
                                 WriteCallback callback) {
  auto effect = [this, session_id = std::move(session_id), fence] {
    mu_.AssertHeld();
    return RemoveLocked(session_id, fence);
  };
  Enqueue(MakeCall<absl::Status>(std::move(effect), std::move(callback)));
}

void MemorySnapshotStore::Quarantine(std::string session_id, std::string bytes,
                                     absl::Duration time_to_live, WriteCallback callback) {
  auto effect = [this, session_id = std::move(session_id), bytes = std::move(bytes), time_to_live] {
    mu_.AssertHeld();
    return QuarantineLocked(session_id, bytes, time_to_live);
  };
  Enqueue(MakeCall<absl::Status>(std::move(effect), std::move(callback)));
}

void MemorySnapshotStore::Enqueue(Call call) {
  absl::MutexLock lock(&mu_);
  calls_.push_back(std::move(call));
}

bool MemorySnapshotStore::CanComplete() const {
  return is_closing_ || (!hangs_ && !calls_.empty());
}

void MemorySnapshotStore::Run() {
  while (true) {
    Outcome outcome;
    {
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(this, &MemorySnapshotStore::CanComplete));
      if (calls_.empty()) return;
      Call call = std::move(calls_.front());
      calls_.pop_front();
      outcome = TakeEffectLocked(std::move(call));
    }
    outcome();
  }
}

bool MemorySnapshotStore::CompleteNext() {
  Outcome outcome;
  {
    absl::MutexLock lock(&mu_);
    if (hangs_ || calls_.empty()) return false;
    Call call = std::move(calls_.front());
    calls_.pop_front();
    outcome = TakeEffectLocked(std::move(call));
  }
  outcome();
  return true;
}

int MemorySnapshotStore::CompleteAll() {
  int num_completed = 0;
  while (CompleteNext()) ++num_completed;
  return num_completed;
}

MemorySnapshotStore::Outcome MemorySnapshotStore::TakeEffectLocked(Call call) {
  if (num_failures_ == 0) return call(absl::OkStatus(), false);
  --num_failures_;
  return call(error_, are_answers_lost_);
}

void MemorySnapshotStore::FailNext(int num_calls, const absl::Status& error) {
  absl::MutexLock lock(&mu_);
  num_failures_ = num_calls;
  are_answers_lost_ = false;
  error_ = error;
}

void MemorySnapshotStore::LoseAnswers(int num_calls, const absl::Status& error) {
  absl::MutexLock lock(&mu_);
  num_failures_ = num_calls;
  are_answers_lost_ = true;
  error_ = error;
}

void MemorySnapshotStore::Hang(bool hangs) {
  absl::MutexLock lock(&mu_);
  hangs_ = hangs;
}

void MemorySnapshotStore::LoseLastChanges(int num_changes) {
  absl::MutexLock lock(&mu_);
  for (int i = 0; i < num_changes && !replaced_.empty(); ++i) {
    auto [session_id, kept] = std::move(replaced_.back());
    replaced_.pop_back();
    kept_.erase(session_id);
    if (kept.has_value()) kept_.emplace(session_id, *std::move(kept));
  }
}

int MemorySnapshotStore::num_waiting() const {
  absl::MutexLock lock(&mu_);
  return static_cast<int>(calls_.size());
}

std::optional<StoredSnapshot> MemorySnapshotStore::Peek(const std::string& session_id) const {
  absl::MutexLock lock(&mu_);
  const Kept* kept = FindLocked(session_id);
  return kept == nullptr ? std::nullopt : std::optional(kept->snapshot);
}

std::optional<StoredSnapshot> MemorySnapshotStore::PeekQuarantined(
    const std::string& session_id) const {
  return Peek(QuarantineKey(session_id));
}

absl::Status MemorySnapshotStore::WriteLocked(SnapshotWrite write) {
  const Kept* kept = FindLocked(write.session_id);
  const auto stored = kept == nullptr ? std::nullopt : std::optional(kept->snapshot.fence);
  absl::Status status = CheckFence(stored, write.fence, write.is_first);
  if (!status.ok()) return status;
  if (JudgeFence(stored, write.fence) == FenceVerdict::kAlreadyStored) {
    write.bytes = kept->snapshot.bytes;
  }
  ChangeLocked(write.session_id, Kept{StoredSnapshot{write.fence, std::move(write.bytes)},
                                      clock_.Now() + write.time_to_live});
  return absl::OkStatus();
}

absl::StatusOr<StoredSnapshot> MemorySnapshotStore::ClaimLocked(const std::string& session_id,
                                                                uint64_t nonce,
                                                                absl::Duration time_to_live) {
  const Kept* kept = FindLocked(session_id);
  if (kept == nullptr) return Unknown();
  StoredSnapshot claimed = kept->snapshot;
  if (claimed.fence.epoch == std::numeric_limits<uint64_t>::max()) {
    return MakeError(absl::StatusCode::kOutOfRange, "EPOCH_LIMIT",
                     "the session has had 18446744073709551615 owners and cannot have more");
  }
  ++claimed.fence.epoch;
  claimed.fence.nonce = nonce;
  ChangeLocked(session_id, Kept{claimed, clock_.Now() + time_to_live});
  return claimed;
}

absl::StatusOr<StoredSnapshot> MemorySnapshotStore::ReadLocked(
    const std::string& session_id) const {
  const Kept* kept = FindLocked(session_id);
  if (kept == nullptr) return Unknown();
  return kept->snapshot;
}

absl::Status MemorySnapshotStore::RemoveLocked(const std::string& session_id,
                                               const SnapshotFence& fence) {
  const Kept* kept = FindLocked(session_id);
  if (kept == nullptr) return absl::OkStatus();
  absl::Status status = CheckFence(kept->snapshot.fence, fence);
  if (status.ok()) ChangeLocked(session_id, std::nullopt);
  return status;
}

absl::Status MemorySnapshotStore::QuarantineLocked(const std::string& session_id,
                                                   const std::string& bytes,
                                                   absl::Duration time_to_live) {
  const Kept* kept = FindLocked(session_id);
  if (kept == nullptr) return Unknown();
  if (kept->snapshot.bytes != bytes) return SnapshotChangedError();
  ChangeLocked(QuarantineKey(session_id), Kept{kept->snapshot, clock_.Now() + time_to_live});
  ChangeLocked(session_id, std::nullopt);
  return absl::OkStatus();
}

const MemorySnapshotStore::Kept* MemorySnapshotStore::FindLocked(
    const std::string& session_id) const {
  const auto found = kept_.find(session_id);
  return found == kept_.end() || found->second.expiry <= clock_.Now() ? nullptr : &found->second;
}

void MemorySnapshotStore::ChangeLocked(const std::string& session_id, std::optional<Kept> kept) {
  const Kept* before = FindLocked(session_id);
  replaced_.emplace_back(session_id, before == nullptr ? std::nullopt : std::optional(*before));
  if (replaced_.size() > kNumReplacedMax) replaced_.pop_front();
  kept_.erase(session_id);
  if (kept.has_value()) kept_.emplace(session_id, *std::move(kept));
}

}  // namespace rnnserve::testing
