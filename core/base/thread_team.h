// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BASE_THREAD_TEAM_H_
#define RNNSERVE_CORE_BASE_THREAD_TEAM_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "core/base/team.h"

namespace rnnserve {

// Threads that compute one thing together: the one that calls Run, and helpers that wait for it.
//
// Each member has the same part of the pieces in every call of that size, so that what a piece
// reads stays in the cache of one core; who is done with its own takes over what others have not
// begun, so that a helper whose core is busy with something else holds nobody up for longer than
// one piece.
//
// Helpers look for the next call for about 50 microseconds without pause, because a cell step is
// often shorter than waking up a thread takes; then they sleep.
//
// Owns the helpers. Used by one thread at a time, the one that calls Run.
class ThreadTeam final : public Team {
 public:
  // REQUIRES: size is in [1, 256].
  explicit ThreadTeam(int size);
  ~ThreadTeam() override;
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  // The members, the caller of Run among them.
  int size() const { return static_cast<int>(parts_.size()); }

  void Run(int64_t num_pieces, absl::FunctionRef<void(int64_t)> piece) override;

 private:
  // The pieces of one member that nobody has begun: those from the low half of the word up to the
  // high half. In one word, so that a helper that comes late, when a later call runs already, takes
  // a piece of that call or none. On a cache line of its own.
  struct alignas(64) Part {
    std::atomic<uint64_t> remaining{0};
  };

  void Help(int member);
  // Takes pieces until none is left, those of `member` first.
  void TakePieces(int member);

  std::vector<Part> parts_;
  // Of the call that runs. Written by the caller before it hands out pieces, so whoever holds a
  // piece may read it.
  const absl::FunctionRef<void(int64_t)>* piece_ = nullptr;
  alignas(64) std::atomic<int64_t> num_finished_{0};
  // Grows with every call, and once more at the end; helpers wait for it to change.
  alignas(64) std::atomic<uint32_t> num_calls_{0};
  std::atomic<bool> is_ending_{false};
  std::vector<std::thread> helpers_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BASE_THREAD_TEAM_H_
