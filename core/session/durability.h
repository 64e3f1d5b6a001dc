// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_DURABILITY_H_
#define RNNSERVE_CORE_SESSION_DURABILITY_H_

#include <cstdint>

#include "absl/time/time.h"

namespace rnnserve {

// The durability of a session: what happens to it when its server is lost.
enum class Durability : uint8_t {
  kNone,   // it ends
  kAsync,  // it continues from its last checkpoint; these are written after the replies
  kSync,   // it continues from the last reply, because every reply waits for its checkpoint
};

// The progress of a durable session's checkpoints. The revision counts every change of the state,
// not only steps, and orders the snapshots of one owner. A value. Thread-compatible.
struct CheckpointProgress {
  uint64_t nonce = 0;  // of this owner
  uint64_t revision = 0;
  uint64_t submitted_revision = 0;  // of the last snapshot that was sent
  absl::Time submitted_time = absl::InfinitePast();
  bool is_listed = false;  // whether the Checkpointer has listed the session for its next snapshot
  // Whether the snapshot store may lack the session's epoch. While this is true, no client has been
  // told the epoch, and the epoch is not raised again: an owner that was replaced must not overtake
  // its successor's epoch by raising its own again and again.
  bool is_epoch_unstored = false;

  // Whether the state has changed since the last snapshot that was sent.
  bool is_dirty() const { return revision > submitted_revision; }
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_DURABILITY_H_
