// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SNAPSHOT_SNAPSHOT_FENCE_H_
#define RNNSERVE_CORE_SNAPSHOT_SNAPSHOT_FENCE_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"

namespace rnnserve {

// The fencing token of a snapshot: who wrote it and how far the session had come. A value.
// Thread-compatible.
//
// The epoch counts the owners of a session. The nonce is random for each owner and tells apart two
// owners that believe they are in the same epoch. The version counts every change of the state;
// Snapshot::version counts only steps.
struct SnapshotFence {
  uint64_t epoch = 0;
  uint64_t nonce = 0;
  uint64_t version = 0;

  bool operator==(const SnapshotFence&) const = default;
};

// The answer of a store to a writer.
enum class FenceVerdict {
  kAccepted,       // nothing is stored, or something older
  kAlreadyStored,  // the same owner has stored this very version
  kStaleVersion,   // the same owner has stored a later version
  kFenced,         // another owner has taken over
};

// Judges a write by the rule of every SnapshotStore. A writer of a later epoch is always accepted,
// whatever its version: it has claimed the session and knows what was stored.
FenceVerdict JudgeFence(const std::optional<SnapshotFence>& stored, const SnapshotFence& writer);

// Judges the first snapshot of a session that was just opened. Nothing may be stored under its id
// except a parting snapshot of a server that stopped (epoch 0), or this very snapshot. A later
// epoch does not help the writer here, because it has not seen what is stored.
FenceVerdict JudgeFirst(const std::optional<SnapshotFence>& stored, const SnapshotFence& writer);

// Returns ABORTED (FENCED): the session has another owner, and the writer must give it up.
absl::Status FencedError(uint64_t stored_epoch, uint64_t own_epoch);

// Returns ABORTED (STALE_VERSION): the writer is the owner, but has stored a later version already.
absl::Status StaleVersionError(uint64_t stored_version, uint64_t own_version);

// Returns ABORTED (SNAPSHOT_CHANGED): the stored snapshot is not the one that was read before.
absl::Status SnapshotChangedError();

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SNAPSHOT_SNAPSHOT_FENCE_H_
