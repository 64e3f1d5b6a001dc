// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/snapshot/crc32c.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

namespace rnnserve {
namespace {

static_assert(std::endian::native == std::endian::little, "eight bytes are read as one number");

// Castagnoli's polynomial with its bits reversed.
constexpr uint32_t kPolynomial = 0x82F63B78;

using Table = std::array<uint32_t, 256>;

// Makes the tables for eight bytes at a time: tables[0] advances a remainder by one byte, tables[k]
// by one byte and k zero bytes after it. Eight independent look-ups are about six times as fast as
// eight that depend on each other.
constexpr std::array<Table, 8> MakeTables() {
  std::array<Table, 8> tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit) {
      remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? kPolynomial : 0);
    }
    tables[0][byte] = remainder;
  }
  for (size_t k = 1; k < tables.size(); ++k) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8) ^ tables[0][before & 0xFF];
    }
  }
  return tables;
}

constexpr std::array<Table, 8> kTables = MakeTables();

}  // namespace

uint32_t Crc32c(absl::string_view bytes) {
  uint32_t remainder = ~uint32_t{0};
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    uint64_t eight = 0;
    std::memcpy(&eight, bytes.data(), sizeof(eight));
    eight ^= remainder;
    remainder = 0;
    for (size_t i = 0; i < 8; ++i) remainder ^= kTables[7 - i][(eight >> (8 * i)) & 0xFF];
  }
  for (const char byte : bytes) {
    remainder = (remainder >> 8) ^ kTables[0][(remainder ^ static_cast<uint8_t>(byte)) & 0xFF];
  }
  return ~remainder;
}

}  // namespace rnnserve
