// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_ONNX_LIMITS_H_
#define RNNSERVE_CORE_IMPORT_ONNX_ONNX_LIMITS_H_

#include <cstdint>

#include "core/model/limits.h"

namespace rnnserve {

// The limits of an ONNX file. A file that exceeds one is refused before anything of that size is
// allocated. FORMAT.md has the table for people.

// Protocol buffers cannot be longer. Larger models keep their weights in files next to them.
constexpr int64_t kOnnxFileBytesMax = (int64_t{1} << 31) - 1;

// A table of embeddings for 250,000 tokens with 1,024 numbers each has as many.
constexpr int64_t kOnnxTensorElementsMax = int64_t{1} << 28;

// All tensors of a file together, as they are stored.
constexpr int64_t kOnnxTensorBytesMax = kWeightBytesMax;

// Elements of one tensor that a node makes of a few numbers, such as a range, the matrix of a Fourier
// transform or the places of a resized axis. A transform of 4,096 complex numbers has as many.
constexpr int64_t kOnnxMadeElementsMax = int64_t{1} << 26;

// Nodes, with those of bodies and functions, as the file has them. A node of an empty file takes
// two bytes and 300 in memory.
constexpr int64_t kOnnxNodesMax = int64_t{1} << 18;

// Nodes that are converted: those of a function count for each call, and those of a loop for each
// pass.
constexpr int64_t kOnnxConversionsMax = int64_t{1} << 18;

// Bodies inside bodies, and calls inside functions.
constexpr int kOnnxDepthMax = 32;

// Passes of one Loop or Scan, which become that many copies of its body.
constexpr int64_t kOnnxPassesMax = 1024;

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_ONNX_LIMITS_H_
