// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/dense_step.h"

#include <optional>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/dense_step.cc"
#include "core/kernels/dispatch.h"
#include "core/kernels/panel_range.h"
#include "hwy/foreach_target.h"  // The file itself, for each target.
#if HWY_TARGET != HWY_SCALAR
#include "core/kernels/panel_product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rnnserve::HWY_NAMESPACE {

struct DenseTile {
  template <int kPanels, int kCols>
  HWY_INLINE void Run(int64_t panel, int64_t first) const {
    GateSums<kPanels, 1, kCols> sums;
    StartFrom(s.start, s.kernel.units(), panel, first, sums);
    AddBlocks<1>(s.kernel, panel, 0, x, first, 0, sums);
    if (h != nullptr) AddBlocks<1>(*s.recurrent_kernel, panel, 0, *h, first, 0, sums);
    for (int p = 0; p < kPanels; ++p) {
      for (int c = 0; c < kCols; ++c) {
        Finish(sums.Of(p, 0, c), s.y.column(first + c) + (panel + p) * kColumnQuantum);
      }
    }
  }

  HWY_NOINLINE void Finish(const float* HWY_RESTRICT sums, float* HWY_RESTRICT y) const {
    const FloatTag d;
    const AnyFunction act(s.activation);
    for (int i = 0; i < kColumnQuantum; i += kLanes) {
      hn::Store(act(hn::Load(d, sums + i)), d, y + i);
    }
  }

  const DenseStepArguments& s;
  const Operand& x;
  const Operand* h;  // null if there is no R
};

void DenseStep(const DenseStepArguments& s, const Operand& x, const Operand* h, PanelRange panels) {
  ForEachTile<1>(panels, s.y.cols, DenseTile{s, x, h});
}

}  // namespace rnnserve::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace rnnserve {

void DenseStep(const DenseStepArguments& step) {
  const Matrix* recurrent = step.recurrent_kernel;
  const Operand x(step.kernel, step.x);
  std::optional<Operand> h;
  if (recurrent != nullptr) h.emplace(*recurrent, step.h);
  const int64_t bytes =
      BytesRead(step.kernel, step.x) + (recurrent != nullptr ? recurrent->bytes() : 0);
  SharePanels(step.team, step.kernel.num_panels(), bytes, [&](PanelRange panels) {
    RNNSERVE_STEP_KERNEL(DenseStep)(step, x, h.has_value() ? &*h : nullptr, panels);
  });
}

}  // namespace rnnserve
#endif
