// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the waits between attempts: they double up to the longest, and each is shortened at random
// by up to half.

#include "client/cpp/backoff.h"

#include <gtest/gtest.h>

namespace rnnserve::client {
namespace {

void ExpectUpperHalf(absl::Duration rest, absl::Duration longest) {
  EXPECT_GT(rest, longest / 2);
  EXPECT_LE(rest, longest);
}

TEST(BackoffTest, DoublesUpToTheLongestWait) {
  Backoff backoff(absl::Milliseconds(20), absl::Milliseconds(50), 1);

  ExpectUpperHalf(backoff.Next(), absl::Milliseconds(20));
  ExpectUpperHalf(backoff.Next(), absl::Milliseconds(40));
  ExpectUpperHalf(backoff.Next(), absl::Milliseconds(50));
  ExpectUpperHalf(backoff.Next(), absl::Milliseconds(50));
}

TEST(BackoffTest, BeginsAgainAfterAReset) {
  Backoff backoff(absl::Milliseconds(20), absl::Seconds(1), 1);
  backoff.Next();
  backoff.Next();

  backoff.Reset();

  ExpectUpperHalf(backoff.Next(), absl::Milliseconds(20));
}

TEST(BackoffTest, DiffersFromSeedToSeed) {
  Backoff a(absl::Seconds(1), absl::Seconds(1), 1);
  Backoff b(absl::Seconds(1), absl::Seconds(1), 2);
  Backoff same_as_a(absl::Seconds(1), absl::Seconds(1), 1);

  const absl::Duration first = a.Next();
  EXPECT_NE(first, b.Next());
  EXPECT_EQ(first, same_as_a.Next());
}

TEST(BackoffTest, AcceptsAnySeed) {
  Backoff backoff(absl::Seconds(1), absl::Seconds(1), 0);

  EXPECT_NE(backoff.Next(), backoff.Next());
}

}  // namespace
}  // namespace rnnserve::client
