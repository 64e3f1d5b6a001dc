// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CHECKPOINT_SESSION_SNAPSHOT_H_
#define RNNSERVE_CORE_CHECKPOINT_SESSION_SNAPSHOT_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/model.h"
#include "core/session/pinned_model.h"
#include "core/session/session_lease.h"
#include "core/session/session_table.h"
#include "core/snapshot/snapshot.h"
#include "core/snapshot/snapshot_fence.h"

namespace rnnserve {

// Conversions between a session in memory and a snapshot.

// Returns a snapshot of the session as it is now, with every reply that it keeps.
Snapshot SnapshotOf(const SessionLease& lease);

// Returns the fence of a snapshot of the session. Its version is the session's revision, which
// counts every change of the state, not only steps. REQUIRES: the session is durable.
SnapshotFence FenceOf(const SessionLease& lease);

// Returns whether the session of the snapshot was opened with this model.
bool IsOfModel(const Snapshot& snapshot, const Model& model);

// Checks that the session of the snapshot can continue with this model. Errors: FAILED_PRECONDITION
// (MODEL_CHANGED): it was opened with another model; DATA_LOSS (SNAPSHOT_BAD): it was opened with
// this model, but the snapshot does not fit it.
absl::Status CheckModel(const Snapshot& snapshot, const Model& model);

// Returns a request that opens the session again. Errors: RESOURCE_EXHAUSTED (REPLY_BYTES_LIMIT).
// REQUIRES: CheckModel is OK.
absl::StatusOr<SessionTable::OpenRequest> OpenRequestOf(Snapshot snapshot,
                                                        const SnapshotFence& fence,
                                                        PinnedModel model, SessionTable& sessions);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CHECKPOINT_SESSION_SNAPSHOT_H_
