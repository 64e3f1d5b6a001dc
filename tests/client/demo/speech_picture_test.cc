// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the pictures of a recording.

#include "client/demo/speech_picture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rnnserve::client {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(SparklineTest, HasTheMeanOfItsShareInEachColumn) {
  EXPECT_EQ(Sparkline({0, 0.5f, 1}, 3), " ▄█");
  EXPECT_EQ(Sparkline({0, 1, 1, 1}, 2), "▄█");
  EXPECT_EQ(Sparkline({0, 1, 1}, 2), " █");
}

TEST(SparklineTest, StaysWithinTheBlocks) { EXPECT_EQ(Sparkline({-1, 2}, 2), " █"); }

TEST(SpeechPictureTest, DrawsEverySegmentAndFrame) {
  SpeechPicture picture;
  picture.title = "a title";
  picture.seconds_per_frame = 0.5;
  picture.loudness = {0, 1, 0.25f, 0};
  picture.probabilities = {0, 1, 1, 0.5f};
  picture.segments = {{1, 3}};

  const std::string svg = picture.ToSvg();

  EXPECT_THAT(svg, AllOf(StartsWith("<svg"), EndsWith("</svg>\n"), HasSubstr("a title"),
                         HasSubstr(">1 s<")));
  // The shade covers two of four frames, which are 828 wide.
  EXPECT_THAT(svg, HasSubstr("<rect x=\"263.0\" y=\"48\" width=\"414.0\""));
  EXPECT_THAT(svg, HasSubstr("M56.0 216.0L263.0 48.0L470.0 48.0L677.0 132.0"));
}

TEST(SpeechPictureTest, DrawsNothingOfAnEmptyRecording) {
  EXPECT_THAT(SpeechPicture().ToSvg(), AllOf(StartsWith("<svg"), EndsWith("</svg>\n")));
}

}  // namespace
}  // namespace rnnserve::client
