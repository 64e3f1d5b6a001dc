// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that one thread can serve many lines: callbacks are never nested, whatever they do, and the
// stack does not grow.

#include "core/session/line_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/base/attributes.h"
#include "tests/core/session/session_table_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;

// Returns the address at which the running thread's stack now ends. The address of a local variable
// would not do, because AddressSanitizer keeps locals elsewhere.
ABSL_ATTRIBUTE_NOINLINE uintptr_t StackDepth() {
  return reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
}

class LineServerTest : public SessionTableFixture {};

TEST_F(LineServerTest, ACallInsideACallbackGetsInLine) {
  Open("a").IgnoreError();
  std::vector<int> order;
  table_->Lease("a", [&](absl::StatusOr<SessionLease>) {
    table_->Lease("a", [&](absl::StatusOr<SessionLease>) { order.push_back(2); });
    order.push_back(1);
  });

  EXPECT_THAT(order, ElementsAre(1, 2));
}

TEST_F(LineServerTest, ALongLineDoesNotDeepenTheStack) {
  constexpr int kCallers = 100'000;
  SessionTable::Options options;
  options.max_waiting = kCallers;
  Restart(options);
  Open("a").IgnoreError();
  const Turn holder = Wait("a");
  uintptr_t lowest = std::numeric_limits<uintptr_t>::max();
  uintptr_t highest = 0;
  int num_served = 0;
  for (int i = 0; i < kCallers; ++i) {
    table_->Lease("a", [&](absl::StatusOr<SessionLease>) {
      lowest = std::min(lowest, StackDepth());
      highest = std::max(highest, StackDepth());
      ++num_served;
    });
  }

  Return(holder);

  EXPECT_EQ(num_served, kCallers);
  EXPECT_LT(highest - lowest, 4096u);
}

// Each caller waits for two sessions, one of which the previous caller is waiting for too.
TEST_F(LineServerTest, ALongChainOfSessionsDoesNotDeepenTheStack) {
  constexpr int kSessions = 2'000;
  Restart({});
  for (int i = 0; i < kSessions; ++i) Open(std::to_string(i)).IgnoreError();
  const Turn holder = Wait("0");
  uintptr_t lowest = std::numeric_limits<uintptr_t>::max();
  uintptr_t highest = 0;
  int num_served = 0;
  for (int i = 1; i < kSessions; ++i) {
    table_->LeaseAll({std::to_string(i - 1), std::to_string(i)}, [&](const auto& leases) {
      lowest = std::min(lowest, StackDepth());
      highest = std::max(highest, StackDepth());
      if (leases.ok()) ++num_served;
    });
  }
  ASSERT_EQ(num_served, 0);

  Return(holder);

  EXPECT_EQ(num_served, kSessions - 1);
  EXPECT_LT(highest - lowest, 4096u);
}

}  // namespace
}  // namespace rnnserve::testing
