// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_DURABILITY_H_
#define RNNSERVE_CORE_SESSION_DURABILITY_H_

#include <cstdint>

#include "absl/time/time.h"

namespace rnnserve {

// What becomes of a session when its server is lost.
enum class Durability : uint8_t {
  kNone,   // it ends
  kAsync,  // it goes on from its last checkpoint, which is written behind the replies
  kSync,   // it goes on from the last reply: each waits for its checkpoint
};

// How far the checkpoints of a durable session are. A revision is counted for every change of the
// state, of which steps are one kind; it is what orders the snapshots of one owner.
struct CheckpointProgress {
  uint64_t nonce = 0;  // of this owner
  uint64_t revision = 0;
  uint64_t submitted_revision = 0;  // of the last snapshot that went out
  absl::Time submitted_time = absl::InfinitePast();
  bool is_listed = false;  // the next one will be written before long
  // The store may not have the session's epoch yet. Nobody was told of it, and it is not raised
  // further: an owner that was replaced must not get ahead of the epoch of the next one by itself.
  bool is_epoch_unstored = false;

  bool is_dirty() const { return revision > submitted_revision; }
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_DURABILITY_H_
