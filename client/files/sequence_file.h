// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_FILES_SEQUENCE_FILE_H_
#define RNNSERVE_CLIENT_FILES_SEQUENCE_FILE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cpp/tensor.h"
#include "client/files/rows.h"

// Files of sequences and of a model's outputs, in three formats.
namespace rnnserve::client {

enum class FileFormat {
  // npy.h: [batch, time, features] or [time, features], or [time] if there is one feature. For
  // token ids: [batch, time] or [time].
  kNpy,
  // csv.h
  kCsv,
  // json_lines.h
  kJsonLines,
};

// Return the format of a name ("npy", "csv", "jsonl") or of a path's extension. INVALID_ARGUMENT,
// with the list of formats, for any other.
absl::StatusOr<FileFormat> FormatByName(absl::string_view name);
absl::StatusOr<FileFormat> FormatByExtension(absl::string_view path);

// Reads at least one sequence: [time, features] float, or [time] int32 or int64 token ids.
// INVALID_ARGUMENT, with the place, if `bytes` do not hold such sequences.
absl::StatusOr<std::vector<Tensor>> ParseSequences(absl::string_view bytes, FileFormat format,
                                                   const InputKind& kind);

// Formats `outputs`, which are float and all [time, outputs] or all [outputs]. As .npy they are
// stacked: FAILED_PRECONDITION, with both lengths, if they differ in shape.
absl::StatusOr<std::string> FormatOutputs(const std::vector<Tensor>& outputs, FileFormat format);

// Read and write a whole file; "-" is standard input or output. NOT_FOUND, PERMISSION_DENIED or,
// for any other failure of the system, UNAVAILABLE, with the path.
absl::StatusOr<std::string> ReadFile(const std::string& path);
absl::Status WriteFile(const std::string& path, absl::string_view bytes);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_FILES_SEQUENCE_FILE_H_
