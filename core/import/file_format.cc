// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/file_format.h"

#include <zip.h>

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>

#include "absl/strings/string_view.h"
#include "core/base/status_macros.h"
#include "core/import/file_signature.h"
#include "core/model/bundle.h"
#include "core/model/input_file.h"

namespace rnnserve {
namespace {

namespace fs = std::filesystem;

// A file that only folders of one format hold.
struct FolderMark {
  const char* file;
  FileFormat format;
};

// The first file that exists counts. Folders of several formats have a config.json, so it tells
// nothing.
constexpr std::array<FolderMark, 11> kFolderMarks = {{
    {kBundleModelFile, FileFormat::kBundle},
    {"metadata.json", FileFormat::kKeras},
    {"model.weights.h5", FileFormat::kKeras},
    {"saved_model.pb", FileFormat::kSavedModel},
    {"saved_model.pbtxt", FileFormat::kSavedModel},
    {"checkpoint", FileFormat::kTensorFlowCheckpoint},
    {"Data/com.apple.CoreML", FileFormat::kCoreMl},
    {"model.safetensors", FileFormat::kHuggingFace},
    {"model.safetensors.index.json", FileFormat::kHuggingFace},
    {"pytorch_model.bin", FileFormat::kHuggingFace},
    {"data.pkl", FileFormat::kTorchPickle},
}};

FileFormat FormatOfFolder(const fs::path& folder) {
  std::error_code ignored;  // a file that cannot be looked up does not exist for the reader either
  for (const FolderMark& mark : kFolderMarks) {
    if (fs::exists(folder / mark.file, ignored)) return mark.format;
  }
  return FileFormat::kOtherFolder;
}

FileFormat FormatOfZip(const std::string& path) {
  using Zip = std::unique_ptr<zip_t, decltype(&zip_discard)>;
  const Zip zip(zip_open(path.c_str(), ZIP_RDONLY, nullptr), &zip_discard);
  if (zip == nullptr) return FileFormat::kDamagedZip;
  ZipSignature signature;
  const auto num_entries = static_cast<zip_uint64_t>(zip_get_num_entries(zip.get(), 0));
  for (zip_uint64_t i = 0; i < num_entries; ++i) {
    const char* const name = zip_get_name(zip.get(), i, ZIP_FL_ENC_RAW);
    if (name != nullptr) signature.Add(name);
  }
  return signature.Format();
}

}  // namespace

absl::StatusOr<FileFormat> DetectFileFormat(const std::string& path) {
  std::error_code ignored;  // OpenInputFile reports what is wrong with the path
  if (fs::is_directory(path, ignored)) return FormatOfFolder(path);
  RNNSERVE_ASSIGN_OR_RETURN(InputFile file, OpenInputFile(path));
  std::string head(static_cast<size_t>(kSignatureBytes), '\0');
  file.stream.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<size_t>(file.stream.gcount()));
  const std::optional<FileFormat> format = FormatOfBytes(head, file.size);
  return format.has_value() ? *format : FormatOfZip(path);
}

}  // namespace rnnserve
