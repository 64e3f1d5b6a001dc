// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/lstm_step.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/lstm_step.cc"
#include "core/kernels/dispatch.h"
#include "core/kernels/gates.h"
#include "core/kernels/panel_range.h"
#include "hwy/foreach_target.h"  // The file itself, for each target.
#if HWY_TARGET != HWY_SCALAR
#include "core/kernels/panel_product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rnnserve::HWY_NAMESPACE {

// Finishes a step: computes the new states from the gate sums, for 16 units of column b, starting
// at `unit`,
//
//   c' = rec(f) * c + rec(i) * act(g)        h' = rec(o) * act(c')
//
// The sums of the gates are `gate_stride` floats apart. This is a function pointer and not a
// template argument of the tile, so that the products are compiled once for all activations.
using Finish = void (*)(const LstmStepArguments& s, const float* sums, int64_t gate_stride,
                        int64_t unit, int64_t b);

template <typename Act, typename Rec>
HWY_NOINLINE void FinishUnits(const LstmStepArguments& s, const float* HWY_RESTRICT sums,
                              int64_t gate_stride, int64_t unit, int64_t b) {
  const FloatTag d;
  const Act act(s.activation);
  const Rec rec(s.recurrent_activation);
  for (int64_t end = unit + kColumnQuantum; unit < end; unit += kLanes, sums += kLanes) {
    const Vec i = rec(hn::Load(d, sums + lstm_gate::kInput * gate_stride));
    const Vec f = rec(hn::Load(d, sums + lstm_gate::kForget * gate_stride));
    const Vec g = act(hn::Load(d, sums + lstm_gate::kCandidate * gate_stride));
    const Vec o = rec(hn::Load(d, sums + lstm_gate::kOutput * gate_stride));
    const Vec next_c = hn::MulAdd(f, hn::Load(d, s.c.column(b) + unit), hn::Mul(i, g));
    const Vec next_h = hn::Mul(o, act(next_c));
    hn::Store(next_c, d, s.next_c.column(b) + unit);
    hn::Store(next_h, d, s.next_h.column(b) + unit);
    hn::Store(next_h, d, s.y.column(b) + unit);
  }
}

struct LstmTile {
  template <int kPanels, int kCols>
  HWY_INLINE void Run(int64_t panel, int64_t first) const {
    GateSums<kPanels, 4, kCols> sums;
    StartFrom(s.start, s.kernel.units(), panel, first, sums);
    AddBlocks<4>(s.kernel, panel, 0, x, first, 0, sums);
    AddBlocks<4>(s.recurrent_kernel, panel, 0, h, first, 0, sums);
    for (int p = 0; p < kPanels; ++p) {
      for (int c = 0; c < kCols; ++c) {
        finish(s, sums.Of(p, 0, c), sums.kGateStride, (panel + p) * kColumnQuantum, first + c);
      }
    }
  }

  const LstmStepArguments& s;
  const Operand& x;
  const Operand& h;
  Finish finish;
};

void LstmStep(const LstmStepArguments& s, const Operand& x, const Operand& h, PanelRange panels) {
  const bool is_usual =
      s.activation == Activation::kTanh && s.recurrent_activation == Activation::kSigmoid;
  const LstmTile tile{s, x, h,
                      is_usual ? &FinishUnits<TanhFunction, SigmoidFunction>
                               : &FinishUnits<AnyFunction, AnyFunction>};
  ForEachTile<4>(panels, s.h.cols, tile);
}

}  // namespace rnnserve::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace rnnserve {

void LstmStep(const LstmStepArguments& step) {
  const Operand x(step.kernel, step.x);
  const Operand h(step.recurrent_kernel, step.h);
  const int64_t bytes = BytesRead(step.kernel, step.x) + step.recurrent_kernel.bytes();
  SharePanels(step.team, step.kernel.num_panels(), bytes, [&](PanelRange panels) {
    RNNSERVE_STEP_KERNEL(LstmStep)(step, x, h, panels);
  });
}

}  // namespace rnnserve
#endif
