// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/panel_range.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "core/base/thread_team.h"

namespace rnnserve {
namespace {

// Returns the ranges that SharePanels passes to the step for `num_panels` panels.
std::vector<PanelRange> RangesOf(Team* team, int64_t num_panels, int64_t weight_bytes) {
  absl::Mutex mu;
  std::vector<PanelRange> ranges;
  SharePanels(team, num_panels, weight_bytes, [&](PanelRange range) {
    absl::MutexLock lock(&mu);
    ranges.push_back(range);
  });
  return ranges;
}

TEST(PanelRangeTest, SharesEveryPanelOnce) {
  ThreadTeam team(2);
  for (const int64_t num_panels : {1, 7, 8, 9, 64, 67}) {
    std::vector<int> seen(static_cast<size_t>(num_panels), 0);
    const auto ranges = RangesOf(&team, num_panels, kMinSharedBytes);
    for (const PanelRange& range : ranges) {
      for (int64_t p = range.begin; p < range.end; ++p) ++seen[static_cast<size_t>(p)];
    }
    EXPECT_EQ(seen, std::vector<int>(static_cast<size_t>(num_panels), 1)) << num_panels;
    EXPECT_EQ(ranges.size(), static_cast<size_t>((num_panels + 7) / 8)) << num_panels;
  }
}

TEST(PanelRangeTest, SmallStepsAndStepsWithoutATeamAreNotShared) {
  ThreadTeam team(2);

  for (const auto& ranges :
       {RangesOf(&team, 64, kMinSharedBytes - 1), RangesOf(nullptr, 64, kMinSharedBytes)}) {
    ASSERT_EQ(ranges.size(), 1);
    EXPECT_EQ(ranges[0].begin, 0);
    EXPECT_EQ(ranges[0].end, 64);
  }
}

}  // namespace
}  // namespace rnnserve
