// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/durable_sessions.h"

#include <atomic>
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

namespace rnnserve {
namespace {

// Whether another server may have the session. One that expired here lives longer in the store.
bool MayBeElsewhere(const absl::Status& status) {
  const std::string reason = ErrorReason(status);
  return reason == "SESSION_UNKNOWN" || reason == "SESSION_MOVED" || reason == "SESSION_EXPIRED";
}

bool HasStore(const std::optional<EngineStore>& store) {
  return store.has_value() && store->store != nullptr;
}

absl::Status NoKeyError() {
  return FailedPrecondition("NO_SNAPSHOT_KEY",
                            "this server has no key to sign and check snapshots with");
}

// Counts the answers to CommitAll. Owned by them. Thread-safe.
class CommitGroup {
 public:
  CommitGroup(size_t size, DurableSessions::Done done) : done_(std::move(done)), remaining_(size) {}

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
  absl::Status status_;  // written under mu_, read by the last
  size_t remaining_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

absl::Status NotStoredError(absl::Status status, bool may_be_sent_again) {
  if (may_be_sent_again || absl::IsAborted(status)) return status;
  return MakeError(absl::StatusCode::kAborted, "NOT_DURABLE",
                   absl::StrCat("the step was done, but could not be stored: ", status.message()));
}

DurableSessions::DurableSessions(const Clock& clock, SessionStore& sessions,
                                 CheckpointObserver& observer, std::optional<EngineStore> store,
                                 Checkpointer::FindModel find_model)
    : sessions_(sessions),
      keys_(store.has_value() ? std::optional<SnapshotKeys>(store->keys) : std::nullopt),
      default_durability_(HasStore(store) ? store->default_durability : Durability::kNone),
      find_model_(std::move(find_model)) {
  if (!HasStore(store)) return;
  checkpointer_.emplace(clock, sessions, observer, std::move(store->store), store->keys,
                        store->checkpoints);
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

void DurableSessions::Open(SessionStore::OpenRequest request,
                           absl::AnyInvocable<void(absl::StatusOr<std::string>)> callback) {
  const bool is_durable = request.durability != Durability::kNone;
  if (is_durable) request.nonce = RandomNonce();
  absl::StatusOr<SessionLease> lease = sessions_.OpenLeased(std::move(request));
  if (!lease.ok()) return callback(lease.status());
  std::string id = lease->id();
  if (!is_durable) {
    (*std::move(lease)).Return();
    return callback(std::move(id));
  }
  checkpointer_->Create(*std::move(lease), [id = std::move(id), callback = std::move(callback)](
                                               absl::Status status) mutable {
    if (!status.ok()) return callback(std::move(status));
    callback(std::move(id));
  });
}

void DurableSessions::LeaseOrRestore(absl::string_view id, SessionStore::LeaseCallback callback) {
  if (!checkpointer_.has_value()) return sessions_.Lease(id, std::move(callback));
  sessions_.Lease(id, [this, id = std::string(id),
                       callback = std::move(callback)](absl::StatusOr<SessionLease> lease) mutable {
    if (lease.ok() || !MayBeElsewhere(lease.status())) return callback(std::move(lease));
    checkpointer_->Restore(
        id, find_model_,
        [this, id, callback = std::move(callback)](const absl::Status& status) mutable {
          if (!status.ok()) return callback(status);
          sessions_.Lease(id, std::move(callback));
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

void DurableSessions::CommitAll(std::vector<SessionLease> leases, Done done) {
  const auto group = std::make_shared<CommitGroup>(leases.size(), std::move(done));
  for (SessionLease& lease : leases) {
    Commit(std::move(lease), [group](const absl::Status& status) { group->Arrive(status); });
  }
}

absl::StatusOr<std::string> DurableSessions::Export(const SessionLease& lease) const {
  if (!keys_.has_value()) return NoKeyError();
  return EncodeSnapshot(SnapshotOf(lease), keys_->current());
}

absl::StatusOr<SessionStore::OpenRequest> DurableSessions::Import(absl::string_view bytes) const {
  if (!keys_.has_value()) return NoKeyError();
  RNNSERVE_ASSIGN_OR_RETURN(Snapshot snapshot, DecodeSnapshot(bytes, *keys_, std::nullopt));
  RNNSERVE_ASSIGN_OR_RETURN(SessionModel model, find_model_(snapshot));
  RNNSERVE_RETURN_IF_ERROR(CheckModel(snapshot, *model.model));
  // A session of its own: it has nothing to do with the one that was exported.
  RNNSERVE_ASSIGN_OR_RETURN(
      SessionStore::OpenRequest request,
      OpenRequestOf(std::move(snapshot), {1, 0, 0}, std::move(model), sessions_));
  request.durability = Durability::kNone;
  return request;
}

void DurableSessions::Tick() {
  if (checkpointer_.has_value()) checkpointer_->Tick();
}

bool DurableSessions::Flush(absl::Duration timeout) {
  return !checkpointer_.has_value() || checkpointer_->Flush(timeout);
}

Checkpointer::Load DurableSessions::load() const {
  return checkpointer_.has_value() ? checkpointer_->load() : Checkpointer::Load();
}

}  // namespace rnnserve
