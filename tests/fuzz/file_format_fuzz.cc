// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Model files of any format: the input is one. Its format is recognised, a format that is not read
// is refused, and a zip is unpacked as a .keras file.

#include <algorithm>
#include <fstream>
#include <string>

#include "core/import/file_format.h"
#include "core/import/file_signature.h"
#include "core/import/keras_archive.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::testing {
namespace {

constexpr int64_t kUnpackedBytesMax = int64_t{1} << 20;

std::string WriteFile(absl::string_view content) {
  static const TemporaryFolder folder;
  std::string path = folder.path() / "model";
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  return path;
}

bool IsRead(FileFormat format) {
  return format == FileFormat::kKeras || format == FileFormat::kHdf5 || format == FileFormat::kOnnx;
}

void Unpack(const std::string& path) {
  KerasArchiveLimits limits;
  limits.json_bytes_max = limits.weights_bytes_max = kUnpackedBytesMax;
  const auto archive = ReadKerasArchive(path, limits);
  RequireReason(archive.status());
  if (!archive.ok()) return;
  const auto bytes = static_cast<int64_t>(
      std::max({archive->metadata.size(), archive->config.size(), archive->weights.size()}));
  Require(bytes <= kUnpackedBytesMax, "more was unpacked than the limit allows");
}

}  // namespace
}  // namespace rnnserve::testing

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace rnnserve;           // NOLINT(google-build-using-namespace)
  using namespace rnnserve::testing;  // NOLINT(google-build-using-namespace)
  const absl::string_view content = TextOf(data, size);
  const auto of_bytes = FormatOfBytes(content, static_cast<int64_t>(size));
  const std::string path = WriteFile(content);
  const auto format = DetectFileFormat(path);
  Require(format.ok(), format.status().ToString());
  Require(of_bytes.value_or(*format) == *format, "the bytes and the file have different formats");
  if (!IsRead(*format)) {
    Require(!FormatRefusal(*format).ok(), "a format that is not read is not refused");
    RequireReason(FormatRefusal(*format));
  }
  if (!of_bytes.has_value()) Unpack(path);
  return 0;
}
