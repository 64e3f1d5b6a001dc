// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_CONTINUITY_H_
#define RNNSERVE_CORE_SESSION_CONTINUITY_H_

#include <atomic>
#include <cstdint>

#include "core/session/durability.h"
#include "core/session/reply_window.h"

namespace rnnserve {

// What a session has that goes on after a lost reply or a lost server, and others need not pay for.
// Private to this folder.
struct Continuity {
  explicit Continuity(int reply_window) : replies(reply_window) {}

  // The holder's of the lease.
  ReplyWindow replies;
  CheckpointProgress checkpoint;

  // What the store of snapshots has. They grow alone, are written with the lock of the sessions
  // held, and order nothing.
  std::atomic<uint64_t> durable_version{0};
  std::atomic<uint64_t> durable_revision{0};
  std::atomic<int64_t> snapshot_time{0};  // when it was told so, at least; as Session has times
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_CONTINUITY_H_
