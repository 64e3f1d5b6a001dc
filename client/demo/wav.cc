// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/demo/wav.h"

#include <bit>
#include <cstring>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace rnnserve::client {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are copied without conversion");

constexpr size_t kFileHeaderBytes = 12;  // "RIFF", the size of the rest, "WAVE"
constexpr size_t kChunkHeaderBytes = 8;  // the chunk's name and size
constexpr size_t kFormatBytes = 16;      // what every "fmt " chunk has
constexpr uint16_t kUncompressed = 1;
constexpr float kFullScale = 32768;

// Returns the number at `position`. REQUIRES: `bytes` go that far.
template <typename Number>
Number NumberAt(absl::string_view bytes, size_t position) {
  Number number;
  std::memcpy(&number, bytes.data() + position, sizeof(number));
  return number;
}

// Returns the contents of the first chunk called `name`; nothing if there is none that is whole.
std::optional<absl::string_view> FindChunk(absl::string_view bytes, absl::string_view name) {
  while (bytes.size() >= kChunkHeaderBytes) {
    const absl::string_view rest = bytes.substr(kChunkHeaderBytes);
    const size_t size = NumberAt<uint32_t>(bytes, 4);
    if (size > rest.size()) return std::nullopt;
    if (absl::StartsWith(bytes, name)) return rest.substr(0, size);
    // A chunk of an odd size is followed by a byte of padding.
    bytes = rest.substr(std::min(size + size % 2, rest.size()));
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<Sound> ParseWav(absl::string_view bytes) {
  if (bytes.size() < kFileHeaderBytes || !absl::StartsWith(bytes, "RIFF") ||
      bytes.substr(8, 4) != "WAVE") {
    return absl::InvalidArgumentError("is not a WAV file");
  }
  bytes.remove_prefix(kFileHeaderBytes);
  const auto format = FindChunk(bytes, "fmt ");
  const auto data = FindChunk(bytes, "data");
  if (!format.has_value() || format->size() < kFormatBytes || !data.has_value()) {
    return absl::InvalidArgumentError("has no whole format or data chunk");
  }
  const auto encoding = NumberAt<uint16_t>(*format, 0);
  const auto channels = NumberAt<uint16_t>(*format, 2);
  const auto bits = NumberAt<uint16_t>(*format, 14);
  if (encoding != kUncompressed || channels != 1 || bits != 16) {
    return absl::InvalidArgumentError(
        absl::StrCat("has encoding ", encoding, ", ", channels, " channels and ", bits,
                     " bits a sample; only encoding 1, 1 channel and 16 bits can be read"));
  }
  Sound sound;
  sound.rate = NumberAt<uint32_t>(*format, 4);
  sound.samples.reserve(data->size() / sizeof(int16_t));
  for (size_t at = 0; at + sizeof(int16_t) <= data->size(); at += sizeof(int16_t)) {
    sound.samples.push_back(static_cast<float>(NumberAt<int16_t>(*data, at)) / kFullScale);
  }
  return sound;
}

}  // namespace rnnserve::client
