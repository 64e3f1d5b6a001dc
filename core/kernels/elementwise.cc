// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/elementwise.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/elementwise.cc"
#include "core/kernels/dispatch.h"
#include "hwy/foreach_target.h"  // The file itself, for each target.
#if HWY_TARGET != HWY_SCALAR
#include "core/kernels/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rnnserve::HWY_NAMESPACE {

template <typename Act>
void ForEachVector(Columns x, Act act) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t b = 0; b < x.cols; ++b) {
    float* HWY_RESTRICT column = x.column(b);
    const int64_t size = PaddedRows(x.rows);
    for (int64_t i = 0; i < size; i += lanes)
      hn::Store(act(hn::Load(d, column + i)), d, column + i);
  }
}

void ActivateVectors(Activation activation, Columns x) {
  if (activation == Activation::kTanh) return ForEachVector(x, TanhFunction(activation));
  if (activation == Activation::kSigmoid) return ForEachVector(x, SigmoidFunction(activation));
  ForEachVector(x, AnyFunction(activation));
}

}  // namespace rnnserve::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace rnnserve {

bool IsVectorised(Activation activation) {
  switch (activation) {
    case Activation::kLinear:
    case Activation::kRelu:
    case Activation::kRelu6:
    case Activation::kTanh:
    case Activation::kSigmoid:
    case Activation::kHardSigmoid:
    case Activation::kHardSigmoidV1:
    case Activation::kHardTanh:
    case Activation::kSilu:
    case Activation::kSoftsign:
      return true;
    default:
      return false;
  }
}

bool HasStepKernels(Activation activation, Activation recurrent_activation) {
  return ActiveIsa() != Isa::kPortable && IsVectorised(activation) &&
         IsVectorised(recurrent_activation);
}

void ActivateVectors(Activation activation, Columns x) {
  RNNSERVE_STEP_KERNEL(ActivateVectors)(activation, x);
}

}  // namespace rnnserve
#endif
