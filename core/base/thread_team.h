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

// A team of threads: the thread that calls Run, and helper threads that wait for its calls.
//
// Each member starts with the same part of the pieces in every call of the same size, so that the
// data of a piece stays in the cache of one core. A member that has finished its own part steals
// pieces that others have not begun, so that a helper whose core is busy with something else delays
// the call by one piece at most.
//
// Helpers spin for about 50 microseconds before they sleep, because a cell step is often shorter
// than the time it takes to wake a thread.
//
// Owns the helpers. Used by one thread at a time: the one that calls Run.
class ThreadTeam final : public Team {
 public:
  // REQUIRES: size is in [1, 256].
  explicit ThreadTeam(int size);
  ~ThreadTeam() override;
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  // Returns the number of members, including the caller of Run.
  int size() const { return static_cast<int>(parts_.size()); }

  void Run(int64_t num_pieces, absl::FunctionRef<void(int64_t)> piece) override;

 private:
  // The pieces of one member that nobody has begun: [low half, high half) of the word. Both bounds
  // are in one word so that a helper that wakes up late, during a later call, takes a piece of that
  // later call or none. Aligned to a cache line against false sharing.
  struct alignas(64) Part {
    std::atomic<uint64_t> remaining{0};
  };

  // The main loop of a helper: waits for calls and takes part in them until the team ends.
  void Help(int member);
  // Runs pieces until none are left, starting with the pieces of `member`.
  void TakePieces(int member);

  std::vector<Part> parts_;
  // The function of the current call. The caller writes it before it publishes the parts with a
  // release store, so every thread that has acquired a piece may read it.
  const absl::FunctionRef<void(int64_t)>* piece_ = nullptr;
  alignas(64) std::atomic<int64_t> num_finished_{0};
  // Incremented by every call of Run and once by the destructor; helpers wait for it to change.
  alignas(64) std::atomic<uint32_t> num_calls_{0};
  std::atomic<bool> is_ending_{false};
  std::vector<std::thread> helpers_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BASE_THREAD_TEAM_H_
