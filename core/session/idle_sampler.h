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

// A session that nobody used when it was looked at.
struct IdleSession {
  std::string id;
  absl::Time last_use;
  int64_t state_bytes = 0;
};

// Finds idle durable sessions by going round and round the sessions in memory, a few at a time. No
// order by last use is kept, so a step costs nothing here: the idlest sessions of a large sample
// are near enough to the idlest of all, as in caches that sample.
//
// Thread-compatible. Nothing fails.
class IdleSampler {
 public:
  // Nanoseconds from the clock's origin.
  struct Times {
    int64_t now;
    int64_t last_use_max;  // sessions that were used later are left out
  };

  // Looks at the `num_sessions` sessions that follow those of the call before and appends the ones
  // that are durable, free, idle for long enough and not expired. Returns how many it looked at,
  // which is fewer only if there is no session.
  int64_t LookAtNext(int64_t num_sessions, const Times& times, const SessionIndex& sessions,
                     std::vector<IdleSession>& idle);

 private:
  uint32_t next_ = 0;  // where the next look begins, as an index of SessionIndex
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_IDLE_SAMPLER_H_
