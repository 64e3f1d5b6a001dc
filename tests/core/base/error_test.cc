// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

// Tests errors, which carry a reason for programs and sometimes a delay or numbers. All of these
// must survive Annotate.

namespace rnnserve {
namespace {

using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::StatusIs;

TEST(ErrorTest, MakeErrorCarriesCodeReasonAndText) {
  const absl::Status status =
      MakeError(absl::StatusCode::kUnimplemented, "LAYER_UNSUPPORTED", "no Conv9D");

  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented, "no Conv9D", "LAYER_UNSUPPORTED"));
}

TEST(ErrorTest, ShorthandsReturnTheCodeInTheirName) {
  EXPECT_THAT(InvalidArgument("A", "a"), StatusIs(absl::StatusCode::kInvalidArgument, "a", "A"));
  EXPECT_THAT(NotFound("B", "b"), StatusIs(absl::StatusCode::kNotFound, "b", "B"));
  EXPECT_THAT(FailedPrecondition("C", "c"),
              StatusIs(absl::StatusCode::kFailedPrecondition, "c", "C"));
  EXPECT_THAT(ResourceExhausted("D", "d", absl::Seconds(1)),
              StatusIs(absl::StatusCode::kResourceExhausted, "d", "D"));
}

TEST(ErrorTest, AnErrorMadeElsewhereHasNoReason) {
  EXPECT_EQ(ErrorReason(absl::NotFoundError("text")), "");
  EXPECT_EQ(ErrorReason(absl::OkStatus()), "");
}

TEST(ErrorTest, RetryDelayReturnsTheDelayOfResourceExhausted) {
  EXPECT_EQ(RetryDelay(ResourceExhausted("QUEUE_FULL", "full", absl::Milliseconds(12.5))),
            absl::Milliseconds(12.5));
  EXPECT_EQ(RetryDelay(NotFound("A", "a")), absl::ZeroDuration());
}

TEST(ErrorTest, NumbersAreReadByNameAndSurviveAnnotate) {
  const absl::Status status = Annotate(
      WithNumber(WithNumber(NotFound("A", "a"), "version", 3), "epoch", UINT64_MAX), "prefix");

  EXPECT_EQ(ErrorNumber(status, "version"), 3u);
  EXPECT_EQ(ErrorNumber(status, "epoch"), UINT64_MAX);
  EXPECT_EQ(ErrorNumber(status, "index"), std::nullopt);
  EXPECT_EQ(ErrorNumbers(status).size(), 2u);
  EXPECT_TRUE(ErrorNumbers(NotFound("A", "a")).empty());
}

TEST(ErrorTest, ANumberReplacesOneOfTheSameName) {
  const absl::Status status = WithNumber(WithNumber(NotFound("A", "a"), "epoch", 1), "epoch", 2);

  EXPECT_EQ(ErrorNumber(status, "epoch"), 2u);
}

TEST(ErrorTest, AnnotatePutsThePrefixInFrontAndKeepsTheRest) {
  const absl::Status annotated =
      Annotate(ResourceExhausted("QUEUE_FULL", "4096 steps wait", absl::Seconds(2)), "model 'm'");

  EXPECT_THAT(annotated, StatusIs(absl::StatusCode::kResourceExhausted,
                                  "model 'm': 4096 steps wait", "QUEUE_FULL"));
  EXPECT_EQ(RetryDelay(annotated), absl::Seconds(2));
}

TEST(ErrorTest, AnnotateKeepsOk) { EXPECT_THAT(Annotate(absl::OkStatus(), "x"), IsOk()); }

}  // namespace
}  // namespace rnnserve
