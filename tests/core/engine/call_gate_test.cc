// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests which calls a CallGate lets in, and when it reports that none is running.

#include "core/engine/call_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <thread>
#include <utility>

#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

bool IsIdle(CallGate& gate) { return gate.WaitUntilIdle(absl::ZeroDuration()); }

TEST(CallGateTest, IsIdleWithoutPasses) {
  CallGate gate;

  EXPECT_TRUE(IsIdle(gate));
}

TEST(CallGateTest, CountsEveryPassAndItsCopies) {
  CallGate gate;
  std::optional<CallGate::Pass> first = gate.Enter();
  std::optional<CallGate::Pass> copy = *first;
  std::optional<CallGate::Pass> moved = std::move(*copy);

  first.reset();
  copy.reset();
  EXPECT_FALSE(IsIdle(gate));
  moved.reset();
  EXPECT_TRUE(IsIdle(gate));
}

TEST(CallGateTest, RefusesWorkOnceClosed) {
  CallGate gate;
  EXPECT_THAT(gate.EnterWithWork(), IsOk());

  gate.Close();

  EXPECT_THAT(gate.EnterWithWork(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("draining"), "DRAINING"));
  EXPECT_TRUE(IsIdle(gate));
  const CallGate::Pass look_after = gate.Enter();
  EXPECT_FALSE(IsIdle(gate));
}

TEST(CallGateTest, RefusesSessionsBeforeWork) {
  CallGate gate;
  EXPECT_THAT(gate.EnterWithSession(), IsOk());

  gate.CloseToSessions();

  EXPECT_THAT(gate.EnterWithSession(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("no new sessions"), "DRAINING"));
  EXPECT_THAT(gate.EnterWithWork(), IsOk());
  gate.Close();
  EXPECT_THAT(gate.EnterWithSession(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("draining"), "DRAINING"));
}

TEST(CallGateTest, WaitsForTheLastPass) {
  CallGate gate;
  bool is_done = false;
  std::optional<CallGate::Pass> pass = gate.Enter();
  std::thread worker([&is_done, &pass] {
    is_done = true;
    pass.reset();
  });

  EXPECT_TRUE(gate.WaitUntilIdle(absl::InfiniteDuration()));

  EXPECT_TRUE(is_done);
  worker.join();
}

}  // namespace
}  // namespace rnnserve::testing
