// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that LoneTeam shares the pieces while no other worker is busy, and otherwise lets the
// caller compute alone.

#include "core/batching/lone_team.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <thread>
#include <vector>

namespace rnnserve::testing {
namespace {

TEST(LoneTeamTest, CallsEveryPieceOnceWhoeverIsBusy) {
  LoneTeam team(3);
  for (const int busy : {0, 1, 1, -1, -1}) {
    team.AddBusy(busy);
    std::vector<int> calls(20, 0);
    team.Run(20, [&](int64_t i) { ++calls[static_cast<size_t>(i)]; });
    EXPECT_EQ(calls, std::vector<int>(20, 1));
  }
}

TEST(LoneTeamTest, TheCallerComputesAloneWhileAnotherIsBusy) {
  LoneTeam team(3);
  EXPECT_EQ(team.size(), 1);
  team.AddBusy(1);
  team.AddBusy(1);
  team.AddBusy(-1);

  int64_t next = 0;
  team.Run(20, [&, caller = std::this_thread::get_id()](int64_t i) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    EXPECT_EQ(i, next++);
  });
  EXPECT_EQ(team.size(), 1);

  team.AddBusy(-1);
  team.Run(20, [](int64_t) {});
  EXPECT_EQ(team.size(), 3);
}

}  // namespace
}  // namespace rnnserve::testing
