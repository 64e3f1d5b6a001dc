// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_LONE_TEAM_H_
#define RNNSERVE_CORE_BATCHING_LONE_TEAM_H_

#include <atomic>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "core/base/team.h"
#include "core/base/thread_team.h"

namespace rnnserve {

// The team of a worker that uses the cores of the other workers while they have nothing to do.
// While another worker is busy, the caller of Run computes alone, because helper threads would take
// a core away from a batch that needs it just as much.
//
// Owns the helper threads. Run and size are used by one thread at a time: the worker that leads the
// team. AddBusy is thread-safe.
class LoneTeam final : public Team {
 public:
  // REQUIRES: size is in [1, 256].
  explicit LoneTeam(int size) : team_(size) {}

  // Records that one of the other workers is busy from now on (1), or no longer (-1).
  void AddBusy(int change) { num_busy_.fetch_add(change, std::memory_order_relaxed); }

  void Run(int64_t num_pieces, absl::FunctionRef<void(int64_t)> piece) override;

  // Returns the number of threads that shared the last call of Run; 1 before the first.
  int size() const { return size_; }

 private:
  ThreadTeam team_;
  std::atomic<int> num_busy_{0};
  int size_ = 1;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_LONE_TEAM_H_
