// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests reading and writing sequences as CSV, with and without a header, and the line that errors
// name.

#include "client/files/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr InputKind kTwoFeatures{false, 2};
constexpr InputKind kTokens{true, 1};

TEST(CsvTest, IsOneSequenceWithoutAHeader) {
  EXPECT_THAT(ParseCsv("1.5,-2\n3, 4\r\n\n", kTwoFeatures).value(),
              ElementsAre(Tensor({2, 2}, std::vector<float>{1.5f, -2, 3, 4})));
}

TEST(CsvTest, ReadsEveryNamedColumnAsAFeature) {
  EXPECT_THAT(ParseCsv("left,right\n1,2\n", kTwoFeatures).value(),
              ElementsAre(Tensor({1, 2}, std::vector<float>{1, 2})));
}

TEST(CsvTest, SeparatesSequencesByTheirColumn) {
  EXPECT_THAT(ParseCsv("x0,sequence,time,x1\n1,a,0,2\n3,a,1,4\n5,b,0,6\n", kTwoFeatures).value(),
              ElementsAre(Tensor({2, 2}, std::vector<float>{1, 2, 3, 4}),
                          Tensor({1, 2}, std::vector<float>{5, 6})));
}

TEST(CsvTest, ReadsTokenIds) {
  EXPECT_THAT(ParseCsv("7\n0\n", kTokens).value(),
              ElementsAre(Tensor({2}, std::vector<int32_t>{7, 0})));
}

TEST(CsvTest, NamesTheLineWithAWord) {
  EXPECT_THAT(ParseCsv("1,2\n3,x\n", kTwoFeatures),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("line 2: 'x'")));
}

TEST(CsvTest, NamesTheLineWithAnotherLength) {
  EXPECT_THAT(ParseCsv("1,2\n3\n", kTwoFeatures),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("line 2: has 1 fields; the first line has 2")));
}

TEST(CsvTest, RefusesAnotherNumberOfFeatures) {
  EXPECT_THAT(ParseCsv("1,2,3\n", kTwoFeatures),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("timestep 0 has 3 numbers; the model takes 2")));
}

TEST(CsvTest, RefusesATokenIdThatIsNotAnInteger) {
  EXPECT_THAT(ParseCsv("7\n0.5\n", kTokens),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("timestep 1 is 0.5")));
  EXPECT_THAT(ParseCsv("nan\n", kTokens), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseCsv("1e300\n", kTokens), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(CsvTest, RefusesAFileWithoutATimestep) {
  EXPECT_THAT(ParseCsv("", kTwoFeatures), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseCsv("sequence,a,b\n", kTwoFeatures),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no timestep")));
}

TEST(CsvTest, WritesOutputsOfEveryTimestep) {
  const std::vector<Tensor> outputs = {Tensor({2, 1}, std::vector<float>{0.1f, -2}),
                                       Tensor({1, 1}, std::vector<float>{1e-20f})};

  EXPECT_EQ(FormatCsv(outputs), "sequence,time,y0\n0,0,0.1\n0,1,-2\n1,0,1e-20\n");
}

TEST(CsvTest, WritesOutputsAfterTheLastTimestep) {
  EXPECT_EQ(FormatCsv({Tensor({2}, std::vector<float>{0.5f, 1})}), "sequence,y0,y1\n0,0.5,1\n");
}

TEST(CsvTest, ReadsWhatItWrites) {
  const std::vector<Tensor> outputs = {Tensor({2, 2}, std::vector<float>{0.1f, 2, 3e9f, 4}),
                                       Tensor({1, 2}, std::vector<float>{5, 1.0f / 3})};

  EXPECT_EQ(ParseCsv(FormatCsv(outputs), kTwoFeatures).value(), outputs);
}

}  // namespace
}  // namespace rnnserve::client
