// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SNAPSHOT_SNAPSHOT_FENCE_H_
#define RNNSERVE_CORE_SNAPSHOT_SNAPSHOT_FENCE_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"

namespace rnnserve {

// Who wrote a snapshot and how far the session was. Immutable; safe to share.
//
// The epoch counts the owners of a session; the nonce, random for each owner, tells two owners
// apart that believe in the same epoch; the version counts the changes of the state,
// of which steps are one kind.
struct SnapshotFence {
  uint64_t epoch = 0;
  uint64_t nonce = 0;
  uint64_t version = 0;

  bool operator==(const SnapshotFence&) const = default;
};

// What a store answers to somebody who wants to change what it holds.
enum class FenceVerdict {
  kAccepted,       // nothing is stored, or what is stored is older
  kAlreadyStored,  // the same owner has stored this very version
  kStaleVersion,   // the same owner has stored a later version
  kFenced,         // another owner has taken over
};

// The rule of every SnapshotStore. An owner of a later epoch is always accepted, whatever its
// version: it has claimed the session and knows what was there.
FenceVerdict JudgeFence(const std::optional<SnapshotFence>& stored, const SnapshotFence& writer);

// The rule for the first snapshot of a session that was opened just now: nothing may be stored
// under its id, but for what a stopped server left behind (epoch 0). A later epoch is no claim
// here: the writer has not seen what is stored.
FenceVerdict JudgeFirst(const std::optional<SnapshotFence>& stored, const SnapshotFence& writer);

// ABORTED (FENCED): the session has another owner; the writer must give it up.
absl::Status FencedError(uint64_t stored_epoch, uint64_t own_epoch);

// ABORTED (STALE_VERSION): the writer is the owner, but has stored more than this already.
absl::Status StaleVersionError(uint64_t stored_version, uint64_t own_version);

// ABORTED (SNAPSHOT_CHANGED): what is stored is not what was read before.
absl::Status SnapshotChangedError();

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SNAPSHOT_SNAPSHOT_FENCE_H_
