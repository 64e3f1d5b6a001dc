// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Compares Crc32c with the published test vectors, and with a checksum that is computed bit by bit
// from the definition.

#include "core/snapshot/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace rnnserve {
namespace {

// Computes the checksum by its definition, one bit after the other.
uint32_t BitByBit(absl::string_view bytes) {
  uint32_t remainder = ~uint32_t{0};
  for (const char byte : bytes) {
    remainder ^= static_cast<uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) {
      remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? 0x82F63B78 : 0);
    }
  }
  return ~remainder;
}

TEST(Crc32cTest, ReturnsThePublishedValues) {
  EXPECT_EQ(Crc32c(""), 0u);
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283u);
  // These are the vectors of RFC 3720, section B.4.
  EXPECT_EQ(Crc32c(std::string(32, '\x00')), 0x8A9136AAu);
  EXPECT_EQ(Crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
}

TEST(Crc32cTest, AgreesWithTheDefinitionAtEveryLength) {
  std::string bytes;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(Crc32c(bytes), BitByBit(bytes)) << bytes.size() << " bytes";
    bytes.push_back(static_cast<char>(i * 37 + 11));
  }
}

}  // namespace
}  // namespace rnnserve
