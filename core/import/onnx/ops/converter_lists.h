// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_OPS_CONVERTER_LISTS_H_
#define RNNSERVE_CORE_IMPORT_ONNX_OPS_CONVERTER_LISTS_H_

#include "absl/types/span.h"
#include "core/import/onnx/op_converter.h"

namespace rnnserve {

// Return the operators that the files of this folder convert; each list is in the file of its name.
absl::Span<const NamedConverter> ActivationConverters();
absl::Span<const NamedConverter> ConstantConverters();
absl::Span<const NamedConverter> ConvolutionConverters();
absl::Span<const NamedConverter> EinsumConverters();
absl::Span<const NamedConverter> ElementwiseConverters();
absl::Span<const NamedConverter> IndexConverters();
absl::Span<const NamedConverter> MoveConverters();
absl::Span<const NamedConverter> NormalizationConverters();
absl::Span<const NamedConverter> PoolingConverters();
absl::Span<const NamedConverter> ProductConverters();
absl::Span<const NamedConverter> QuantizationConverters();
absl::Span<const NamedConverter> RecurrentConverters();
absl::Span<const NamedConverter> ReductionConverters();
absl::Span<const NamedConverter> ResizeConverters();
absl::Span<const NamedConverter> ShapeConverters();
absl::Span<const NamedConverter> SpectralConverters();

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_OPS_CONVERTER_LISTS_H_
