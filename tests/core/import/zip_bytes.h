// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_CORE_IMPORT_ZIP_BYTES_H_
#define RNNSERVE_TESTS_CORE_IMPORT_ZIP_BYTES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// Zip files that are written byte by byte, so that their headers can be wrong.
namespace rnnserve::testing {

struct ZipEntry {
  std::string name = "";
  std::string content = "";
  bool is_deflated = false;
  // Wrong values to write into the headers.
  std::optional<uint16_t> method = std::nullopt;
  std::optional<uint16_t> flags = std::nullopt;
  std::optional<uint32_t> crc = std::nullopt;
  std::optional<uint32_t> size = std::nullopt;
  // The name in the local header, if it differs from the name in the directory.
  std::optional<std::string> local_name = std::nullopt;
};

// Returns a zip of these entries in this order.
std::string ZipBytes(const std::vector<ZipEntry>& entries);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_CORE_IMPORT_ZIP_BYTES_H_
