// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests how a format is chosen by name, how arrays become sequences, and files on disk.

#include "client/files/sequence_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/files/npy.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr InputKind kOneFeature{false, 1};
constexpr InputKind kTwoFeatures{false, 2};
constexpr InputKind kTokens{true, 1};

absl::StatusOr<std::vector<Tensor>> ParseArray(const Tensor& array, const InputKind& kind) {
  return ParseSequences(FormatNpy(array), FileFormat::kNpy, kind);
}

TEST(SequenceFileTest, KnowsFormatsByNameAndExtension) {
  EXPECT_EQ(FormatByName("npy").value(), FileFormat::kNpy);
  EXPECT_EQ(FormatByExtension("a/b.c/d.csv").value(), FileFormat::kCsv);
  EXPECT_EQ(FormatByExtension("d.jsonl").value(), FileFormat::kJsonLines);
  EXPECT_THAT(FormatByName("xml"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("npy, csv and jsonl")));
  EXPECT_THAT(FormatByExtension("noextension"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--format")));
}

TEST(SequenceFileTest, CutsABatchIntoSequences) {
  EXPECT_THAT(ParseArray(Tensor({2, 1, 2}, std::vector<float>{1, 2, 3, 4}), kTwoFeatures).value(),
              ElementsAre(Tensor({1, 2}, std::vector<float>{1, 2}),
                          Tensor({1, 2}, std::vector<float>{3, 4})));
}

TEST(SequenceFileTest, ReadsAMatrixAsOneSequence) {
  const Tensor matrix({2, 2}, std::vector<float>{1, 2, 3, 4});

  EXPECT_THAT(ParseArray(matrix, kTwoFeatures).value(), ElementsAre(matrix));
}

TEST(SequenceFileTest, ReadsAVectorAsOneSequenceOfOneFeature) {
  EXPECT_THAT(ParseArray(Tensor({2}, std::vector<float>{1, 2}), kOneFeature).value(),
              ElementsAre(Tensor({2, 1}, std::vector<float>{1, 2})));
}

TEST(SequenceFileTest, ReadsIntegersAsFeaturesAndAsTokenIds) {
  EXPECT_THAT(ParseArray(Tensor({1, 2}, std::vector<int64_t>{1, 2}), kTwoFeatures).value(),
              ElementsAre(Tensor({1, 2}, std::vector<float>{1, 2})));
  EXPECT_THAT(
      ParseArray(Tensor({2, 1}, std::vector<int64_t>{1, 2}), kTokens).value(),
      ElementsAre(Tensor({1}, std::vector<int64_t>{1}), Tensor({1}, std::vector<int64_t>{2})));
}

TEST(SequenceFileTest, RefusesFloatsAsTokenIds) {
  EXPECT_THAT(ParseArray(Tensor({1}, std::vector<float>{1}), kTokens),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("token ids")));
}

TEST(SequenceFileTest, RefusesArraysOfOtherShapes) {
  EXPECT_THAT(ParseArray(Tensor({1, 3}, std::vector<float>{1, 2, 3}), kTwoFeatures),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("[1, 3]; the model takes [time, 2] or [batch, time, 2]")));
  EXPECT_THAT(ParseArray(Tensor({1, 1, 1, 2}, std::vector<float>{1, 2}), kTwoFeatures),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseArray(Tensor({0, 2}, std::vector<float>{}), kTwoFeatures),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not empty")));
  EXPECT_THAT(ParseArray(Tensor({}, std::vector<float>{1}), kTwoFeatures),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(SequenceFileTest, RefusesAFileWithoutSequences) {
  EXPECT_THAT(ParseSequences("\n", FileFormat::kJsonLines, kTwoFeatures),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no sequence")));
}

TEST(SequenceFileTest, StacksOutputsAsNpy) {
  const std::vector<Tensor> outputs = {Tensor({2}, std::vector<float>{1, 2}),
                                       Tensor({2}, std::vector<float>{3, 4})};

  EXPECT_EQ(ParseNpy(FormatOutputs(outputs, FileFormat::kNpy).value()).value(),
            Tensor({2, 2}, std::vector<float>{1, 2, 3, 4}));
}

TEST(SequenceFileTest, DoesNotStackOutputsOfDifferentLengths) {
  const std::vector<Tensor> outputs = {Tensor({2, 1}, std::vector<float>{1, 2}),
                                       Tensor({3, 1}, std::vector<float>{3, 4, 5})};

  EXPECT_THAT(FormatOutputs(outputs, FileFormat::kNpy),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("2 and 3")));
}

TEST(SequenceFileTest, ReadsBackTheFileItWrote) {
  const rnnserve::testing::TemporaryFolder folder;
  const std::string path = folder.path() / "sequence_file_test.bin";
  std::string bytes("\0\n\xff", 3);
  bytes.append(200'000, 'x');

  ASSERT_THAT(WriteFile(path, bytes), IsOk());

  EXPECT_EQ(ReadFile(path).value(), bytes);
}

TEST(SequenceFileTest, NamesTheFileThatIsMissing) {
  EXPECT_THAT(ReadFile("/nonexistent/a.csv"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/a.csv")));
  EXPECT_THAT(WriteFile("/nonexistent/a.csv", "x"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(ReadFile("/"), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("directory")));
}

}  // namespace
}  // namespace rnnserve::client
