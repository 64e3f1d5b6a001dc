// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/files/number_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(NumberLinesTest, ReadsDoublesAndSkipsCommentsAndEmptyLines) {
  EXPECT_THAT(*ParseNumberLines("# times\n1700000000.000001\r\n\n  -2.5e-3 # later\n7"),
              ElementsAre(1700000000.000001, -0.0025, 7));
}

TEST(NumberLinesTest, NamesTheLineThatIsNotANumber) {
  for (const char* wrong : {"1\nx\n", "1\n1,2\n", "1\nnan\n", "1\ninf\n", "1\n1 2\n"}) {
    EXPECT_THAT(ParseNumberLines(wrong),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("line 2: ")))
        << wrong;
  }
}

TEST(NumberLinesTest, RefusesAnEmptyFile) {
  EXPECT_THAT(ParseNumberLines("\n# nothing\n"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no number")));
}

}  // namespace
}  // namespace rnnserve::client
