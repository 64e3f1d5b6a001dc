// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_TENSOR_READER_H_
#define RNNSERVE_CORE_IMPORT_ONNX_TENSOR_READER_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/import/onnx/onnx_tensor.h"

namespace onnx {
class TensorProto;
}

namespace rnnserve {

// Returns the type by which a program knows the elements of an ONNX type: floats of 16, 32 and 64
// bits are float32, integers of 8 to 64 bits int32. `what` names the value in the error:
// UNIMPLEMENTED, reason DTYPE_UNSUPPORTED.
absl::StatusOr<ElementType> ElementTypeOfOnnx(int32_t data_type, absl::string_view what);

// Reads the tensors of one file: from the file itself, or from files in its folder. Used by one
// thread at a time: the one that imports the file.
class TensorReader {
 public:
  // `folder` is that of the file; "" if tensors in other files are refused.
  explicit TensorReader(std::string folder) : folder_(std::move(folder)) {}

  // Moves a tensor out of `proto`, whose data is freed. Errors:
  //   INVALID_ARGUMENT, reason MODEL_WEIGHTS: the data has another length than the shape says, is
  //     missing, a number does not fit into float32 or 64 bits, or external data is not in the
  //     folder
  //   INVALID_ARGUMENT, reason MODEL_TOO_LARGE: a limit of onnx_limits.h is exceeded
  //   UNIMPLEMENTED, reason DTYPE_UNSUPPORTED: the elements are strings, complex or quantized
  //   NOT_FOUND and FAILED_PRECONDITION, reason MODEL_PATH: a file of external data is missing
  absl::StatusOr<OnnxTensor> Read(onnx::TensorProto& proto);

 private:
  absl::StatusOr<std::string> ReadExternal(const onnx::TensorProto& proto, int64_t bytes);

  const std::string folder_;
  int64_t total_bytes_ = 0;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_TENSOR_READER_H_
