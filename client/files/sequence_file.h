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

// Files of sequences for a model and of a model's outputs, in three formats.
namespace rnnserve::client {

enum class FileFormat {
  // npy.h: [batch, time, features] or [time, features], or [time] if there is one feature; of token
  // ids [batch, time] or [time].
  kNpy,
  // csv.h
  kCsv,
  // json_lines.h
  kJsonLines,
};

// By name ("npy", "csv", "jsonl") or by the extension of a path. INVALID_ARGUMENT, with the names
// that there are, for others.
absl::StatusOr<FileFormat> FormatByName(absl::string_view name);
absl::StatusOr<FileFormat> FormatByExtension(absl::string_view path);

// At least one sequence: [time, features] float, or [time] int32 or int64 token ids.
// INVALID_ARGUMENT, with the place, if `bytes` are not such sequences.
absl::StatusOr<std::vector<Tensor>> ParseSequences(absl::string_view bytes, FileFormat format,
                                                   const InputKind& kind);

// `outputs`, float, all [time, outputs] or all [outputs]. As .npy they are stacked:
// FAILED_PRECONDITION, with both lengths, if they differ in shape.
absl::StatusOr<std::string> FormatOutputs(const std::vector<Tensor>& outputs, FileFormat format);

// A whole file; "-" is standard input or output. NOT_FOUND or PERMISSION_DENIED, or UNAVAILABLE for
// any other failure of the system, with the path.
absl::StatusOr<std::string> ReadFile(const std::string& path);
absl::Status WriteFile(const std::string& path, absl::string_view bytes);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_FILES_SEQUENCE_FILE_H_
