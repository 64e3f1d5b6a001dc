// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_ELEMENTWISE_H_
#define RNNSERVE_CORE_KERNELS_ELEMENTWISE_H_

#include "core/kernels/activation.h"
#include "core/kernels/columns.h"

namespace rnnserve {

// Returns whether an activation has a vector form (see vector_math-inl.h). The others are computed
// with Eigen or value by value.
bool IsVectorised(Activation activation);

// Returns whether a layer with these activations can use the fused kernels (lstm_step.h,
// gru_step.h, dense_step.h): both have a vector form, and the active Isa is not kPortable.
bool HasStepKernels(Activation activation, Activation recurrent_activation);

// Applies the vector form of an activation to x in place, padding included. REQUIRES:
// HasStepKernels(activation, activation).
void ActivateVectors(Activation activation, Columns x);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_ELEMENTWISE_H_
