// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_DEMO_WAV_H_
#define RNNSERVE_CLIENT_DEMO_WAV_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rnnserve::client {

// The sound of one microphone.
struct Sound {
  // Samples a second.
  uint32_t rate = 0;
  // From -1 to 1.
  std::vector<float> samples;
};

// Reads a WAV file of one channel of 16-bit samples without compression; skips chunks that it does
// not know. INVALID_ARGUMENT, with what was found instead, for any other file.
absl::StatusOr<Sound> ParseWav(absl::string_view bytes);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_DEMO_WAV_H_
