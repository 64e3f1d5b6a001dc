// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/gru_step.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/gru_step.cc"
#include "core/kernels/dispatch.h"
#include "core/kernels/gates.h"
#include "core/kernels/panel_range.h"
#include "hwy/foreach_target.h"  // The file itself, for each target.
#if HWY_TARGET != HWY_SCALAR
#include "core/kernels/panel_product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rnnserve::HWY_NAMESPACE {

// h' = z * h + (1 - z) * hh
HWY_INLINE void StoreNext(const GruStepArguments& s, Vec z, Vec hh, int64_t unit, int64_t b) {
  const FloatTag d;
  const Vec h = hn::Load(d, s.h.column(b) + unit);
  const Vec next_h = hn::MulAdd(z, h, hn::Mul(hn::Sub(Constant(1.0f), z), hh));
  hn::Store(next_h, d, s.next_h.column(b) + unit);
  hn::Store(next_h, d, s.y.column(b) + unit);
}

// Finishes a step with reset_after: computes, for 16 units of column b, starting at `unit`,
//
//   hh = act(x K_h + b_h + rec(r) * (h R_h + s_h))        h' = rec(z) * h + (1 - rec(z)) * hh
//
// `sums` holds the sums of z and r, and h R_h + s_h, `gate_stride` floats apart. `candidate_of_x`
// is x K_h + b_h.
using FinishAfter = void (*)(const GruStepArguments& s, const float* sums,
                             const float* candidate_of_x, int64_t gate_stride, int64_t unit,
                             int64_t b);

template <typename Act, typename Rec>
HWY_NOINLINE void FinishUnitsAfter(const GruStepArguments& s, const float* HWY_RESTRICT sums,
                                   const float* HWY_RESTRICT candidate_of_x, int64_t gate_stride,
                                   int64_t unit, int64_t b) {
  const FloatTag d;
  const Act act(s.activation);
  const Rec rec(s.recurrent_activation);
  for (int i = 0; i < kColumnQuantum; i += kLanes) {
    const Vec z = rec(hn::Load(d, sums + gru_gate::kUpdate * gate_stride + i));
    const Vec r = rec(hn::Load(d, sums + gru_gate::kReset * gate_stride + i));
    const Vec candidate_of_h = hn::Load(d, sums + gru_gate::kCandidate * gate_stride + i);
    const Vec hh = act(hn::MulAdd(r, candidate_of_h, hn::Load(d, candidate_of_x + i)));
    StoreNext(s, z, hh, unit + i, b);
  }
}

struct GruTileAfter {
  template <int kPanels, int kCols>
  HWY_INLINE void Run(int64_t panel, int64_t first) const {
    const int64_t units = s.kernel.units();
    GateSums<kPanels, 3, kCols> of_x;
    StartFrom(s.start, units, panel, first, of_x);
    AddBlocks<3>(s.kernel, panel, 0, x, first, 0, of_x);

    // The product with h continues the sums of z and r. The candidate starts a new sum, because r
    // multiplies its part of h alone.
    GateSums<kPanels, 3, kCols> sums;
    for (int p = 0; p < kPanels; ++p) {
      const float* bias = candidate_bias + (panel + p) * kColumnQuantum;
      for (int c = 0; c < kCols; ++c) {
        for (const int gate : {gru_gate::kUpdate, gru_gate::kReset}) {
          std::copy_n(of_x.Of(p, gate, c), kColumnQuantum, sums.Of(p, gate, c));
        }
        std::copy_n(bias, kColumnQuantum, sums.Of(p, gru_gate::kCandidate, c));
      }
    }
    AddBlocks<3>(recurrent_kernel, panel, 0, h, first, 0, sums);
    for (int p = 0; p < kPanels; ++p) {
      for (int c = 0; c < kCols; ++c) {
        finish(s, sums.Of(p, 0, c), of_x.Of(p, gru_gate::kCandidate, c), sums.kGateStride,
               (panel + p) * kColumnQuantum, first + c);
      }
    }
  }

  const GruStepArguments& s;
  const Matrix& recurrent_kernel;
  const float* candidate_bias;
  const Operand& x;
  const Operand& h;
  FinishAfter finish;
};

void GruStepResetAfter(const GruStepArguments& s, const Matrix& recurrent_kernel,
                       const float* candidate_bias, const Operand& x, const Operand& h,
                       PanelRange panels) {
  const bool is_usual =
      s.activation == Activation::kTanh && s.recurrent_activation == Activation::kSigmoid;
  const GruTileAfter tile{s,
                          recurrent_kernel,
                          candidate_bias,
                          x,
                          h,
                          is_usual ? &FinishUnitsAfter<TanhFunction, SigmoidFunction>
                                   : &FinishUnitsAfter<AnyFunction, AnyFunction>};
  ForEachTile<3>(panels, s.h.cols, tile);
}

// The first pass without reset_after: computes z, rec(r) * h, and x K_h + b_h, which the sum of the
// candidate starts with.
struct GruGatesTile {
  template <int kPanels, int kCols>
  HWY_INLINE void Run(int64_t panel, int64_t first) const {
    GateSums<kPanels, 3, kCols> sums;
    StartFrom(s.start, s.kernel.units(), panel, first, sums);
    AddBlocks<3>(s.kernel, panel, 0, x, first, 0, sums);
    AddBlocks<2>(gate_recurrent_kernel, panel, 0, h, first, 0, sums);
    for (int p = 0; p < kPanels; ++p) {
      for (int c = 0; c < kCols; ++c) {
        Finish(sums.Of(p, 0, c), sums.kGateStride, (panel + p) * kColumnQuantum, first + c);
      }
    }
  }

  HWY_NOINLINE void Finish(const float* sums, int64_t gate_stride, int64_t unit, int64_t b) const {
    const FloatTag d;
    const AnyFunction rec(s.recurrent_activation);
    for (int i = 0; i < kColumnQuantum; i += kLanes) {
      const Vec r = rec(hn::Load(d, sums + gru_gate::kReset * gate_stride + i));
      hn::Store(rec(hn::Load(d, sums + gru_gate::kUpdate * gate_stride + i)), d,
                scratch.z.column(b) + unit + i);
      hn::Store(hn::Mul(r, hn::Load(d, s.h.column(b) + unit + i)), d,
                scratch.reset_h.column(b) + unit + i);
      hn::Store(hn::Load(d, sums + gru_gate::kCandidate * gate_stride + i), d,
                scratch.candidate_of_x.column(b) + unit + i);
    }
  }

  const GruStepArguments& s;
  const Matrix& gate_recurrent_kernel;
  const GruScratch& scratch;
  const Operand& x;
  const Operand& h;
};

// The second pass: computes hh = act(x K_h + b_h + (rec(r) * h) R_h), and h'.
struct GruCandidateTile {
  template <int kPanels, int kCols>
  HWY_INLINE void Run(int64_t panel, int64_t first) const {
    GateSums<kPanels, 1, kCols> sums;
    StartFrom(scratch.candidate_of_x, s.kernel.units(), panel, first, sums);
    AddBlocks<1>(candidate_recurrent_kernel, panel, 0, reset_h, first, 0, sums);
    for (int p = 0; p < kPanels; ++p) {
      for (int c = 0; c < kCols; ++c) {
        Finish(sums.Of(p, 0, c), (panel + p) * kColumnQuantum, first + c);
      }
    }
  }

  HWY_NOINLINE void Finish(const float* sums, int64_t unit, int64_t b) const {
    const FloatTag d;
    const AnyFunction act(s.activation);
    for (int i = 0; i < kColumnQuantum; i += kLanes) {
      const Vec hh = act(hn::Load(d, sums + i));
      StoreNext(s, hn::Load(d, scratch.z.column(b) + unit + i), hh, unit + i, b);
    }
  }

  const GruStepArguments& s;
  const Matrix& candidate_recurrent_kernel;
  const GruScratch& scratch;
  const Operand& reset_h;
};

void GruGates(const GruStepArguments& s, const Matrix& gate_recurrent_kernel,
              const GruScratch& scratch, const Operand& x, const Operand& h, PanelRange panels) {
  ForEachTile<3>(panels, s.h.cols, GruGatesTile{s, gate_recurrent_kernel, scratch, x, h});
}

void GruCandidate(const GruStepArguments& s, const Matrix& candidate_recurrent_kernel,
                  const GruScratch& scratch, const Operand& reset_h, PanelRange panels) {
  ForEachTile<1>(panels, s.h.cols,
                 GruCandidateTile{s, candidate_recurrent_kernel, scratch, reset_h});
}

}  // namespace rnnserve::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace rnnserve {

void GruStepResetAfter(const GruStepArguments& step, const Matrix& recurrent_kernel,
                       const float* candidate_bias) {
  const Operand x(step.kernel, step.x);
  const Operand h(recurrent_kernel, step.h);
  const int64_t bytes = BytesRead(step.kernel, step.x) + recurrent_kernel.bytes();
  SharePanels(step.team, step.kernel.num_panels(), bytes, [&](PanelRange panels) {
    RNNSERVE_STEP_KERNEL(GruStepResetAfter)(step, recurrent_kernel, candidate_bias, x, h, panels);
  });
}

void GruStepResetBefore(const GruStepArguments& step, const Matrix& gate_recurrent_kernel,
                        const Matrix& candidate_recurrent_kernel, const GruScratch& scratch) {
  const int64_t num_panels = step.kernel.num_panels();
  const Operand x(step.kernel, step.x);
  const Operand h(gate_recurrent_kernel, step.h);
  const int64_t bytes = BytesRead(step.kernel, step.x) + gate_recurrent_kernel.bytes();
  SharePanels(step.team, num_panels, bytes, [&](PanelRange panels) {
    RNNSERVE_STEP_KERNEL(GruGates)(step, gate_recurrent_kernel, scratch, x, h, panels);
  });
  const Operand reset_h(candidate_recurrent_kernel, scratch.reset_h);
  SharePanels(step.team, num_panels, candidate_recurrent_kernel.bytes(), [&](PanelRange panels) {
    RNNSERVE_STEP_KERNEL(GruCandidate)(step, candidate_recurrent_kernel, scratch, reset_h, panels);
  });
}

}  // namespace rnnserve
#endif
