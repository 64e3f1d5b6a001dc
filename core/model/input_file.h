// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_MODEL_INPUT_FILE_H_
#define RNNSERVE_CORE_MODEL_INPUT_FILE_H_

#include <cstdint>
#include <fstream>
#include <string>

#include "absl/status/statusor.h"

namespace rnnserve {

// A regular file that is open for reading. Used by one thread at a time: its reader.
struct InputFile {
  std::ifstream stream;
  int64_t size = 0;  // bytes, when it was opened
};

// Opens a file of a model. Errors: NOT_FOUND, reason MODEL_PATH, if it does not exist;
// FAILED_PRECONDITION, reason MODEL_PATH, if it is a folder or a device or cannot be read.
absl::StatusOr<InputFile> OpenInputFile(const std::string& path);

// Returns the content of a file. Errors: those of OpenInputFile; INVALID_ARGUMENT, reason
// MODEL_TOO_LARGE, with its size and the limit.
absl::StatusOr<std::string> ReadInputFile(const std::string& path, int64_t bytes_max);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_INPUT_FILE_H_
