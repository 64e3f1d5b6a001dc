// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_ELEMENTWISE_H_
#define RNNSERVE_CORE_KERNELS_ELEMENTWISE_H_

#include "core/kernels/activation.h"
#include "core/kernels/columns.h"

namespace rnnserve {

// Whether there is a vector form of an activation (see vector_math-inl.h); the others are computed
// with Eigen or value by value.
bool IsVectorised(Activation activation);

// Whether a layer with these activations runs in the fused kernels of lstm_step.h and its siblings:
// both have a vector form, and the active Isa is not the portable one.
bool HasStepKernels(Activation activation, Activation recurrent_activation);

// x := activation(x) with the vector form, padding included. REQUIRES: HasStepKernels(activation,
// activation).
void ActivateVectors(Activation activation, Columns x);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_ELEMENTWISE_H_
