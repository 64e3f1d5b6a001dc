// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the reader of WAV files on files that are put together here.

#include "client/demo/wav.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Bytes(uint64_t number, int num_bytes) {
  std::string bytes;
  for (int i = 0; i < num_bytes; ++i) bytes.push_back(static_cast<char>(number >> (8 * i)));
  return bytes;
}

std::string Chunk(const std::string& name, const std::string& contents) {
  return absl::StrCat(name, Bytes(contents.size(), 4), contents);
}

std::string Format(uint16_t encoding, uint16_t channels, uint16_t bits) {
  const uint32_t frame_bytes = channels * bits / 8u;
  return Chunk("fmt ",
               absl::StrCat(Bytes(encoding, 2), Bytes(channels, 2), Bytes(16000, 4),
                            Bytes(16000 * frame_bytes, 4), Bytes(frame_bytes, 2), Bytes(bits, 2)));
}

std::string Wav(const std::string& chunks) {
  return absl::StrCat("RIFF", Bytes(chunks.size() + 4, 4), "WAVE", chunks);
}

// The samples 0, 16384, -32768 and 32767.
const char kSamples[] = "\x00\x00\x00\x40\x00\x80\xff\x7f";

std::string Samples() { return Chunk("data", std::string(kSamples, 8)); }

TEST(ParseWavTest, ScalesTheSamples) {
  const auto sound = ParseWav(Wav(Format(1, 1, 16) + Samples()));

  ASSERT_THAT(sound, IsOk());
  EXPECT_EQ(sound->rate, 16000u);
  EXPECT_THAT(sound->samples, ElementsAre(0, 0.5f, -1, 32767.0f / 32768));
}

TEST(ParseWavTest, SkipsOtherChunks) {
  // A chunk of three bytes is followed by one of padding.
  const std::string note = Chunk("note", "odd") + std::string(1, '\0');

  const auto sound = ParseWav(Wav(note + Format(1, 1, 16) + note + Samples()));

  ASSERT_THAT(sound, IsOk());
  EXPECT_EQ(sound->samples.size(), 4u);
}

TEST(ParseWavTest, TellsWhatItCannotRead) {
  EXPECT_THAT(ParseWav(Wav(Format(1, 2, 16) + Samples())),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("2 channels")));
  EXPECT_THAT(ParseWav(Wav(Format(1, 1, 24) + Samples())),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("24 bits")));
  EXPECT_THAT(ParseWav(Wav(Format(3, 1, 16) + Samples())),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("encoding 3")));
}

TEST(ParseWavTest, RefusesEveryFileThatIsCutOff) {
  const std::string whole = Wav(Format(1, 1, 16) + Samples());

  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(ParseWav(absl::string_view(whole).substr(0, size)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("")))
        << size << " bytes";
  }
}

}  // namespace
}  // namespace rnnserve::client
