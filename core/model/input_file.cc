// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/model/input_file.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"

namespace rnnserve {

absl::StatusOr<InputFile> OpenInputFile(const std::string& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    return NotFound("MODEL_PATH", absl::StrCat("'", path, "' does not exist"));
  }
  if (!error && status.type() != std::filesystem::file_type::regular) {
    return FailedPrecondition("MODEL_PATH", absl::StrCat("'", path, "' is not a regular file"));
  }
  InputFile file;
  if (!error) file.size = static_cast<int64_t>(std::filesystem::file_size(path, error));
  if (!error) file.stream.open(path, std::ios::binary);
  if (error || !file.stream.is_open()) {
    return FailedPrecondition("MODEL_PATH", absl::StrCat("'", path, "' cannot be read"));
  }
  return file;
}

absl::StatusOr<std::string> ReadInputFile(const std::string& path, int64_t bytes_max) {
  RNNSERVE_ASSIGN_OR_RETURN(InputFile file, OpenInputFile(path));
  if (file.size > bytes_max) {
    return InvalidArgument("MODEL_TOO_LARGE", absl::StrCat("'", path, "': ", file.size,
                                                           " bytes; at most ", bytes_max));
  }
  std::string content(static_cast<size_t>(file.size), '\0');
  file.stream.read(content.data(), file.size);
  content.resize(static_cast<size_t>(file.stream.gcount()));
  return content;
}

}  // namespace rnnserve
