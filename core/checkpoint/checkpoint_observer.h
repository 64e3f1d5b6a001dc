// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CHECKPOINT_CHECKPOINT_OBSERVER_H_
#define RNNSERVE_CORE_CHECKPOINT_CHECKPOINT_OBSERVER_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace rnnserve {

// Receives the outcome of checkpoints. Thread-safe: calls come from workers and from the snapshot
// store's thread, never under a lock, and must return soon.
class CheckpointObserver {
 public:
  virtual ~CheckpointObserver() = default;

  // A snapshot of `bytes` bytes is stored or has failed, `duration` after it was made. The status
  // is the store's answer, or why the snapshot was not sent.
  virtual void OnCheckpoint(const absl::Status& status, int64_t bytes, absl::Duration duration) = 0;
  // The store was asked for a session. If the status is OK, the session is open here now.
  virtual void OnRestored(const absl::Status& status, absl::Duration duration) = 0;
  // A snapshot was quarantined because no server can read it.
  virtual void OnQuarantined(const std::string& /*session_id*/, const absl::Status& /*why*/) {}
  // An idle session was moved out of memory into the store.
  virtual void OnSpilled() {}
  // A spilled session was moved back into memory.
  virtual void OnUnspilled() {}
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CHECKPOINT_CHECKPOINT_OBSERVER_H_
