// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CHECKPOINT_CHECKPOINT_OBSERVER_H_
#define RNNSERVE_CORE_CHECKPOINT_CHECKPOINT_OBSERVER_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace rnnserve {

// Is told what becomes of checkpoints. Calls come from workers and from the store's thread, never
// under a lock, and must return soon. Thread-safe.
class CheckpointObserver {
 public:
  virtual ~CheckpointObserver() = default;

  // What the store said, or that it will not be asked, of a snapshot of so many bytes, so long
  // after it was made.
  virtual void OnCheckpoint(const absl::Status& status, int64_t bytes, absl::Duration duration) = 0;
  // A session was asked of the store; it is here if the status is OK.
  virtual void OnRestored(const absl::Status& status, absl::Duration duration) = 0;
  // A snapshot was put aside because no server can read it, and why.
  virtual void OnQuarantined(const std::string& /*session_id*/, const absl::Status& /*why*/) {}
  // An idle session was moved out of memory into the store, and back.
  virtual void OnSpilled() {}
  virtual void OnUnspilled() {}
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CHECKPOINT_CHECKPOINT_OBSERVER_H_
