// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/core/import/zip_bytes.h"

#include <zlib.h>

#include <cstdlib>

namespace rnnserve::testing {
namespace {

std::string Le16(uint32_t value) {
  return {static_cast<char>(value & 0xFF), static_cast<char>(value >> 8 & 0xFF)};
}

std::string Le32(uint32_t value) { return Le16(value & 0xFFFF) + Le16(value >> 16); }

// Returns the content compressed with DEFLATE, without the header and checksum of zlib.
std::string Deflate(const std::string& content) {
  z_stream stream = {};
  constexpr int kRawDeflate = -15;
  if (deflateInit2(&stream, 9, Z_DEFLATED, kRawDeflate, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    std::abort();
  std::string packed(deflateBound(&stream, content.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) std::abort();
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

uint32_t Crc(const std::string& content) {
  return static_cast<uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size())));
}

}  // namespace

std::string ZipBytes(const std::vector<ZipEntry>& entries) {
  std::string file;
  std::string directory;
  for (const ZipEntry& entry : entries) {
    const std::string packed = entry.is_deflated ? Deflate(entry.content) : entry.content;
    // The fields from "version needed" to "uncompressed size", which are the same in both headers.
    const std::string common =
        Le16(20) + Le16(entry.flags.value_or(0)) +
        Le16(entry.method.value_or(entry.is_deflated ? 8 : 0)) + Le16(0) + Le16(0x21) +
        Le32(entry.crc.value_or(Crc(entry.content))) + Le32(static_cast<uint32_t>(packed.size())) +
        Le32(entry.size.value_or(static_cast<uint32_t>(entry.content.size())));
    const std::string local_name = entry.local_name.value_or(entry.name);
    directory += "PK\1\2" + Le16(20) + common + Le16(static_cast<uint32_t>(entry.name.size())) +
                 Le16(0) + Le16(0) + Le16(0) + Le16(0) + Le32(0) +
                 Le32(static_cast<uint32_t>(file.size())) + entry.name;
    file += "PK\3\4" + common + Le16(static_cast<uint32_t>(local_name.size())) + Le16(0) +
            local_name + packed;
  }
  const auto count = static_cast<uint32_t>(entries.size());
  return file + directory + "PK\5\6" + Le16(0) + Le16(0) + Le16(count) + Le16(count) +
         Le32(static_cast<uint32_t>(directory.size())) + Le32(static_cast<uint32_t>(file.size())) +
         Le16(0);
}

}  // namespace rnnserve::testing
