// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_DEMO_SPEECH_SEGMENTS_H_
#define RNNSERVE_CLIENT_DEMO_SPEECH_SEGMENTS_H_

#include <cstddef>
#include <vector>

#include "absl/types/span.h"

namespace rnnserve::client {

// The frames [begin, end) in which somebody speaks.
struct SpeechSegment {
  size_t begin = 0;
  size_t end = 0;

  friend bool operator==(const SpeechSegment& a, const SpeechSegment& b) {
    return a.begin == b.begin && a.end == b.end;
  }
};

// Speech begins with a frame whose probability is at least kSpeechBegins. It ends before the first
// of kSilentFrames frames in a row below kSpeechEnds, because the pauses within a sentence are
// shorter. These are the thresholds that the model's authors suggest, and a pause of 128 ms.
inline constexpr float kSpeechBegins = 0.5f;
inline constexpr float kSpeechEnds = 0.35f;
inline constexpr size_t kSilentFrames = 4;

// Returns when somebody speaks, in the order of time, given the probability of speech in each
// frame. Speech that has not ended at the last frame ends there.
std::vector<SpeechSegment> FindSpeech(absl::Span<const float> probabilities);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_DEMO_SPEECH_SEGMENTS_H_
