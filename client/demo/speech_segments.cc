// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/demo/speech_segments.h"

namespace rnnserve::client {

std::vector<SpeechSegment> FindSpeech(absl::Span<const float> probabilities) {
  std::vector<SpeechSegment> segments;
  bool is_speaking = false;
  size_t num_silent = 0;
  for (size_t frame = 0; frame < probabilities.size(); ++frame) {
    if (probabilities[frame] >= kSpeechBegins && !is_speaking) {
      segments.push_back({frame, probabilities.size()});
      is_speaking = true;
    }
    num_silent = probabilities[frame] < kSpeechEnds ? num_silent + 1 : 0;
    if (is_speaking && num_silent == kSilentFrames) {
      segments.back().end = frame + 1 - kSilentFrames;
      is_speaking = false;
    }
  }
  return segments;
}

}  // namespace rnnserve::client
