// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_FILE_FORMAT_H_
#define RNNSERVE_CORE_IMPORT_FILE_FORMAT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace rnnserve {

// The format of a model file or folder. It is judged by the content alone, because people rename
// files: `.pt`, `.bin` and `.model` mean nothing.
enum class FileFormat {
  // Formats that rnnserve-import reads.
  kKeras,  // a `.keras` file, or the folder that one was unpacked to
  kHdf5,   // a whole model (.h5) or weights (.weights.h5)
  kOnnx,

  // Formats of models that are refused with the way to convert them.
  kBundle,  // what rnnserve-import writes
  kTorchPickle,
  kTorchScript,
  kTorchExported,  // of torch.export (.pt2)
  kExecuTorch,
  kSavedModel,
  kTensorFlowGraph,  // a frozen graph (GraphDef)
  kTensorFlowCheckpoint,
  kTensorFlowJs,
  kTfLite,
  kOnnxRuntime,  // the ORT format, a FlatBuffer
  kOpenVino,
  kCoreMl,
  kGguf,  // and its predecessors
  kHuggingFace,
  kPickle,
  kNumpy,
  kSafetensors,

  // Files that hold a model at most indirectly.
  kCompressed,
  kTar,
  kOtherZip,
  kDamagedZip,
  kEmpty,
  kGitLfsPointer,
  kHtml,
  kJson,
  kText,
  kOtherFolder,
  kUnknown,
};

// Returns the format of a file or folder. Reads the first 64 KiB of a file, and of a zip also the
// names of its entries. A damaged file has the format that its beginning shows.
//
// Errors: NOT_FOUND and FAILED_PRECONDITION, reason MODEL_PATH, if it cannot be read.
absl::StatusOr<FileFormat> DetectFileFormat(const std::string& path);

// Returns the error for a format that is not read. Its text says what the file is and which way
// leads to a model that can be served. The error is UNIMPLEMENTED, reason MODEL_FORMAT_UNSUPPORTED,
// for a format of other programs, and INVALID_ARGUMENT, reason MODEL_FORMAT, for a file that holds
// no model. REQUIRES: the format is not kKeras, kHdf5 or kOnnx.
absl::Status FormatRefusal(FileFormat format);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_FILE_FORMAT_H_
