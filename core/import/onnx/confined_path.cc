// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/confined_path.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"

namespace rnnserve {
namespace {

// Returns whether a relative path stays below the folder that it starts from, by its text alone.
bool StaysInside(const std::filesystem::path& path) {
  if (path.empty() || path.is_absolute()) return false;
  for (const std::filesystem::path& part : path) {
    if (part == "..") return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<std::string> ConfinedPath(const std::string& folder, const std::string& location,
                                         absl::string_view reason, absl::string_view what) {
  const std::filesystem::path relative(location);
  if (!StaysInside(relative)) {
    return InvalidArgument(reason, absl::StrCat(what, " '", location,
                                                "' is not a path below the folder of the model"));
  }
  const std::filesystem::path root(folder.empty() ? "." : folder);
  std::error_code error;
  const std::filesystem::path canonical_root = std::filesystem::weakly_canonical(root, error);
  std::filesystem::path canonical;
  if (!error) canonical = std::filesystem::weakly_canonical(root / relative, error);
  if (error || !StaysInside(canonical.lexically_relative(canonical_root))) {
    return InvalidArgument(
        reason, absl::StrCat(what, " '", location, "' is a link out of the folder of the model"));
  }
  return (root / relative).string();
}

}  // namespace rnnserve
