// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/base/status_macros.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "tests/support/status_matchers.h"

// Tests the two macros in functions that use them as production code does.

namespace rnnserve {
namespace {

using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::StatusIs;

absl::Status CountIfOk(const absl::Status& status, int& count) {
  RNNSERVE_RETURN_IF_ERROR(status);
  ++count;
  return absl::OkStatus();
}

absl::StatusOr<int> Sum(absl::StatusOr<std::unique_ptr<int>> a, absl::StatusOr<int> b) {
  RNNSERVE_ASSIGN_OR_RETURN(const std::unique_ptr<int> first, std::move(a));
  int second = 0;
  RNNSERVE_ASSIGN_OR_RETURN(second, std::move(b));
  return *first + second;
}

TEST(ReturnIfErrorTest, ContinuesAfterOk) {
  int count = 0;

  EXPECT_THAT(CountIfOk(absl::OkStatus(), count), IsOk());
  EXPECT_EQ(count, 1);
}

TEST(ReturnIfErrorTest, ReturnsTheError) {
  int count = 0;

  EXPECT_THAT(CountIfOk(absl::AbortedError("stop"), count),
              StatusIs(absl::StatusCode::kAborted, "stop"));
  EXPECT_EQ(count, 0);
}

TEST(AssignOrReturnTest, AssignsAndDeclares) {
  const absl::StatusOr<int> sum = Sum(std::make_unique<int>(2), 3);

  ASSERT_THAT(sum, IsOk());
  EXPECT_EQ(*sum, 5);
}

TEST(AssignOrReturnTest, ReturnsTheFirstError) {
  EXPECT_THAT(Sum(absl::AbortedError("a"), absl::NotFoundError("b")),
              StatusIs(absl::StatusCode::kAborted, "a"));
  EXPECT_THAT(Sum(std::make_unique<int>(2), absl::NotFoundError("b")),
              StatusIs(absl::StatusCode::kNotFound, "b"));
}

}  // namespace
}  // namespace rnnserve
