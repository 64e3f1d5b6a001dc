// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CHECKPOINT_PARTING_SNAPSHOTS_H_
#define RNNSERVE_CORE_CHECKPOINT_PARTING_SNAPSHOTS_H_

#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/checkpoint/checkpoint_observer.h"
#include "core/session/session_table.h"
#include "core/snapshot/snapshot_key.h"
#include "core/snapshot/snapshot_store.h"

namespace rnnserve {

// Writes every detached session that is not durable, once. A server that is about to stop leaves
// these snapshots for clients that attach on another server. The store keeps each for the session's
// idle timeout.
//
// Their epoch in the store is 0, below that of every durable session. A parting snapshot therefore
// never replaces a durable session of its id, and a session that is opened replaces it. A later
// parting snapshot of the same id replaces it too, because the older one is removed first.
//
// Blocks until the store has answered or the deadline has come. Returns whether all sessions are
// stored, not counting those whose id belongs to a durable session of another server. Thread-safe.
// REQUIRES: nobody changes a session any more, and all arguments except `deadline` outlive the
// store's answers.
bool WritePartingSnapshots(const Clock& clock, SessionTable& sessions, CheckpointObserver& observer,
                           SnapshotStore& store, const SnapshotKey& key, absl::Time deadline);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CHECKPOINT_PARTING_SNAPSHOTS_H_
