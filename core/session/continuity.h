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

  // Grows alone. Written with the store's lock held; it orders nothing.
  std::atomic<uint64_t> durable_version{0};
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_CONTINUITY_H_
