// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_DEMO_SPEECH_PICTURE_H_
#define RNNSERVE_CLIENT_DEMO_SPEECH_PICTURE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "client/demo/speech_segments.h"

namespace rnnserve::client {

// A picture of a recording and of the probability of speech in it over time.
//
// A value. Thread-compatible.
struct SpeechPicture {
  std::string title;
  double seconds_per_frame = 0;
  // How loud each frame is, and the probability of speech in it, both 0 to 1. Both have the same
  // size.
  std::vector<float> loudness;
  std::vector<float> probabilities;
  std::vector<SpeechSegment> segments;

  // Returns the picture as SVG: the loudness in grey, the probability as a line, the segments
  // shaded.
  std::string ToSvg() const;
};

// Returns a line of `num_columns` blocks, each as high as the mean of its share of `values`, which
// are between 0 and 1. REQUIRES: there are at least as many values as columns.
std::string Sparkline(absl::Span<const float> values, size_t num_columns);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_DEMO_SPEECH_PICTURE_H_
