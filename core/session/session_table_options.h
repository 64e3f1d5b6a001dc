// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_SESSION_TABLE_OPTIONS_H_
#define RNNSERVE_CORE_SESSION_SESSION_TABLE_OPTIONS_H_

#include <cstdint>

#include "absl/time/time.h"

namespace rnnserve {

// The limits of a SessionTable.
struct SessionTableOptions {
  // The most open sessions; one more is refused. Each costs its state and about 200 bytes.
  int64_t max_sessions = 100'000;
  // The most bytes of all states together; a session that would exceed this is refused.
  int64_t max_state_bytes = int64_t{1} << 30;
  // The most callers in line for one session; one more is refused. Bounds how far a client can
  // run ahead.
  int64_t max_waiting = 1024;
  // The most tombstones, which hold the end reason and the epoch of ended sessions. Each costs
  // about 70 bytes. The more there are, the longer an id is protected after its session ended: if
  // it is used again, an old writer cannot pass for a new one.
  int64_t max_tombstones = 65'536;
  // The most bytes of the replies that all sessions keep for retries; a step that would exceed
  // this is refused.
  int64_t max_reply_bytes = int64_t{256} << 20;
  // How long a refused caller is told to wait.
  absl::Duration retry_delay = absl::Milliseconds(100);
  // How often ExpireIdle is called. A watcher is warned of an expiry about this long before it at
  // the latest, but never before half of the idle timeout has passed.
  absl::Duration expiry_interval = absl::Milliseconds(250);
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_SESSION_TABLE_OPTIONS_H_
