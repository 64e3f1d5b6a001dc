// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests when speech begins and ends.

#include "client/demo/speech_segments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>

namespace rnnserve::client {

void PrintTo(const SpeechSegment& segment, std::ostream* out) {
  *out << segment.begin << " to " << segment.end;
}

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr float kYes = 0.9f;
constexpr float kNo = 0.1f;

TEST(FindSpeechTest, EndsWithTheFirstSilentFrame) {
  EXPECT_THAT(FindSpeech({kNo, kYes, kYes, kNo, kNo, kNo, kNo, kNo}),
              ElementsAre(SpeechSegment{1, 3}));
}

TEST(FindSpeechTest, GoesOnThroughShortPauses) {
  EXPECT_THAT(FindSpeech({kYes, kNo, kNo, kNo, kYes, kNo, kNo, kNo, kNo}),
              ElementsAre(SpeechSegment{0, 5}));
}

TEST(FindSpeechTest, FindsEverySegment) {
  EXPECT_THAT(FindSpeech({kYes, kNo, kNo, kNo, kNo, kNo, kYes, kNo, kNo, kNo, kNo}),
              ElementsAre(SpeechSegment{0, 1}, SpeechSegment{6, 7}));
}

TEST(FindSpeechTest, BeginsAtOneHalfAndEndsBelowThirtyFivePercent) {
  EXPECT_THAT(FindSpeech({0.49f, 0.49f}), IsEmpty());
  EXPECT_THAT(FindSpeech({0.5f, 0.36f, 0.36f, 0.36f, 0.36f}), ElementsAre(SpeechSegment{0, 5}));
  EXPECT_THAT(FindSpeech({0.5f, 0.34f, 0.34f, 0.34f, 0.34f}), ElementsAre(SpeechSegment{0, 1}));
}

TEST(FindSpeechTest, EndsWithTheRecording) {
  EXPECT_THAT(FindSpeech({kNo, kYes, kNo}), ElementsAre(SpeechSegment{1, 3}));
  EXPECT_THAT(FindSpeech({}), IsEmpty());
}

}  // namespace
}  // namespace rnnserve::client
