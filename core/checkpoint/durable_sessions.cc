// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/checkpoint/durable_sessions.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/checkpoint/session_snapshot.h"
#include "core/session/session_id.h"
#include "core/snapshot/resume_token.h"

// Locking
//
// DurableSessions has no lock: its members are constant after construction, and the session table,
// the spill and the checkpointer synchronise themselves. A ReturnGroup has a lock that guards its
// count and status; its callback runs after that lock is released.
//
// Only Flush, FlushForGood and the destructor block, all in the checkpointer. Every other call that
// has to wait, be it for a lease, for room in memory or for the store, continues in a callback.
// Such calls cannot wait for each other in a circle: no call keeps a lease while it waits in the
// line of another session, and neither making room in memory nor the store waits for a lease that
// somebody else holds (see session_spill.cc). For this reason LeaseAll first brings back all its
// spilled sessions, holding no lease, and then asks the session table for all leases at once.
//
// Between two steps of such a call, other callers may spill or end the session again, so the steps
// are repeated. LeaseAll and Restore do so a bounded number of times. Lease has no bound, but each
// repetition means that a session has been brought back or has ended in between.

namespace rnnserve {
namespace {

// Returns whether another server may have the session. The store keeps a session for a while after
// it has expired here.
bool MayBeElsewhere(const absl::Status& status) {
  const std::string reason = ErrorReason(status);
  return reason == "SESSION_UNKNOWN" || reason == "SESSION_MOVED" || reason == "SESSION_EXPIRED";
}

bool HasStore(const std::optional<DurabilityConfig>& store) {
  return store.has_value() && store->store != nullptr;
}

absl::Status NoKeyError() {
  return FailedPrecondition("NO_SNAPSHOT_KEY",
                            "this server has no key to sign and check snapshots with");
}

// How many times to try. One try may not be enough, because other callers may take the room that
// was made for a session, or cause one of several sessions to be spilled again.
constexpr int kRestoreAttempts = 2;
constexpr int kLeaseAllAttempts = 4;

// Counts the answers while several spilled sessions are brought back. Owned by the callbacks that
// bring the answers. Thread-safe.
class ReturnGroup {
 public:
  ReturnGroup(size_t size, DurableSessions::Done done) : done_(std::move(done)), remaining_(size) {}

  void Arrive(const absl::Status& status) {
    {
      absl::MutexLock lock(&mu_);
      status_.Update(status);
      if (--remaining_ > 0) return;
    }
    done_(status_);
  }

 private:
  DurableSessions::Done done_;
  absl::Mutex mu_;
  absl::Status status_;  // written under mu_, read by the last arrival
  size_t remaining_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

absl::Status NotStoredError(absl::Status status, bool may_be_sent_again) {
  if (may_be_sent_again || absl::IsAborted(status)) return status;
  return MakeError(absl::StatusCode::kAborted, "NOT_DURABLE",
                   absl::StrCat("the step was done, but could not be stored: ", status.message()));
}

DurableSessions::DurableSessions(const Clock& clock, SessionTable& sessions,
                                 CheckpointObserver& observer,
                                 std::optional<DurabilityConfig> store,
                                 Checkpointer::FindModel find_model)
    : clock_(clock),
      sessions_(sessions),
      keys_(store.has_value() ? std::optional<SnapshotKeys>(store->keys) : std::nullopt),
      default_durability_(HasStore(store) ? store->default_durability : Durability::kNone),
      find_model_(std::move(find_model)) {
  if (!HasStore(store)) return;
  checkpointer_.emplace(clock, sessions, observer, std::move(store->store), store->keys,
                        store->checkpoints);
  spill_.emplace(clock, sessions, observer, *checkpointer_);
}

absl::StatusOr<Durability> DurableSessions::Resolve(std::optional<Durability> requested,
                                                    bool detached) const {
  if (!requested.has_value()) return detached ? default_durability_ : Durability::kNone;
  if (*requested == Durability::kNone) return Durability::kNone;
  if (!detached) {
    return InvalidArgument(
        "DURABILITY",
        "a session that is bound to its stream ends with it; only a detached one "
        "can be durable");
  }
  if (!checkpointer_.has_value()) {
    return FailedPrecondition("NO_STORE", "this server has no store for durable sessions");
  }
  return *requested;
}

void DurableSessions::Open(SessionTable::OpenRequest request, OpenCallback callback) {
  if (!spill_.has_value()) return OpenWithRoom(std::move(request), std::move(callback));
  const SessionSpill::Room room{1, request.state.bytes()};
  spill_->MakeRoom(room,
                   [this, request = std::move(request), callback = std::move(callback)]() mutable {
                     OpenWithRoom(std::move(request), std::move(callback));
                   });
}

void DurableSessions::OpenWithRoom(SessionTable::OpenRequest request, OpenCallback callback) {
  absl::Status not_spilled = CheckNotSpilled(request.id);
  if (!not_spilled.ok()) return callback(std::move(not_spilled));
  // If a session of this id expired while it was spilled, its record is all that remains of it. The
  // new session's epoch must be above the old one's.
  if (spill_.has_value()) request.epoch = std::max(request.epoch, spill_->EpochOf(request.id) + 1);
  const bool is_durable = request.durability != Durability::kNone;
  if (is_durable) {
    request.nonce = RandomNonce();
    request.snapshot_time = clock_.Now();
  }
  absl::StatusOr<SessionLease> lease = sessions_.OpenLeased(std::move(request));
  if (!lease.ok()) return callback(lease.status());
  Opened opened{lease->id(), lease->epoch()};
  // A session of this id may have been in memory at the first check and have been spilled before
  // the new one was opened.
  not_spilled = CheckNotSpilled(opened.id);
  if (!not_spilled.ok()) {
    (*std::move(lease)).End(EndReason::kMoved);
    return callback(std::move(not_spilled));
  }
  if (!is_durable) {
    (*std::move(lease)).Return();
    return callback(std::move(opened));
  }
  checkpointer_->Create(
      *std::move(lease),
      [opened = std::move(opened), callback = std::move(callback)](absl::Status status) mutable {
        if (!status.ok()) return callback(std::move(status));
        callback(std::move(opened));
      });
}

absl::Status DurableSessions::CheckNotSpilled(absl::string_view id) const {
  if (!spill_.has_value() || !spill_->HasLive(id)) return absl::OkStatus();
  return MakeError(absl::StatusCode::kAlreadyExists, "SESSION_EXISTS",
                   "a session of that id is open");
}

void DurableSessions::MakeRoom(const SessionSpill::Room& room, absl::AnyInvocable<void()> done) {
  if (!spill_.has_value()) return done();
  spill_->MakeRoom(room, std::move(done));
}

std::vector<std::string> DurableSessions::SpilledIdsOf(absl::string_view model_name,
                                                       const Model* model) const {
  return spill_.has_value() ? spill_->IdsOf(model_name, model) : std::vector<std::string>();
}

std::vector<SessionSummary> DurableSessions::List(const SessionFilter& filter,
                                                  absl::string_view after, int64_t limit) const {
  return spill_.has_value() ? spill_->List(filter, after, limit)
                            : sessions_.List(filter, after, limit);
}

void DurableSessions::Lease(absl::string_view id, SessionTable::LeaseCallback callback) {
  if (!spill_.has_value()) return sessions_.Lease(id, std::move(callback));
  const uint64_t num_brought_back = spill_->num_brought_back();
  sessions_.Lease(id, [this, id = std::string(id), num_brought_back,
                       callback = std::move(callback)](absl::StatusOr<SessionLease> lease) mutable {
    if (lease.ok() || !absl::IsNotFound(lease.status())) return callback(std::move(lease));
    if (!spill_->Has(id)) {
      // The session may have come back between the two lookups.
      if (spill_->num_brought_back() != num_brought_back) return Lease(id, std::move(callback));
      return callback(std::move(lease));
    }
    spill_->BringBack(id, [this, id, callback = std::move(callback)](absl::Status status) mutable {
      const bool look_again = status.ok() || ErrorReason(status) == "SESSION_UNKNOWN";
      if (!look_again) return callback(std::move(status));
      Lease(id, std::move(callback));
    });
  });
}

void DurableSessions::LeaseAll(std::vector<std::string> ids,
                               SessionTable::LeaseAllCallback callback) {
  if (!spill_.has_value()) return sessions_.LeaseAll(ids, std::move(callback));
  LeaseAllAgain(std::move(ids), kLeaseAllAttempts, std::move(callback));
}

void DurableSessions::LeaseAllAgain(std::vector<std::string> ids, int num_attempts_left,
                                    SessionTable::LeaseAllCallback callback) {
  std::vector<std::string> spilled;
  for (const std::string& id : ids) {
    if (spill_->Has(id)) spilled.push_back(id);
  }
  if (spilled.empty()) {
    const uint64_t num_brought_back = spill_->num_brought_back();
    return sessions_.LeaseAll(
        ids, [this, ids, num_attempts_left, num_brought_back, callback = std::move(callback)](
                 absl::StatusOr<std::vector<SessionLease>> leases) mutable {
          const bool was_spilled =
              absl::IsNotFound(leases.status()) &&
              (spill_->num_brought_back() != num_brought_back ||
               std::any_of(ids.begin(), ids.end(),
                           [this](const std::string& id) { return spill_->Has(id); }));
          if (!was_spilled || num_attempts_left == 0) return callback(std::move(leases));
          LeaseAllAgain(std::move(ids), num_attempts_left - 1, std::move(callback));
        });
  }
  if (num_attempts_left == 0) {
    return callback(ResourceExhausted(
        "SESSION_LIMIT",
        absl::StrCat(spilled.size(), " of the ", ids.size(), " sessions found no room in memory"),
        sessions_.options().retry_delay));
  }
  auto lease_all = [this, ids = std::move(ids), num_attempts_left,
                    callback = std::move(callback)](const absl::Status& status) mutable {
    if (!status.ok() && !absl::IsNotFound(status)) return callback(status);
    LeaseAllAgain(std::move(ids), num_attempts_left - 1, std::move(callback));
  };
  const auto group = std::make_shared<ReturnGroup>(spilled.size(), std::move(lease_all));
  for (const std::string& id : spilled) {
    spill_->BringBack(id, [group](const absl::Status& status) { group->Arrive(status); });
  }
}

void DurableSessions::LeaseOrRestore(absl::string_view id, SessionTable::LeaseCallback callback) {
  if (!checkpointer_.has_value()) return sessions_.Lease(id, std::move(callback));
  Lease(id, [this, id = std::string(id),
             callback = std::move(callback)](absl::StatusOr<SessionLease> lease) mutable {
    if (lease.ok() || !MayBeElsewhere(lease.status())) return callback(std::move(lease));
    spill_->MakeRoom({}, [this, id = std::move(id), callback = std::move(callback)]() mutable {
      Restore(id, kRestoreAttempts, std::move(callback));
    });
  });
}

void DurableSessions::Restore(const std::string& id, int num_attempts_left,
                              SessionTable::LeaseCallback callback) {
  checkpointer_->Restore(
      id, find_model_,
      [this, id, num_attempts_left,
       callback = std::move(callback)](const absl::Status& status) mutable {
        if (status.ok()) return Lease(id, std::move(callback));
        const bool is_full = ErrorReason(status) == "STATE_BYTES_LIMIT";
        if (!is_full || num_attempts_left == 1) return callback(status);
        // The size of its state is not known here, so ask for a tenth of the memory, which is the
        // share above the low-water mark.
        spill_->MakeRoom({1, sessions_.options().max_state_bytes / 10},
                         [this, id, num_attempts_left, callback = std::move(callback)]() mutable {
                           Restore(id, num_attempts_left - 1, std::move(callback));
                         });
      });
}

void DurableSessions::Commit(SessionLease lease, Done done) {
  if (checkpointer_.has_value()) return checkpointer_->Commit(std::move(lease), std::move(done));
  std::move(lease).Return();
  done(absl::OkStatus());
}

void DurableSessions::CommitNow(SessionLease lease, Done done) {
  if (!checkpointer_.has_value()) return Commit(std::move(lease), std::move(done));
  checkpointer_->CommitNow(std::move(lease), std::move(done));
}

void DurableSessions::End(SessionLease lease, EndReason reason, Done done) {
  if (checkpointer_.has_value()) {
    return checkpointer_->End(std::move(lease), reason, std::move(done));
  }
  std::move(lease).End(reason);
  done(absl::OkStatus());
}

absl::StatusOr<std::string> DurableSessions::Export(const SessionLease& lease) const {
  if (!keys_.has_value()) return NoKeyError();
  return EncodeSnapshot(SnapshotOf(lease), keys_->current());
}

absl::StatusOr<SessionTable::OpenRequest> DurableSessions::Import(absl::string_view bytes) const {
  if (!keys_.has_value()) return NoKeyError();
  RNNSERVE_ASSIGN_OR_RETURN(Snapshot snapshot, DecodeSnapshot(bytes, *keys_, std::nullopt));
  RNNSERVE_ASSIGN_OR_RETURN(PinnedModel model, find_model_(snapshot));
  RNNSERVE_RETURN_IF_ERROR(CheckModel(snapshot, *model.model));
  // The imported session is a new one, independent of the one that was exported.
  RNNSERVE_ASSIGN_OR_RETURN(
      SessionTable::OpenRequest request,
      OpenRequestOf(std::move(snapshot), {1, 0, 0}, std::move(model), sessions_));
  request.durability = Durability::kNone;
  return request;
}

std::string DurableSessions::ResumeTokenOf(const SessionSummary& session) const {
  if (!checkpointer_.has_value() || !session.detached) return "";
  return EncodeResumeToken({session.id, session.epoch, session.version, session.durable_version},
                           keys_->current());
}

absl::Status DurableSessions::CheckResumeToken(absl::string_view session_id,
                                               absl::string_view token) const {
  if (!keys_.has_value()) return BadResumeToken("this server has no key to check it with");
  RNNSERVE_ASSIGN_OR_RETURN(const ResumeToken decoded, DecodeResumeToken(token, *keys_));
  if (decoded.session_id != session_id) return BadResumeToken("it is of another session");
  return absl::OkStatus();
}

void DurableSessions::Tick() {
  if (!checkpointer_.has_value()) return;
  checkpointer_->Tick();
  spill_->Tick();
}

bool DurableSessions::Flush(absl::Duration timeout) {
  return !checkpointer_.has_value() || checkpointer_->Flush(timeout);
}

bool DurableSessions::FlushForGood(absl::Duration timeout) {
  return !checkpointer_.has_value() || checkpointer_->FlushForGood(timeout);
}

Checkpointer::Load DurableSessions::load() const {
  return checkpointer_.has_value() ? checkpointer_->load() : Checkpointer::Load();
}

}  // namespace rnnserve
