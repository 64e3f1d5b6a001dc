// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_PROTOBUF_SIGNATURE_H_
#define RNNSERVE_CORE_IMPORT_PROTOBUF_SIGNATURE_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "core/import/file_format.h"

namespace rnnserve {

// Returns which of kOnnx, kSavedModel, kTensorFlowGraph and kCoreMl a file is that begins with
// `head`; kUnknown for any other. A protobuf message has no signature, so the format is told by
// the numbers and types of its outermost fields. Any bytes are valid input.
FileFormat FormatOfProtobuf(absl::string_view head, int64_t file_bytes);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_PROTOBUF_SIGNATURE_H_
