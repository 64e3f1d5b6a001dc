// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_CONTINUITY_H_
#define RNNSERVE_CORE_SESSION_CONTINUITY_H_

#include <atomic>
#include <cstdint>

#include "core/session/durability.h"
#include "core/session/reply_window.h"

namespace rnnserve {

// The part of a session that lets it continue after a lost reply or a lost server. Sessions that
// need neither do not have it. Private to this folder.
struct Continuity {
  explicit Continuity(int reply_window) : replies(reply_window) {}

  // Records that the snapshot store has this version, which is this revision, at `now`. A late
  // answer changes nothing. REQUIRES: the lock of the session table is held.
  void NoteStored(uint64_t version, uint64_t revision, int64_t now);

  // Used by the holder of the lease.
  ReplyWindow replies;
  CheckpointProgress checkpoint;

  // The progress that the snapshot store has confirmed. These numbers only grow. They are written
  // with the lock of the session table held and read without it. No other memory depends on their
  // order, so all accesses are relaxed.
  std::atomic<uint64_t> durable_version{0};
  std::atomic<uint64_t> durable_revision{0};
  // When the store confirmed durable_revision, in nanoseconds from the clock's origin. Before the
  // first confirmation it is OpenRequest::snapshot_time. The snapshot's time to live counts from
  // about then.
  std::atomic<int64_t> snapshot_time{0};
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_CONTINUITY_H_
