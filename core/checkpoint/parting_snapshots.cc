// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/checkpoint/parting_snapshots.h"

#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/error.h"
#include "core/checkpoint/session_snapshot.h"

namespace rnnserve {
namespace {

// The number of sessions listed in one page.
constexpr int64_t kPageSize = 1000;

// The limits on the sessions in flight and their bytes, equal to the defaults of WriteBuffer.
constexpr int64_t kInFlightMax = 256;
constexpr int64_t kInFlightBytesMax = int64_t{64} << 20;

// How often the clock is checked while the store does not answer.
constexpr absl::Duration kPatience = absl::Milliseconds(50);

SnapshotFence PartingFence(uint64_t version) { return {0, 0, version}; }

// Counts the sessions in flight. Owned by the waiting thread and by every callback, because an
// answer may come after the deadline. Thread-safe.
class InFlight {
 public:
  void Begin(int64_t bytes) {
    absl::MutexLock lock(&mu_);
    ++count_;
    bytes_ += bytes;
  }
  void Finish(int64_t bytes, bool is_stored) {
    absl::MutexLock lock(&mu_);
    --count_;
    bytes_ -= bytes;
    if (!is_stored) has_failed_ = true;
  }
  // Waits until at most `count` are in flight. Returns whether that happened before the deadline.
  bool Await(const Clock& clock, int64_t count, absl::Time deadline) {
    const auto is_done = [this, count]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      return count_ == 0 || (count_ <= count && bytes_ < kInFlightBytesMax);
    };
    do {
      absl::MutexLock lock(&mu_);
      if (mu_.AwaitWithTimeout(absl::Condition(&is_done), kPatience)) return true;
    } while (clock.Now() < deadline);
    return false;
  }
  bool has_failed() {
    absl::MutexLock lock(&mu_);
    return has_failed_;
  }

 private:
  absl::Mutex mu_;
  int64_t count_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool has_failed_ ABSL_GUARDED_BY(mu_) = false;
};

// Writes one session. Holds the lease until the store has answered, so that nothing changes the
// session after its last snapshot.
void WriteOne(const Clock& clock, CheckpointObserver& observer, SnapshotStore& store,
              const SnapshotKey& key, SessionLease lease, std::shared_ptr<InFlight> in_flight) {
  const SnapshotFence fence = PartingFence(lease.version());
  SnapshotWrite write{lease.id(), fence, EncodeSnapshot(SnapshotOf(lease), key),
                      lease.idle_timeout()};
  const auto bytes = static_cast<int64_t>(write.bytes.size());
  in_flight->Begin(bytes);
  auto finish = [&clock, &observer, bytes, begin = clock.Now(), lease = std::move(lease),
                 in_flight = std::move(in_flight)](const absl::Status& status) mutable {
    observer.OnCheckpoint(status, bytes, clock.Now() - begin);
    std::move(lease).ReturnUnused();
    in_flight->Finish(bytes, status.ok() || ErrorReason(status) == "FENCED");
  };
  const std::string id = write.session_id;
  store.Remove(id, PartingFence(std::numeric_limits<uint64_t>::max()),
               [&store, write = std::move(write),
                finish = std::move(finish)](const absl::Status& status) mutable {
                 if (!status.ok()) return finish(status);
                 store.Write(std::move(write), std::move(finish));
               });
}

}  // namespace

bool WritePartingSnapshots(const Clock& clock, SessionTable& sessions, CheckpointObserver& observer,
                           SnapshotStore& store, const SnapshotKey& key, absl::Time deadline) {
  const auto in_flight = std::make_shared<InFlight>();
  std::string last_id;
  while (true) {
    const auto page = sessions.List({}, last_id, kPageSize);
    if (page.empty()) break;
    last_id = page.back().id;
    for (const SessionSummary& session : page) {
      if (session.durability != Durability::kNone || !session.detached) continue;
      if (!in_flight->Await(clock, kInFlightMax - 1, deadline)) return false;
      // A step that has already replied may hold the lease for a moment longer.
      in_flight->Begin(0);
      sessions.Lease(session.id, [&clock, &observer, &store, &key,
                                  in_flight](absl::StatusOr<SessionLease> lease) {
        if (lease.ok()) WriteOne(clock, observer, store, key, *std::move(lease), in_flight);
        in_flight->Finish(0, /*is_stored=*/true);
      });
    }
  }
  return in_flight->Await(clock, 0, deadline) && !in_flight->has_failed();
}

}  // namespace rnnserve
