// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_ACTIVATION_H_
#define RNNSERVE_CORE_KERNELS_ACTIVATION_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "core/kernels/columns.h"

namespace rnnserve {

// The activations that Keras 3 names, with its formulas (keras.activations). Those that look at the
// whole vector (softmax, log_softmax, sparsemax) work on each column by itself.
enum class Activation {
  kLinear,
  kRelu,
  kRelu6,
  kLeakyRelu,  // slope 0.2
  kElu,
  kSelu,
  kCelu,
  kTanh,
  kSigmoid,
  kExponential,
  kSoftplus,
  kSoftsign,
  kHardSigmoid,    // clip(x / 6 + 0.5, 0, 1)
  kHardSigmoidV1,  // clip(0.2 x + 0.5, 0, 1): what Keras 2 called hard_sigmoid
  kHardSilu,
  kHardTanh,
  kSilu,
  kGelu,  // the exact form, with erf
  kMish,
  kLogSigmoid,
  kTanhShrink,
  kHardShrink,
  kSoftShrink,
  kSquareplus,
  kSparsePlus,
  kSparseSigmoid,
  kSoftmax,
  kLogSoftmax,
  kSparsemax,
};

// The activation of that Keras name or alias ("swish", "hard_swish"), or "hard_sigmoid_v1"; nothing
// if there is none.
std::optional<Activation> ActivationFromName(absl::string_view name);

// The Keras name.
absl::string_view ActivationName(Activation activation);

// x := activation(x), in place, [rows, batch]. The bits of a column do not depend on the others.
void Activate(Activation activation, Columns x);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_ACTIVATION_H_
