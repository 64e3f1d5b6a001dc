// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests finding idle sessions, and leasing one that is still idle.

#include "core/session/idle_sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/core/session/session_table_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class IdleSamplerTest : public SessionTableFixture {
 protected:
  std::vector<std::string> Look(int64_t num_sessions,
                                absl::Duration min_idle = absl::ZeroDuration()) {
    std::vector<std::string> ids;
    for (const auto& session : table_->LookForIdle(num_sessions, min_idle)) {
      ids.push_back(session.id);
    }
    return ids;
  }
};

TEST_F(IdleSamplerTest, ALookGoesOnWhereTheLastOneEndedAndWrapsAround) {
  for (int i = 0; i < 5; ++i) OpenDurable(absl::StrCat("s", i));

  EXPECT_THAT(Look(2), ElementsAre("s0", "s1"));
  EXPECT_THAT(Look(2), ElementsAre("s2", "s3"));
  EXPECT_THAT(Look(2), ElementsAre("s4", "s0"));
  EXPECT_THAT(Look(100), UnorderedElementsAre("s0", "s1", "s2", "s3", "s4"));
}

TEST_F(IdleSamplerTest, OneLookSpansManyHoldsOfTheLock) {
  for (int i = 0; i < 1000; ++i) OpenDurable(absl::StrCat("s", i));

  EXPECT_EQ(Look(1000).size(), 1000u);
}

TEST_F(IdleSamplerTest, FindsSessionsThatAreFreeDurableIdleAndNotExpired) {
  OpenDurable("free");
  OpenDurable("leased");
  OpenDurable("expired", absl::Seconds(5));
  ASSERT_THAT(Open("not durable"), IsOk());
  clock_.Advance(absl::Seconds(10));
  OpenDurable("used");
  const SessionLease lease = Take("leased");

  EXPECT_THAT(Look(100, absl::Seconds(10)), ElementsAre("free"));
  EXPECT_THAT(Look(100), UnorderedElementsAre("free", "used"));
}

TEST_F(IdleSamplerTest, AnEmptyTableHasNone) { EXPECT_THAT(Look(100), IsEmpty()); }

TEST_F(IdleSamplerTest, ASessionUsedSinceTheLookIsNotLeased) {
  OpenDurable("s");
  const auto idle = table_->LookForIdle(1, absl::ZeroDuration());
  clock_.Advance(absl::Seconds(1));
  Take("s").Return();

  EXPECT_FALSE(table_->LeaseIdle(idle.at(0)).has_value());
  EXPECT_TRUE(table_->LeaseIdle(table_->LookForIdle(1, absl::ZeroDuration()).at(0)).has_value());
}

}  // namespace
}  // namespace rnnserve::testing
