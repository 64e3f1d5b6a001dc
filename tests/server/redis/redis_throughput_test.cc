// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Measures and prints the duration of ten thousand checkpoints, and checks that all of them arrive.
// The duration is not checked, because it depends on the machine.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/time/clock.h"
#include "tests/server/redis/store_calls.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

TEST(RedisThroughputTest, TenThousandWritesOf16KiBArrive) {
  constexpr int kNumWrites = 10'000;
  const std::string bytes(16 << 10, 'x');
  auto redis = RedisProcess::Start();
  ASSERT_THAT(redis, IsOk());
  auto store = OpenStore(**redis);
  ASSERT_THAT(store, IsOk());
  absl::BlockingCounter num_missing(kNumWrites);
  std::atomic<int> num_stored = 0;

  const absl::Time start = absl::Now();
  for (int i = 0; i < kNumWrites; ++i) {
    (*store)->Write({absl::StrCat(i), kOwner, bytes, absl::Hours(1)}, [&](absl::Status status) {
      num_stored += status.ok() ? 1 : 0;
      num_missing.DecrementCount();
    });
  }
  const absl::Duration called = absl::Now() - start;
  num_missing.Wait();
  const absl::Duration stored = absl::Now() - start;

  EXPECT_EQ(num_stored, kNumWrites);
  EXPECT_EQ((*redis)->Command({"DBSIZE"}), absl::StrCat(kNumWrites));
  std::printf("10 000 writes of 16 KiB: called in %.3f s, stored in %.3f s\n",
              absl::ToDoubleSeconds(called), absl::ToDoubleSeconds(stored));
}

}  // namespace
}  // namespace rnnserve::testing
