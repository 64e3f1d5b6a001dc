// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_OPS_WINDOW_H_
#define RNNSERVE_CORE_IMPORT_ONNX_OPS_WINDOW_H_

#include <cstdint>
#include <vector>

#include "core/import/onnx/ops/formula.h"

namespace rnnserve {

// Whether all numbers are so small that products of two of them do not overflow.
bool AreSmall(const std::vector<int64_t>& numbers);

// Reads the attributes that convolutions and pools share, for windows of `size` over the spatial
// axes of x, [batch, channels, space...]: strides, dilations, pads, auto_pad and ceil_mode. With
// ceil_mode, the pads behind an axis are enlarged or reduced so that the last window that begins
// inside of the operand or its pads in front is whole. Fails if the lists do not fit.
Attributes::Window WindowOf(NodeConversion& node, Formula& f, const BuiltValue& x,
                            const std::vector<int64_t>& size);

// Applies an operation that works on [channels, space...] to x, [batch, channels, space...]: for
// kMaxPool and kSumPool `kernel` is null. A batch of more than one becomes a spatial axis of its
// own, over which the window is 1 wide, or one operation for each element.
BuiltValue ApplyWindow(Formula& f, OpCode code, const BuiltValue& x, const BuiltValue* kernel,
                       Attributes::Window window);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_OPS_WINDOW_H_
