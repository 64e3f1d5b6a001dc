// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_SESSION_H_
#define RNNSERVE_CORE_SESSION_SESSION_H_

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "core/model/model.h"
#include "core/session/session_state.h"
#include "core/session/session_store.h"

namespace rnnserve {

// One open session. Private to this folder: others see a lease or a summary.
//
// Invariants, with the store's lock held:
//   1. A session that is neither leased nor served has an empty line.
//   2. At most one thread serves the line (SessionStore::ServeLine), and it alone takes from it.
//   3. A session that has ended is in no map of the store, stays leased and has an empty line.
struct Session {
  explicit Session(SessionStore::OpenRequest request)
      : id(std::move(request.id)),
        model_name(std::move(request.model_name)),
        model(std::move(request.model)),
        detached(request.detached),
        idle_timeout(request.idle_timeout),
        state_bytes(request.state.bytes()),
        state(std::move(request.state)) {}

  // Constant.
  const std::string id;
  const std::string model_name;
  const std::shared_ptr<const Model> model;
  const bool detached;
  const absl::Duration idle_timeout;
  const int64_t state_bytes;
  const uint64_t epoch = 1;

  // Belongs to the holder of the lease.
  SessionState state;

  // Written by the holder of the lease, read by List too. It orders nothing.
  std::atomic<uint64_t> version{0};

  // Guarded by the store's lock.
  bool is_leased = false;
  bool is_served = false;
  std::list<SessionStore::LeaseCallback> line;  // a list, because an empty one is 24 bytes
  absl::Time last_use;
  absl::Time expiry_check = absl::InfiniteFuture();  // its key in the store's order of expiry
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_SESSION_H_
