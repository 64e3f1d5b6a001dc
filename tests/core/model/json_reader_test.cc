// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests documents at and beyond each limit of ParseJson.

#include "core/model/json_reader.h"

#include <gtest/gtest.h>

#include <string>

#include "core/model/limits.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Values;

constexpr int64_t kBytesMax = 1000;

std::string Nested(int depth) {
  return std::string(static_cast<size_t>(depth), '[') +
         std::string(static_cast<size_t>(depth), ']');
}

TEST(ParseJsonTest, ReturnsTheDocument) {
  const auto document =
      ParseJson(R"({"a": [1, 2.5, "x", null, true], "b": {"a": -1}})", kBytesMax, "doc");

  ASSERT_THAT(document, IsOk());
  EXPECT_EQ((*document)["a"], nlohmann::json({1, 2.5, "x", nullptr, true}));
  EXPECT_EQ((*document)["b"]["a"], -1);
}

TEST(ParseJsonTest, AcceptsAsManyBytesAsAllowedAndNoMore) {
  EXPECT_THAT(ParseJson("[1]", 3, "doc"), IsOk());
  EXPECT_THAT(ParseJson("[1]", 2, "doc"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("doc: 3 bytes; at most 2"),
                       "MODEL_TOO_LARGE"));
}

TEST(ParseJsonTest, AcceptsAsManyLevelsAsAllowedAndNoMore) {
  EXPECT_THAT(ParseJson(Nested(kJsonDepthMax), kBytesMax, "doc"), IsOk());
  EXPECT_THAT(ParseJson(Nested(kJsonDepthMax + 1), kBytesMax, "doc"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more than 64 levels"),
                       "MODEL_FORMAT"));
}

TEST(ParseJsonTest, SurvivesAMillionOpenBrackets) {
  const std::string text(1 << 20, '[');

  EXPECT_THAT(ParseJson(text, 1 << 20, "doc"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("levels"), "MODEL_FORMAT"));
}

TEST(ParseJsonTest, RefusesAKeyTwiceInOneObject) {
  EXPECT_THAT(ParseJson(R"({"a": 1, "b": {"a": 2}})", kBytesMax, "doc"), IsOk());
  EXPECT_THAT(ParseJson(R"({"units": 1, "b": 2, "units": 3})", kBytesMax, "doc"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'units' occurs twice"),
                       "MODEL_FORMAT"));
}

struct Malformed {
  const char* name;
  std::string text;
};

class ParseJsonMalformedTest : public ::testing::TestWithParam<Malformed> {};

TEST_P(ParseJsonMalformedTest, IsRefusedWithThePosition) {
  EXPECT_THAT(ParseJson(GetParam().text, kBytesMax, "doc"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("doc: not JSON at byte "),
                       "MODEL_FORMAT"));
}

INSTANTIATE_TEST_SUITE_P(, ParseJsonMalformedTest,
                         Values(Malformed{"Empty", ""}, Malformed{"CutOff", R"({"a": [1, )"},
                                Malformed{"Trailing", "{} x"},
                                Malformed{"NotANumber", R"({"a": NaN})"},
                                Malformed{"InfiniteNumber", R"({"a": 1e999})"},
                                Malformed{"InvalidUtf8", "{\"a\": \"\xC3\x28\"}"},
                                Malformed{"LoneSurrogate", R"({"a": "\uD800"})"},
                                Malformed{"NulByte", std::string("{\0}", 3)},
                                Malformed{"Comment", "// a\n{}"}),
                         [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace rnnserve::testing
