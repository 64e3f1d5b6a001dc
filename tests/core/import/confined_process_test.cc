// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests confined work that succeeds, fails, crashes or never ends.

#include "core/import/confined_process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <vector>

#include "core/base/error.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

constexpr ProcessLimits kLimits = {uint64_t{1} << 30, 5};

TEST(ConfinedProcessTest, ReturnsWhatTheWorkReturns) {
  const std::string text(100000, 'x');

  EXPECT_EQ(RunConfined(kLimits, [&] { return text; }).value(), text);
  EXPECT_EQ(RunConfined(kLimits, [] { return "a\nb\nc\n"; }).value(), "a\nb\nc\n");
}

TEST(ConfinedProcessTest, ReturnsTheErrorOfTheWork) {
  EXPECT_THAT(
      RunConfined(
          kLimits,
          [] { return MakeError(absl::StatusCode::kUnimplemented, "NO_SUCH", "two\nlines"); }),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("two\nlines"), "NO_SUCH"));
}

TEST(ConfinedProcessTest, ASignalMeansADamagedFile) {
  EXPECT_THAT(RunConfined(kLimits,
                          []() -> std::string {
                            signal(SIGSEGV, SIG_DFL);
                            raise(SIGSEGV);
                            return "";
                          }),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("crashed (signal 11"),
                       "MODEL_FORMAT"));
}

TEST(ConfinedProcessTest, EndsWorkThatDoesNotEnd) {
  EXPECT_THAT(RunConfined({kLimits.memory_bytes, 1},
                          []() -> std::string {
                            while (getpid() != 0) {
                            }
                            return "";
                          }),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("more than 1 s"),
                       "MODEL_TOO_LARGE"));
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// Under a sanitizer there is no memory limit, because sanitizers need terabytes of address space.
TEST(ConfinedProcessTest, RefusesMoreMemory) {
  EXPECT_THAT(RunConfined({uint64_t{256} << 20, 5},
                          [] { return std::string(uint64_t{512} << 20, 'x').substr(0, 1); }),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("268435456 bytes"),
                       "MODEL_TOO_LARGE"));
}
#endif

}  // namespace
}  // namespace rnnserve::testing
