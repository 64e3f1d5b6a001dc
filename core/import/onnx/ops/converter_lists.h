// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_OPS_CONVERTER_LISTS_H_
#define RNNSERVE_CORE_IMPORT_ONNX_OPS_CONVERTER_LISTS_H_

#include "absl/types/span.h"
#include "core/import/onnx/op_converter.h"

namespace rnnserve {

// The operators that the files of this folder convert; each list is in the file of its name.
absl::Span<const NamedConverter> ElementwiseConverters();
absl::Span<const NamedConverter> ProductConverters();
absl::Span<const NamedConverter> ShapeConverters();

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_OPS_CONVERTER_LISTS_H_
