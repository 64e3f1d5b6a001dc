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

// A session as it is now, and back.

// The session, with every reply that it keeps.
Snapshot SnapshotOf(const SessionLease& lease);

// Whose snapshot it is and how far: its version is the session's revision, which counts what a step
// does not. REQUIRES: the session is durable.
SnapshotFence FenceOf(const SessionLease& lease);

// Whether the session of the snapshot was opened with this model.
bool IsOfModel(const Snapshot& snapshot, const Model& model);

// Whether a session of the snapshot can go on with this model: FAILED_PRECONDITION (MODEL_CHANGED)
// unless it is the very same; DATA_LOSS (SNAPSHOT_BAD) if the snapshot does not fit it all the
// same.
absl::Status CheckModel(const Snapshot& snapshot, const Model& model);

// What opens the session again. Errors: RESOURCE_EXHAUSTED (REPLY_BYTES_LIMIT). REQUIRES:
// CheckModel is OK.
absl::StatusOr<SessionTable::OpenRequest> OpenRequestOf(Snapshot snapshot,
                                                        const SnapshotFence& fence,
                                                        PinnedModel model, SessionTable& sessions);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CHECKPOINT_SESSION_SNAPSHOT_H_
