// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/base/thread_team.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"

namespace rnnserve {
namespace {

TEST(ThreadTeamTest, CallsEveryPieceOnce) {
  for (const int size : {1, 2, 3, 8}) {
    ThreadTeam team(size);
    for (const int64_t num_pieces : {0, 1, 2, 7, 8, 100}) {
      // The counters are not atomic: the team must make a helper's writes visible and run no piece
      // twice.
      std::vector<int> calls(static_cast<size_t>(num_pieces), 0);
      team.Run(num_pieces, [&](int64_t i) { ++calls[static_cast<size_t>(i)]; });
      EXPECT_EQ(calls, std::vector<int>(static_cast<size_t>(num_pieces), 1))
          << size << " members, " << num_pieces << " pieces";
    }
  }
}

TEST(ThreadTeamTest, ConsecutiveCallsNeitherLoseNorRepeatAPiece) {
  // The sizes differ, so that helpers that wake up late run into a later call of another size.
  ThreadTeam team(3);
  int64_t expected = 0;
  std::atomic<int64_t> sum{0};
  for (int64_t call = 0; call < 20'000; ++call) {
    const int64_t num_pieces = call % 5;
    for (int64_t i = 0; i < num_pieces; ++i) expected += call + i;
    team.Run(num_pieces, [&](int64_t i) { sum.fetch_add(call + i, std::memory_order_relaxed); });
    ASSERT_EQ(sum.load(), expected) << "after call " << call;
  }
}

TEST(ThreadTeamTest, TheCallerStealsPiecesThatHelpersHaveNotBegun) {
  // One piece holds its helper until the caller has finished all other pieces.
  constexpr int64_t kPieces = 16;
  ThreadTeam team(2);
  const std::thread::id caller = std::this_thread::get_id();
  absl::Mutex mu;
  int64_t by_caller = 0;
  int64_t by_helper = 0;
  team.Run(kPieces, [&](int64_t) {
    absl::MutexLock lock(&mu);
    if (std::this_thread::get_id() == caller) {
      ++by_caller;
      return;
    }
    ++by_helper;
    const auto others_are_done = [&] { return by_caller == kPieces - 1; };
    if (by_helper == 1) mu.Await(absl::Condition(&others_are_done));
  });
  EXPECT_EQ(by_caller + by_helper, kPieces);
  EXPECT_GE(by_caller, kPieces - 1);
}

TEST(ThreadTeamTest, SleepingHelpersWakeUp) {
  ThreadTeam team(2);
  const std::thread::id caller = std::this_thread::get_id();
  absl::Mutex mu;
  bool helper_came = false;
  for (int call = 0; call < 3; ++call) {
    helper_came = false;
    // The caller's piece waits for the helper's piece, so the call only ends if the helper wakes
    // up, however long it has slept.
    team.Run(2, [&](int64_t) {
      absl::MutexLock lock(&mu);
      if (std::this_thread::get_id() != caller) {
        helper_came = true;
      } else {
        mu.Await(absl::Condition(&helper_came));
      }
    });
    EXPECT_TRUE(helper_came);
  }
}

TEST(ThreadTeamTest, CanBeDestroyedWithoutARun) { ThreadTeam team(4); }

}  // namespace
}  // namespace rnnserve
