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

// Writes every detached session that is not durable, once: what a server that stops leaves to
// whoever attaches on another one. The store keeps each for its idle timeout.
//
// Their epoch in the store is 0, below that of every durable session. So one of them never takes
// the place of a durable session of its id, is replaced by one that is opened, and by a later one
// like it: what was left behind before is removed first.
//
// Blocks until the store has answered or it is `deadline`. Says whether all of them are stored,
// without those whose id is a durable session's of another server. Thread-safe. REQUIRES: nobody
// changes a session any more, and all but `deadline` live until the store has answered.
bool WritePartingSnapshots(const Clock& clock, SessionTable& sessions, CheckpointObserver& observer,
                           SnapshotStore& store, const SnapshotKey& key, absl::Time deadline);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CHECKPOINT_PARTING_SNAPSHOTS_H_
