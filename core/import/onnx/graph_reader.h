// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_GRAPH_READER_H_
#define RNNSERVE_CORE_IMPORT_ONNX_GRAPH_READER_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/import/onnx/onnx_graph.h"

namespace rnnserve {

// Reads an ONNX file without looking at what its operators mean. Errors:
//   NOT_FOUND and FAILED_PRECONDITION, reason MODEL_PATH: it, or a file with its weights, cannot be
//     read
//   INVALID_ARGUMENT, reason MODEL_FORMAT: it is damaged, or is no ONNX model
//   INVALID_ARGUMENT, reason MODEL_TOO_LARGE: a limit of onnx_limits.h is exceeded
//   UNIMPLEMENTED, reason MODEL_UNSUPPORTED: it is written for an operator set before version 7, or
//     has sparse tensors or inputs that are not tensors
//   those of TensorReader
absl::StatusOr<OnnxModel> ReadOnnxFile(const std::string& path);

// Does the same for the content of a file. Tensors in other files are looked for below `folder`; if
// that is "", they are refused.
absl::StatusOr<OnnxModel> ReadOnnx(absl::string_view content, const std::string& folder);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_GRAPH_READER_H_
