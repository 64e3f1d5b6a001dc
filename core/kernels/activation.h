// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_ACTIVATION_H_
#define RNNSERVE_CORE_KERNELS_ACTIVATION_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "core/kernels/columns.h"

namespace rnnserve {

// The activations of Keras 3, with its formulas (keras.activations). The ones over a whole vector
// (softmax, log_softmax, sparsemax) work on each column by itself.
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
  kHardSigmoidV1,  // clip(0.2 x + 0.5, 0, 1): hard_sigmoid in Keras 2
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

// Returns the activation that Keras knows under this name or alias ("swish", "hard_swish"). Also
// accepts "hard_sigmoid_v1", which Keras does not know. Returns nullopt for any other name.
std::optional<Activation> ActivationFromName(absl::string_view name);

// Returns the Keras name.
absl::string_view ActivationName(Activation activation);

// Applies the activation to x, [rows, batch], in place. The result for a column is the same to the
// bit whatever the other columns hold.
void Activate(Activation activation, Columns x);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_ACTIVATION_H_
