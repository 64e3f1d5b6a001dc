// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests programs that succeed, fail, run too long or do not exist.

#include "server/subprocess.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rnnserve::server {
namespace {

using ::absl::StatusCode;
using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::StatusIs;
using ::testing::HasSubstr;

absl::StatusOr<SubprocessResult> RunShell(const std::string& script, absl::Duration timeout) {
  return RunSubprocess({"/bin/sh", "-c", script}, timeout);
}

TEST(SubprocessTest, ReturnsExitCodeAndErrorOutput) {
  const auto result = RunShell("echo trouble >&2; exit 3", absl::Seconds(30));

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->exit_code, 3);
  EXPECT_EQ(result->error_output, "trouble\n");
}

TEST(SubprocessTest, ReturnsTheSignalThatEndedIt) {
  const auto result = RunShell("kill -9 $$", absl::Seconds(30));

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->exit_code, 128 + 9);
}

TEST(SubprocessTest, KeepsOnlyTheStartOfALongErrorOutput) {
  const auto result = RunShell("yes | head -c 200000 >&2", absl::Seconds(30));

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->error_output.size(), 64u << 10);
}

TEST(SubprocessTest, KillsAProgramThatRunsTooLong) {
  EXPECT_THAT(RunShell("exec sleep 600", absl::Milliseconds(50)),
              StatusIs(StatusCode::kDeadlineExceeded, HasSubstr("50ms"), "PROGRAM_TIMEOUT"));
}

TEST(SubprocessTest, AMissingProgramIsNotFound) {
  EXPECT_THAT(RunSubprocess({"/nonexistent/program"}, absl::Seconds(1)),
              StatusIs(StatusCode::kNotFound, HasSubstr("/nonexistent/program"), "PROGRAM"));
}

}  // namespace
}  // namespace rnnserve::server
