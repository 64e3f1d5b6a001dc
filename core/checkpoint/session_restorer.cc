// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/checkpoint/session_restorer.h"

#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/checkpoint/session_snapshot.h"
#include "core/session/session_id.h"

namespace rnnserve {
namespace {

absl::Status MovedError() {
  return NotFound("SESSION_MOVED",
                  "the session has moved to another server, or the store has lost its last "
                  "snapshot; attach to it to continue");
}

bool IsNotDurable(const Snapshot& snapshot) {
  return static_cast<Durability>(snapshot.durability) == Durability::kNone;
}

}  // namespace

SessionRestorer::SessionRestorer(const Clock& clock, SessionTable& sessions,
                                 CheckpointObserver& observer, SnapshotStore& store,
                                 const SnapshotKeys& keys, absl::Duration extra_time_to_live)
    : clock_(clock),
      sessions_(sessions),
      observer_(observer),
      store_(store),
      keys_(keys),
      extra_time_to_live_(extra_time_to_live) {}

void SessionRestorer::Restore(const std::string& session_id, FindModel find_model, Done done) {
  {
    absl::MutexLock lock(&mu_);
    std::vector<Done>& waiting = restoring_[session_id];
    waiting.push_back(std::move(done));
    if (waiting.size() > 1) return;
  }
  store_.Read(session_id, [this, session_id, find_model = std::move(find_model),
                           begin = clock_.Now()](const absl::StatusOr<StoredSnapshot>& stored) {
    auto finish = [this, session_id, find_model, begin](const absl::Status& status) {
      FinishRestore(session_id, find_model, begin, status);
    };
    const absl::StatusOr<Snapshot> snapshot = Decode(session_id, find_model, stored);
    if (!snapshot.ok()) return Fail(session_id, stored, snapshot.status(), std::move(finish));
    // Claim only now, so that a server that cannot continue the session leaves it to its owner.
    store_.Claim(session_id, RandomNonce(), snapshot->idle_timeout + extra_time_to_live_,
                 [this, session_id, find_model, finish = std::move(finish)](
                     const absl::StatusOr<StoredSnapshot>& claimed) mutable {
                   OpenClaimed(session_id, find_model, claimed, std::move(finish));
                 });
  });
}

void SessionRestorer::Reopen(const std::string& session_id, const SnapshotFence& fence,
                             PinnedModel model, LeaseCallback done) {
  const FindModel find_model = [model = std::move(model)](const Snapshot&) { return model; };
  store_.Read(
      session_id, [this, session_id, fence, find_model, begin = clock_.Now(),
                   done = std::move(done)](const absl::StatusOr<StoredSnapshot>& stored) mutable {
        // A snapshot of the same owner but another version means that the store has lost the latest
        // one.
        const bool is_other = stored.ok() && !(stored->fence == fence);
        absl::StatusOr<SessionLease> lease =
            is_other ? MovedError() : Open(session_id, find_model, stored);
        observer_.OnRestored(lease.status(), clock_.Now() - begin);
        if (lease.ok()) return done(std::move(lease));
        Fail(session_id, stored, lease.status(),
             [done = std::move(done)](absl::Status status) mutable { done(std::move(status)); });
      });
}

absl::StatusOr<Snapshot> SessionRestorer::Decode(
    const std::string& session_id, const FindModel& find_model,
    const absl::StatusOr<StoredSnapshot>& stored) const {
  if (ErrorReason(stored.status()) == "SNAPSHOT_UNKNOWN") {
    return NotFound("SESSION_UNKNOWN",
                    "there is no session of that id, neither here nor in the store");
  }
  RNNSERVE_RETURN_IF_ERROR(stored.status());
  RNNSERVE_ASSIGN_OR_RETURN(Snapshot snapshot, DecodeSnapshot(stored->bytes, keys_, session_id));
  RNNSERVE_ASSIGN_OR_RETURN(const PinnedModel found, find_model(snapshot));
  RNNSERVE_RETURN_IF_ERROR(CheckModel(snapshot, *found.model));
  return snapshot;
}

absl::StatusOr<SessionLease> SessionRestorer::Open(const std::string& session_id,
                                                   const FindModel& find_model,
                                                   const absl::StatusOr<StoredSnapshot>& stored) {
  RNNSERVE_ASSIGN_OR_RETURN(Snapshot snapshot, Decode(session_id, find_model, stored));
  // Ask again: the model may have been replaced since Decode, and this is the one that is pinned.
  RNNSERVE_ASSIGN_OR_RETURN(PinnedModel model, find_model(snapshot));
  RNNSERVE_RETURN_IF_ERROR(CheckModel(snapshot, *model.model));
  SnapshotFence fence = stored->fence;
  // A parting snapshot has epoch 0 in the store (see WritePartingSnapshots). The session's writers
  // continue to count from the epoch in the snapshot.
  if (IsNotDurable(snapshot)) fence.epoch = snapshot.epoch + 1;
  RNNSERVE_ASSIGN_OR_RETURN(SessionTable::OpenRequest request,
                            OpenRequestOf(std::move(snapshot), fence, std::move(model), sessions_));
  request.goes_on = true;
  return sessions_.OpenLeased(std::move(request));
}

void SessionRestorer::OpenClaimed(const std::string& session_id, const FindModel& find_model,
                                  const absl::StatusOr<StoredSnapshot>& claimed, Done done) {
  absl::StatusOr<SessionLease> lease = Open(session_id, find_model, claimed);
  if (!lease.ok()) return Fail(session_id, claimed, lease.status(), std::move(done));
  if (lease->durability() != Durability::kNone) {
    sessions_.OnDurable(session_id, lease->epoch(), lease->version(), claimed->fence.version);
    std::move(*lease).Return();
    return done(absl::OkStatus());
  }
  // A session that is not durable is not written again, so its snapshot must not be found again. If
  // another server has claimed it meanwhile, the session is that server's and this copy ends.
  store_.Remove(session_id, claimed->fence,
                [lease = *std::move(lease), done = std::move(done)](absl::Status status) mutable {
                  if (status.ok()) {
                    std::move(lease).Return();
                  } else {
                    std::move(lease).End(EndReason::kMoved);
                  }
                  done(std::move(status));
                });
}

void SessionRestorer::Fail(const std::string& session_id,
                           const absl::StatusOr<StoredSnapshot>& stored, absl::Status error,
                           Done done) {
  // Decode again, because CheckModel reports SNAPSHOT_BAD too. If the error came from CheckModel,
  // the snapshot itself is readable: it does not fit the model here, but may fit the model of
  // another server.
  const bool is_bad =
      stored.ok() && ErrorReason(error) == "SNAPSHOT_BAD" &&
      ErrorReason(DecodeSnapshot(stored->bytes, keys_, session_id).status()) == "SNAPSHOT_BAD" &&
      !MayBeReadElsewhere(stored->bytes, keys_);
  if (!is_bad) return done(std::move(error));
  store_.Quarantine(session_id, stored->bytes, kQuarantineTime,
                    [this, session_id, error = std::move(error),
                     done = std::move(done)](const absl::Status& status) mutable {
                      if (status.ok()) observer_.OnQuarantined(session_id, error);
                      done(std::move(error));
                    });
}

void SessionRestorer::FinishRestore(const std::string& session_id, const FindModel& find_model,
                                    absl::Time begin, const absl::Status& status) {
  observer_.OnRestored(status, clock_.Now() - begin);
  std::vector<Done> waiting;
  {
    absl::MutexLock lock(&mu_);
    const auto it = restoring_.find(session_id);
    waiting = std::move(it->second);
    restoring_.erase(it);
  }
  // The session may have been stored after the first call asked the store and before the other
  // callers came, so those callers ask again.
  const bool ask_again = absl::IsNotFound(status);
  waiting.front()(status);
  for (size_t i = 1; i < waiting.size(); ++i) {
    if (ask_again) {
      Restore(session_id, find_model, std::move(waiting[i]));
    } else {
      waiting[i](status);
    }
  }
}

}  // namespace rnnserve
