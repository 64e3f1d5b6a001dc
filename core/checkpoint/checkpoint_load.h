// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CHECKPOINT_CHECKPOINT_LOAD_H_
#define RNNSERVE_CORE_CHECKPOINT_CHECKPOINT_LOAD_H_

#include <cstdint>

#include "absl/time/time.h"

namespace rnnserve {

// The unsaved work that a crash right now would lose.
struct CheckpointLoad {
  int64_t listed_sessions = 0;   // sessions with changes that no snapshot in flight contains
  absl::Duration oldest_change;  // how long ago the first of them was listed; zero if none is
  int64_t pending_writes = 0;    // queued or in flight
  int64_t pending_bytes = 0;     // of these writes
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CHECKPOINT_CHECKPOINT_LOAD_H_
