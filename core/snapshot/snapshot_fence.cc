// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/snapshot/snapshot_fence.h"

#include "absl/strings/str_cat.h"
#include "core/base/error.h"

namespace rnnserve {

FenceVerdict JudgeFence(const std::optional<SnapshotFence>& stored, const SnapshotFence& writer) {
  if (!stored.has_value() || stored->epoch < writer.epoch) return FenceVerdict::kAccepted;
  if (stored->epoch > writer.epoch || stored->nonce != writer.nonce) return FenceVerdict::kFenced;
  if (stored->version > writer.version) return FenceVerdict::kStaleVersion;
  return stored->version == writer.version ? FenceVerdict::kAlreadyStored : FenceVerdict::kAccepted;
}

FenceVerdict JudgeFirst(const std::optional<SnapshotFence>& stored, const SnapshotFence& writer) {
  const bool is_free = !stored.has_value() || stored->epoch == 0 || *stored == writer;
  return is_free ? JudgeFence(stored, writer) : FenceVerdict::kFenced;
}

absl::Status FencedError(uint64_t stored_epoch, uint64_t own_epoch) {
  return MakeError(
      absl::StatusCode::kAborted, "FENCED",
      absl::StrCat("another owner has stored epoch ", stored_epoch, "; this one has ", own_epoch));
}

absl::Status StaleVersionError(uint64_t stored_version, uint64_t own_version) {
  return MakeError(
      absl::StatusCode::kAborted, "STALE_VERSION",
      absl::StrCat("version ", stored_version, " is stored; this is version ", own_version));
}

absl::Status SnapshotChangedError() {
  return MakeError(absl::StatusCode::kAborted, "SNAPSHOT_CHANGED",
                   "another snapshot of the session has been stored since");
}

}  // namespace rnnserve
