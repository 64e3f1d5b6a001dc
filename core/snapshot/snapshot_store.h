// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SNAPSHOT_SNAPSHOT_STORE_H_
#define RNNSERVE_CORE_SNAPSHOT_SNAPSHOT_STORE_H_

#include <cstdint>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/snapshot/snapshot_fence.h"

namespace rnnserve {

// The snapshot of one session as a store holds it. Owns its bytes. Thread-compatible.
struct StoredSnapshot {
  SnapshotFence fence;
  std::string bytes;
};

// A snapshot on its way into a store. Owns its bytes. Thread-compatible.
struct SnapshotWrite {
  std::string session_id;
  SnapshotFence fence;
  std::string bytes;
  // The store forgets the snapshot after this time without another write or claim. Above zero; if
  // infinite, the store never forgets it.
  absl::Duration time_to_live;
  // Whether this is the first snapshot of a session, which JudgeFirst judges.
  bool is_first = false;
};

// Keeps snapshots of sessions beyond the life of a server, at most one for each session id. To a
// store, a snapshot is just a string of bytes.
//
// Every change is fenced: it is a single compare-and-set by the rule of JudgeFence, or of
// JudgeFirst for a first snapshot. So while a snapshot is stored, an owner that was replaced can
// neither overwrite nor remove it, however late it wakes up. A store may still lose what it
// acknowledged, for example if a Redis replica that lags behind takes over. It then holds an older
// version than the owner was told. Claim and Read return the version that is there, and the caller
// must compare it with what it promised.
//
// Thread-safe. No call blocks or returns an error: the outcome comes through the callback, which
// runs exactly once, on a thread of the store, under no lock, and may call the store. Callbacks
// must not block, because they delay all other callbacks. Calls that are in flight at the same time
// share round trips. Calls on one session may take effect in any order, unless one is made after
// the callback of the other.
//
// The destructor answers calls in flight with CANCELLED (STORE_CLOSED); their changes may or may
// not have happened. It returns when every callback has run, and must not be called from one.
//
// Errors of every call, in addition to those it names: UNAVAILABLE (STORE_DOWN): the store does not
// answer, and the change may or may not have happened, so make the same call again.
// RESOURCE_EXHAUSTED (STORE_QUEUE_LIMIT): too many bytes are in flight; nothing has changed.
class SnapshotStore {
 public:
  using WriteCallback = absl::AnyInvocable<void(absl::Status)>;
  using ReadCallback = absl::AnyInvocable<void(absl::StatusOr<StoredSnapshot>)>;

  virtual ~SnapshotStore() = default;

  // Stores the snapshot if JudgeFence accepts it, or JudgeFirst if it is a first one. Writing a
  // version that the same owner has already stored is OK and renews its time to live. Errors, after
  // which the stored snapshot is unchanged: ABORTED (FENCED, with both epochs); ABORTED
  // (STALE_VERSION); RESOURCE_EXHAUSTED (STORE_FULL): the store has no memory left; DATA_LOSS
  // (SNAPSHOT_BAD): what is stored there was not written by a SnapshotStore.
  virtual void Write(SnapshotWrite write, WriteCallback callback) = 0;

  // Takes ownership: raises the stored epoch by one, sets the nonce, renews the time to live, and
  // returns the stored snapshot with its new fence, all atomically. The version of the fence stays.
  // Errors, after which nothing has changed: NOT_FOUND (SNAPSHOT_UNKNOWN): none is stored;
  // OUT_OF_RANGE (EPOCH_LIMIT): the epoch is 2^64 - 1; STORE_FULL and SNAPSHOT_BAD as for Write.
  virtual void Claim(std::string session_id, uint64_t nonce, absl::Duration time_to_live,
                     ReadCallback callback) = 0;

  // Returns the stored snapshot and changes nothing. Errors: NOT_FOUND (SNAPSHOT_UNKNOWN);
  // DATA_LOSS (SNAPSHOT_BAD).
  virtual void Read(std::string session_id, ReadCallback callback) = 0;

  // Removes the stored snapshot if JudgeFence accepts `fence`; OK if none is stored. Afterwards a
  // late write of a former owner is accepted, and its snapshot stays for its time to live. Errors,
  // after which nothing has changed: ABORTED (FENCED, STALE_VERSION); SNAPSHOT_BAD as for Write.
  virtual void Remove(std::string session_id, SnapshotFence fence, WriteCallback callback) = 0;

  // Quarantines the stored snapshot if it is still these bytes: no other call finds it any more,
  // but an operator of the store can look at it for `time_to_live`. The caller need not own the
  // session, because nobody can read the snapshot. Errors, after which nothing has changed:
  // NOT_FOUND (SNAPSHOT_UNKNOWN); ABORTED (SNAPSHOT_CHANGED): other bytes are stored; SNAPSHOT_BAD
  // as for Write.
  virtual void Quarantine(std::string session_id, std::string bytes, absl::Duration time_to_live,
                          WriteCallback callback) = 0;

  // Returns a number that changes when the store may have lost snapshots: it was restarted, or
  // another one has taken its place. Servers then write their sessions again.
  virtual uint64_t generation() const { return 0; }
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SNAPSHOT_SNAPSHOT_STORE_H_
