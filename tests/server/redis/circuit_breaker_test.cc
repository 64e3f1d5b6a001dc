// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Drives a CircuitBreaker by hand with times in milliseconds.

#include "server/redis/circuit_breaker.h"

#include <gtest/gtest.h>

namespace rnnserve {
namespace {

using State = CircuitBreaker::State;

absl::Time At(int milliseconds) { return absl::UnixEpoch() + absl::Milliseconds(milliseconds); }

class CircuitBreakerTest : public ::testing::Test {
 protected:
  // Reports failures until the breaker opens.
  void OpenAt(int milliseconds) {
    for (int i = 0; i < 3; ++i) breaker_.Failed(At(milliseconds));
  }

  CircuitBreaker breaker_{{.max_failures = 3,
                           .max_silence = absl::Milliseconds(800),
                           .min_pause = absl::Milliseconds(50),
                           .max_pause = absl::Milliseconds(150)}};
};

TEST_F(CircuitBreakerTest, IsClosedAtFirst) {
  EXPECT_TRUE(breaker_.Allow(At(0)));
  EXPECT_EQ(breaker_.state(), State::kClosed);
  EXPECT_EQ(breaker_.next_event(), absl::InfiniteFuture());
}

TEST_F(CircuitBreakerTest, OpensAfterFailuresInARow) {
  breaker_.Failed(At(0));
  breaker_.Failed(At(0));
  EXPECT_TRUE(breaker_.Allow(At(0)));

  breaker_.Failed(At(0));

  EXPECT_EQ(breaker_.state(), State::kOpen);
  EXPECT_FALSE(breaker_.Allow(At(0)));
}

TEST_F(CircuitBreakerTest, AnAnswerResetsTheCountOfFailures) {
  breaker_.Failed(At(0));
  breaker_.Failed(At(0));
  breaker_.Answered(At(0), false);

  breaker_.Failed(At(0));
  breaker_.Failed(At(0));

  EXPECT_EQ(breaker_.state(), State::kClosed);
}

TEST_F(CircuitBreakerTest, OpensAfterSilence) {
  breaker_.Sent(At(100));
  breaker_.Sent(At(700));
  EXPECT_EQ(breaker_.next_event(), At(900));
  EXPECT_FALSE(breaker_.CheckSilence(At(899)));

  EXPECT_TRUE(breaker_.CheckSilence(At(900)));

  EXPECT_EQ(breaker_.state(), State::kOpen);
  EXPECT_FALSE(breaker_.CheckSilence(At(2000)));
}

TEST_F(CircuitBreakerTest, EveryAnswerBreaksTheSilence) {
  breaker_.Sent(At(0));
  breaker_.Answered(At(700), true);

  EXPECT_FALSE(breaker_.CheckSilence(At(1499)));
  EXPECT_TRUE(breaker_.CheckSilence(At(1500)));
}

TEST_F(CircuitBreakerTest, SilenceCountsOnlyWhileAnAnswerIsAwaited) {
  breaker_.Sent(At(0));
  breaker_.Answered(At(10), false);

  EXPECT_FALSE(breaker_.CheckSilence(At(100'000)));
}

TEST_F(CircuitBreakerTest, LetsOneProbeThroughAfterThePause) {
  OpenAt(0);
  EXPECT_EQ(breaker_.next_event(), At(50));
  EXPECT_FALSE(breaker_.Allow(At(49)));

  EXPECT_TRUE(breaker_.Allow(At(50)));

  EXPECT_EQ(breaker_.state(), State::kHalfOpen);
  EXPECT_FALSE(breaker_.Allow(At(50)));
}

TEST_F(CircuitBreakerTest, TheAnswerOfTheProbeClosesIt) {
  OpenAt(0);
  breaker_.Allow(At(50));

  breaker_.Answered(At(60), false);

  EXPECT_EQ(breaker_.state(), State::kClosed);
  EXPECT_TRUE(breaker_.Allow(At(60)));
}

TEST_F(CircuitBreakerTest, PausesDoubleUpToTheirLimit) {
  OpenAt(0);
  EXPECT_TRUE(breaker_.Allow(At(50)));
  breaker_.Failed(At(50));
  EXPECT_EQ(breaker_.next_event(), At(150));
  EXPECT_TRUE(breaker_.Allow(At(150)));
  breaker_.Failed(At(150));
  EXPECT_EQ(breaker_.next_event(), At(300));
  EXPECT_TRUE(breaker_.Allow(At(300)));

  breaker_.Failed(At(300));

  EXPECT_EQ(breaker_.next_event(), At(450));
}

TEST_F(CircuitBreakerTest, PausesAreShortAgainAfterAnAnswer) {
  OpenAt(0);
  breaker_.Allow(At(50));
  breaker_.Failed(At(50));
  breaker_.Allow(At(150));
  breaker_.Answered(At(150), false);

  OpenAt(200);

  EXPECT_EQ(breaker_.next_event(), At(250));
}

TEST_F(CircuitBreakerTest, ASilentProbeOpensItAgain) {
  OpenAt(0);
  breaker_.Allow(At(50));
  breaker_.Sent(At(50));

  EXPECT_TRUE(breaker_.CheckSilence(At(850)));

  EXPECT_EQ(breaker_.state(), State::kOpen);
}

TEST_F(CircuitBreakerTest, OneFailureOpensItIfTheLimitIsOne) {
  CircuitBreaker nervous({.max_failures = 1});

  nervous.Failed(At(0));

  EXPECT_EQ(nervous.state(), State::kOpen);
}

}  // namespace
}  // namespace rnnserve
