// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_IDLE_SAMPLER_H_
#define RNNSERVE_CORE_SESSION_IDLE_SAMPLER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace rnnserve {

class SessionIndex;

// A session that was not in use when the sampler looked at it.
struct IdleSession {
  std::string id;
  absl::Time last_use;
  int64_t state_bytes = 0;
};

// Finds idle durable sessions by cycling through the sessions in memory, a few at a time. It keeps
// no order by last use, so a step costs nothing here. The idlest sessions of a large sample are
// close enough to the idlest of all, as in caches that choose what to evict by sampling.
//
// Thread-compatible. Nothing fails.
class IdleSampler {
 public:
  // Nanoseconds from the clock's origin.
  struct Times {
    int64_t now;
    int64_t last_use_max;  // sessions that were used later are left out
  };

  // Looks at the next `num_sessions` sessions, continuing where the last call ended, and appends
  // those that are durable, free, idle for long enough and not expired. Returns how many it looked
  // at, which is fewer only if there are no sessions.
  int64_t LookAtNext(int64_t num_sessions, const Times& times, const SessionIndex& sessions,
                     std::vector<IdleSession>& idle);

 private:
  uint32_t next_ = 0;  // where the next call begins, as an index of SessionIndex
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_IDLE_SAMPLER_H_
