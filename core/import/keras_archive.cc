// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/keras_archive.h"

#include <zip.h>

#include <array>
#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/model/input_file.h"

namespace rnnserve {
namespace {

// One file of the archive: its name, its largest size, and the destination of its content.
struct Member {
  absl::string_view name;
  int64_t KerasArchiveLimits::*bytes_max;
  std::string KerasArchive::*content;
};

constexpr std::array<Member, 3> kMembers = {{
    {"metadata.json", &KerasArchiveLimits::json_bytes_max, &KerasArchive::metadata},
    {"config.json", &KerasArchiveLimits::json_bytes_max, &KerasArchive::config},
    {"model.weights.h5", &KerasArchiveLimits::weights_bytes_max, &KerasArchive::weights},
}};

// Up to this size any compression ratio is allowed, because small models can be mostly zeros.
constexpr uint64_t kHarmlessBytes = 1 << 20;

using Zip = std::unique_ptr<zip_t, decltype(&zip_discard)>;
using ZipFile = std::unique_ptr<zip_file_t, decltype(&zip_fclose)>;

absl::Status Malformed(absl::string_view text) {
  return InvalidArgument("MODEL_FORMAT", absl::StrCat("not a .keras file: ", text));
}

absl::Status MalformedMember(absl::string_view name, absl::string_view text) {
  return Malformed(absl::StrCat("'", name, "' ", text));
}

// Keras writes this file on request instead of model.weights.h5. It holds pickled Python objects,
// which can run any code when they are read.
constexpr absl::string_view kPickledWeights = "model.weights.npz";
constexpr absl::string_view kAssets = "assets/";

absl::Status PickledWeights() {
  return MakeError(absl::StatusCode::kUnimplemented, "MODEL_UNSUPPORTED",
                   absl::StrCat("'", kPickledWeights,
                                "' holds pickled objects, which are not read; "
                                "save the model with HDF5 weights, as Keras does by default"));
}

const Member* FindMember(absl::string_view name) {
  for (const Member& member : kMembers) {
    if (member.name == name) return &member;
  }
  return nullptr;
}

// Checks what the zip directory says about a file, before the content of the file is read.
absl::Status CheckDeclared(const zip_stat_t& stat, const Member& member,
                           const KerasArchiveLimits& limits) {
  constexpr zip_uint64_t kNeeded =
      ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  if ((stat.valid & kNeeded) != kNeeded) return MalformedMember(member.name, "has no size");
  if (stat.encryption_method != ZIP_EM_NONE) return MalformedMember(member.name, "is encrypted");
  if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE) {
    return MalformedMember(member.name,
                           absl::StrCat("is compressed by method ", stat.comp_method,
                                        "; only 0 (stored) and 8 (deflated) are read"));
  }
  const auto bytes_max = static_cast<uint64_t>(limits.*(member.bytes_max));
  if (stat.size > bytes_max) {
    return InvalidArgument("MODEL_TOO_LARGE", absl::StrCat("'", member.name, "': ", stat.size,
                                                           " bytes; at most ", bytes_max));
  }
  const auto ratio_max = static_cast<uint64_t>(limits.compression_ratio_max);
  if (stat.size > kHarmlessBytes && stat.size / ratio_max > stat.comp_size) {
    return InvalidArgument(
        "MODEL_TOO_LARGE",
        absl::StrCat("'", member.name, "': ", stat.comp_size, " bytes unpack to ", stat.size,
                     ", more than ", ratio_max, " times as many"));
  }
  return absl::OkStatus();
}

// Returns the content of a file. libzip compares the checksum at the end.
absl::StatusOr<std::string> ReadMember(zip_t* zip, zip_uint64_t index, const zip_stat_t& stat) {
  const ZipFile file(zip_fopen_index(zip, index, 0), &zip_fclose);
  if (file == nullptr) {
    return MalformedMember(stat.name, absl::StrCat("cannot be read: ", zip_strerror(zip)));
  }
  std::string content(static_cast<size_t>(stat.size), '\0');
  size_t length = 0;
  while (length < content.size()) {
    const zip_int64_t n = zip_fread(file.get(), content.data() + length, content.size() - length);
    if (n <= 0) break;
    length += static_cast<size_t>(n);
  }
  char beyond = 0;
  const zip_int64_t rest = zip_fread(file.get(), &beyond, 1);
  if (length == content.size() && rest == 0) return content;
  return MalformedMember(stat.name,
                         rest < 0 ? absl::StrCat("is damaged: ", zip_file_strerror(file.get()))
                                  : absl::StrCat("does not have its ", stat.size, " bytes"));
}

absl::StatusOr<KerasArchive> ReadZip(zip_t* zip, const KerasArchiveLimits& limits) {
  KerasArchive archive;
  std::array<bool, kMembers.size()> found = {};
  const auto num_entries = static_cast<zip_uint64_t>(zip_get_num_entries(zip, 0));
  for (zip_uint64_t i = 0; i < num_entries; ++i) {
    zip_stat_t stat;
    if (zip_stat_index(zip, i, 0, &stat) != 0 || (stat.valid & ZIP_STAT_NAME) == 0) {
      return Malformed(absl::StrCat("entry ", i, " cannot be read"));
    }
    const Member* const member = FindMember(stat.name);
    // Assets are data that a layer keeps in addition to its weights. No supported layer has any.
    if (absl::StartsWith(stat.name, kAssets)) continue;
    if (absl::string_view(stat.name) == kPickledWeights) return PickledWeights();
    if (member == nullptr) return MalformedMember(stat.name, "does not belong there");
    found[static_cast<size_t>(member - kMembers.data())] = true;
    RNNSERVE_RETURN_IF_ERROR(CheckDeclared(stat, *member, limits));
    RNNSERVE_ASSIGN_OR_RETURN(archive.*(member->content), ReadMember(zip, i, stat));
  }
  for (size_t i = 0; i < kMembers.size(); ++i) {
    if (!found[i]) return MalformedMember(kMembers[i].name, "is missing");
  }
  return archive;
}

absl::StatusOr<KerasArchive> ReadFolder(const std::filesystem::path& folder,
                                        const KerasArchiveLimits& limits) {
  KerasArchive archive;
  std::error_code ignored;  // a folder that cannot be read is reported below
  if (std::filesystem::exists(folder / std::string(kPickledWeights), ignored)) {
    return PickledWeights();
  }
  for (const Member& member : kMembers) {
    RNNSERVE_ASSIGN_OR_RETURN(
        archive.*(member.content),
        ReadInputFile(folder / std::string(member.name), limits.*(member.bytes_max)));
  }
  return archive;
}

}  // namespace

absl::StatusOr<KerasArchive> ReadKerasArchive(const std::string& path,
                                              const KerasArchiveLimits& limits) {
  std::error_code ignored;  // OpenInputFile reports what is wrong with the path
  if (std::filesystem::is_directory(path, ignored)) return ReadFolder(path, limits);
  RNNSERVE_RETURN_IF_ERROR(OpenInputFile(path).status());
  int error_code = 0;
  // With these flags libzip refuses two entries of one name and headers that contradict each other.
  const Zip zip(zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &error_code), &zip_discard);
  if (zip == nullptr) {
    zip_error_t error;
    zip_error_init_with_code(&error, error_code);
    const absl::Status status = Malformed(zip_error_strerror(&error));
    zip_error_fini(&error);
    return status;
  }
  return ReadZip(zip.get(), limits);
}

}  // namespace rnnserve
