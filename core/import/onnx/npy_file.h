// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_NPY_FILE_H_
#define RNNSERVE_CORE_IMPORT_ONNX_NPY_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/import/onnx/onnx_tensor.h"

namespace rnnserve {

// Reads an array of float32 or float64 that numpy.save wrote (.npy), row-major. `what` names the
// file in errors. Errors: INVALID_ARGUMENT, reason MODEL_WEIGHTS.
absl::StatusOr<OnnxTensor> ReadNpy(absl::string_view content, absl::string_view what);

// Does the same for a file. Errors: also those of ReadInputFile.
absl::StatusOr<OnnxTensor> ReadNpyFile(const std::string& path);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_NPY_FILE_H_
