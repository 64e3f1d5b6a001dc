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

// What a store holds of one session. Owns its bytes. Thread-compatible.
struct StoredSnapshot {
  SnapshotFence fence;
  std::string bytes;
};

// A snapshot on its way into a store. Owns its bytes. Thread-compatible.
struct SnapshotWrite {
  std::string session_id;
  SnapshotFence fence;
  std::string bytes;
  // After that time without another write or claim the store forgets it. Above zero; infinite: it
  // does not.
  absl::Duration time_to_live;
  // The first of a session: judged by JudgeFirst.
  bool is_first = false;
};

// Where the snapshots of sessions outlive a server, one for each session id. To a store a snapshot
// is a string of bytes.
//
// Every change is fenced: it is a single compare-and-set by the rule of JudgeFence (or, of a first
// snapshot, JudgeFirst), so an owner
// that was replaced can neither write nor remove, however late it wakes up. A store may still lose
// what it acknowledged (a Redis replica that takes over may be behind): then what it holds is older
// than what the owner was told, and Claim and Read tell the version that is there, which the caller
// must compare with what it promised.
//
// Thread-safe. No call blocks or fails itself: the outcome comes through the callback, which runs
// exactly once, on a thread of the store, under no lock, and may call the store. Callbacks must not
// block: they hold up all others. Calls made while others are under way share their round trip.
// Calls on one session take effect in any order unless one waits for the other's callback.
//
// The destructor answers what is under way with CANCELLED (STORE_CLOSED), so that whether it has
// happened is not known, returns when every callback has run, and must not be called by one.
//
// Errors of every call, beside those it names: UNAVAILABLE (STORE_DOWN): the store does not answer,
// and whether the change has happened is not known, so that the same call is made again;
// RESOURCE_EXHAUSTED (STORE_QUEUE_LIMIT): too many bytes are under way, nothing has changed.
class SnapshotStore {
 public:
  using WriteCallback = absl::AnyInvocable<void(absl::Status)>;
  using ReadCallback = absl::AnyInvocable<void(absl::StatusOr<StoredSnapshot>)>;

  virtual ~SnapshotStore() = default;

  // Stores the snapshot, if JudgeFence accepts it, or JudgeFirst the first one. The version that
  // the same owner has stored already is OK and renews its time to live. Errors, after which what
  // was stored is unchanged: ABORTED (FENCED, with both epochs); ABORTED (STALE_VERSION);
  // RESOURCE_EXHAUSTED (STORE_FULL): the store has no memory left; DATA_LOSS (SNAPSHOT_BAD): what
  // is stored there was not written by a store.
  virtual void Write(SnapshotWrite write, WriteCallback callback) = 0;

  // Takes ownership: raises the stored epoch by one, sets the nonce, renews the time to live, and
  // returns what is stored with its new fence, all at once. The version is that of the bytes.
  // Errors, after which nothing has changed: NOT_FOUND (SNAPSHOT_UNKNOWN): none is stored;
  // OUT_OF_RANGE (EPOCH_LIMIT): the epoch is 2^64 - 1; STORE_FULL and SNAPSHOT_BAD as for Write.
  virtual void Claim(std::string session_id, uint64_t nonce, absl::Duration time_to_live,
                     ReadCallback callback) = 0;

  // Returns what is stored and changes nothing. Errors: NOT_FOUND (SNAPSHOT_UNKNOWN); DATA_LOSS
  // (SNAPSHOT_BAD).
  virtual void Read(std::string session_id, ReadCallback callback) = 0;

  // Removes what is stored, by the rule of Write; OK if there is nothing. A late write of a former
  // owner is then accepted again, until its time to live ends. Errors, after which nothing has
  // changed: ABORTED (FENCED, STALE_VERSION); SNAPSHOT_BAD as for Write.
  virtual void Remove(std::string session_id, SnapshotFence fence, WriteCallback callback) = 0;

  // Puts aside what is stored, out of the way of every other call, if it is still these bytes; who
  // runs the store may look at it for `time_to_live` more. Nobody need own the session: who cannot
  // read it never will. Errors, after which nothing has changed: NOT_FOUND (SNAPSHOT_UNKNOWN);
  // ABORTED (SNAPSHOT_CHANGED): other bytes are stored; SNAPSHOT_BAD as for Write.
  virtual void Quarantine(std::string session_id, std::string bytes, absl::Duration time_to_live,
                          WriteCallback callback) = 0;

  // Another number when what is stored may not be what was: the store was started again, or another
  // one has taken its place. Whoever has sessions then stores them once more.
  virtual uint64_t generation() const { return 0; }
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SNAPSHOT_SNAPSHOT_STORE_H_
