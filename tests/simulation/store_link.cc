// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/store_link.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"

namespace rnnserve::testing {
namespace {

absl::Status Down() {
  return MakeError(absl::StatusCode::kUnavailable, "STORE_DOWN", "the store does not answer");
}

// The store that an engine gets. It adds every call to the link. Owns nothing. Thread-safe.
class LinkedStore final : public SnapshotStore {
 public:
  explicit LinkedStore(StoreLink& link) : link_(link) {}

  void Write(SnapshotWrite write, WriteCallback callback) override {
    link_.Add({StoreCall::Kind::kWrite, std::move(write.session_id), write.fence,
               std::move(write.bytes), write.time_to_live, std::move(callback), nullptr,
               write.is_first});
  }
  void Claim(std::string session_id, uint64_t nonce, absl::Duration time_to_live,
             ReadCallback callback) override {
    link_.Add({StoreCall::Kind::kClaim,
               std::move(session_id),
               {0, nonce, 0},
               {},
               time_to_live,
               nullptr,
               std::move(callback)});
  }
  void Read(std::string session_id, ReadCallback callback) override {
    link_.Add(
        {StoreCall::Kind::kRead, std::move(session_id), {}, {}, {}, nullptr, std::move(callback)});
  }
  void Remove(std::string session_id, SnapshotFence fence, WriteCallback callback) override {
    link_.Add({StoreCall::Kind::kRemove,
               std::move(session_id),
               fence,
               {},
               {},
               std::move(callback),
               nullptr});
  }

  void Quarantine(std::string session_id, std::string bytes, absl::Duration time_to_live,
                  WriteCallback callback) override {
    link_.Add({StoreCall::Kind::kQuarantine,
               std::move(session_id),
               {},
               std::move(bytes),
               time_to_live,
               std::move(callback),
               nullptr});
  }

 private:
  StoreLink& link_;
};

}  // namespace

std::string TakeEffect(StoreCall& call, StoreFate fate, MemorySnapshotStore& store) {
  if (fate == StoreFate::kFailed) store.FailNext(1, Down());
  if (fate == StoreFate::kAnswerLost) store.LoseAnswers(1, Down());
  const auto keep_status = [&call](absl::Status status) {
    call.outcome = status.ok() ? absl::StatusOr<StoredSnapshot>(StoredSnapshot())
                               : absl::StatusOr<StoredSnapshot>(std::move(status));
  };
  const auto keep_snapshot = [&call](absl::StatusOr<StoredSnapshot> stored) {
    call.outcome = std::move(stored);
  };
  switch (call.kind) {
    case StoreCall::Kind::kWrite:
      store.Write({call.session_id, call.fence, call.bytes, call.time_to_live, call.is_first},
                  keep_status);
      break;
    case StoreCall::Kind::kClaim:
      store.Claim(call.session_id, call.fence.nonce, call.time_to_live, keep_snapshot);
      break;
    case StoreCall::Kind::kRead:
      store.Read(call.session_id, keep_snapshot);
      break;
    case StoreCall::Kind::kRemove:
      store.Remove(call.session_id, call.fence, keep_status);
      break;
    case StoreCall::Kind::kQuarantine:
      store.Quarantine(call.session_id, call.bytes, call.time_to_live, keep_status);
      break;
  }
  store.CompleteAll();
  return call.outcome->ok() ? "ok" : ErrorReason(call.outcome->status());
}

std::unique_ptr<SnapshotStore> StoreLink::MakeStore() {
  return std::make_unique<LinkedStore>(*this);
}

void StoreLink::Add(StoreCall call) {
  Carrier carrier;
  bool is_cut = false;
  {
    absl::MutexLock lock(&mu_);
    is_cut = is_cut_;
    carrier = carrier_;
    if (!is_cut && carrier == nullptr) {
      calls_.push_back(std::move(call));
      return;
    }
  }
  if (is_cut) {
    call.outcome = absl::CancelledError("the replica is gone");
  } else {
    carrier(call);
  }
  Tell(std::move(call));
}

void StoreLink::SortNew() {
  absl::MutexLock lock(&mu_);
  // Calls on the same session come one after the other. Calls on different sessions may come from
  // different threads, in any order.
  std::stable_sort(
      calls_.begin() + static_cast<std::ptrdiff_t>(num_sorted_), calls_.end(),
      [](const StoreCall& a, const StoreCall& b) { return a.session_id < b.session_id; });
  num_sorted_ = calls_.size();
}

size_t StoreLink::size() const {
  absl::MutexLock lock(&mu_);
  return calls_.size();
}

StoreCall& StoreLink::at(size_t i) {
  absl::MutexLock lock(&mu_);
  return calls_[i];
}

void StoreLink::Answer(size_t i) {
  StoreCall call;
  {
    absl::MutexLock lock(&mu_);
    call = std::move(calls_[i]);
    calls_.erase(calls_.begin() + static_cast<std::ptrdiff_t>(i));
    num_sorted_ = calls_.size();
  }
  Tell(std::move(call));
}

void StoreLink::CarryAtOnce(Carrier carrier) {
  absl::MutexLock lock(&mu_);
  carrier_ = std::move(carrier);
}

std::vector<StoreCall> StoreLink::Cut() {
  std::vector<StoreCall> left;
  std::deque<StoreCall> calls;
  {
    absl::MutexLock lock(&mu_);
    is_cut_ = true;
    calls = std::exchange(calls_, {});
  }
  for (StoreCall& call : calls) {
    if (!call.outcome.has_value()) {
      StoreCall late;
      late.kind = call.kind;
      late.session_id = call.session_id;
      late.fence = call.fence;
      late.bytes = call.bytes;
      late.time_to_live = call.time_to_live;
      late.is_first = call.is_first;
      left.push_back(std::move(late));
    }
    call.outcome = absl::CancelledError("the replica is gone");
    Tell(std::move(call));
  }
  return left;
}

void StoreLink::Tell(StoreCall call) {
  if (call.on_write != nullptr) call.on_write(call.outcome->status());
  if (call.on_read != nullptr) call.on_read(*std::move(call.outcome));
}

}  // namespace rnnserve::testing
