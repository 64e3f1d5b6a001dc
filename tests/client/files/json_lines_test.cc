// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests reading and writing sequences as JSON lines, and the line that errors name.

#include "client/files/json_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/support/status_matchers.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr InputKind kOneFeature{false, 1};
constexpr InputKind kTwoFeatures{false, 2};
constexpr InputKind kTokens{true, 1};

TEST(JsonLinesTest, ReadsArraysAndObjects) {
  EXPECT_THAT(
      ParseJsonLines("[[1.5, -2], [3, 4]]\n\n{\"label\": 3, \"frames\": [[5, 6]]}\n", kTwoFeatures)
          .value(),
      ElementsAre(Tensor({2, 2}, std::vector<float>{1.5f, -2, 3, 4}),
                  Tensor({1, 2}, std::vector<float>{5, 6})));
}

TEST(JsonLinesTest, ReadsPlainNumbersAsTimesteps) {
  EXPECT_THAT(ParseJsonLines("[0.5, 2]", kOneFeature).value(),
              ElementsAre(Tensor({2, 1}, std::vector<float>{0.5f, 2})));
  EXPECT_THAT(ParseJsonLines("[7, 0]", kTokens).value(),
              ElementsAre(Tensor({2}, std::vector<int32_t>{7, 0})));
}

struct BadLine {
  const char* name;
  const char* line;
  const char* message;
};

class BadJsonLineTest : public ::testing::TestWithParam<BadLine> {};

TEST_P(BadJsonLineTest, IsNamed) {
  const std::string text = std::string("[[1, 2]]\n") + GetParam().line;

  EXPECT_THAT(ParseJsonLines(text, kTwoFeatures),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    , BadJsonLineTest,
    ::testing::Values(BadLine{"NoJson", "[[1, 2]", "line 2: is not JSON"},
                      BadLine{"NoFrames", "{\"data\": []}", "line 2: has no \"frames\""},
                      BadLine{"NoArray", "\"text\"", "line 2: has no array"},
                      BadLine{"NoTimestep", "[]", "line 2: the sequence has no timestep"},
                      BadLine{"AnotherWidth", "[[1, 2], [3]]", "timestep 1 has 1 numbers"},
                      BadLine{"AWord", "[[1, 2], [3, \"x\"]]", "line 2: timestep 1 is neither"},
                      BadLine{"AnObject", "[{\"a\": 1}]", "line 2: timestep 0 is neither"}),
    [](const auto& test) { return test.param.name; });

TEST(JsonLinesTest, WritesOutputs) {
  EXPECT_EQ(FormatJsonLines({Tensor({2, 1}, std::vector<float>{0.1f, 2}),
                             Tensor({1, 1}, std::vector<float>{-3})}),
            "{\"sequence\":0,\"output\":[[0.1],[2]]}\n{\"sequence\":1,\"output\":[[-3]]}\n");
  EXPECT_EQ(FormatJsonLines({Tensor({2}, std::vector<float>{0.5f, 1})}),
            "{\"sequence\":0,\"output\":[0.5,1]}\n");
}

TEST(JsonLinesTest, WritesNullForNumbersThatJsonLacks) {
  EXPECT_EQ(
      FormatJsonLines({Tensor({1}, std::vector<float>{std::numeric_limits<float>::quiet_NaN()})}),
      "{\"sequence\":0,\"output\":[null]}\n");
}

}  // namespace
}  // namespace rnnserve::client
