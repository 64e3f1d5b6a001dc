// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_DISPATCH_H_
#define RNNSERVE_CORE_KERNELS_DISPATCH_H_

#include "core/kernels/isa.h"
#include "hwy/detect_compiler_arch.h"

// A kernel file is compiled once for each instruction set: hwy/foreach_target.h includes it
// repeatedly, each time with another HWY_NAMESPACE and with the compiler options of that
// instruction set. The last part of the file is compiled once and selects the version to call:
//
//   namespace rnnserve::HWY_NAMESPACE { void F(int x) { ... } }
//   #if HWY_ONCE
//   void F(int x) { RNNSERVE_KERNEL(F, PortableF)(x); }
//   #endif
//
// This header alone maps each Isa to its namespace. RNNSERVE_STEP_KERNEL is for functions without a
// portable version; it must not be reached with Isa kPortable.
#if HWY_ARCH_X86
#define RNNSERVE_KERNEL(function, portable)                                            \
  (::rnnserve::ActiveIsa() == ::rnnserve::Isa::kAvx512 ||                              \
           ::rnnserve::ActiveIsa() == ::rnnserve::Isa::kAvx512Vnni ||                  \
           ::rnnserve::ActiveIsa() == ::rnnserve::Isa::kAvx512Bf16                     \
       ? &::rnnserve::N_AVX3::function                                                 \
   : ::rnnserve::ActiveIsa() == ::rnnserve::Isa::kAvx2 ? &::rnnserve::N_AVX2::function \
   : ::rnnserve::ActiveIsa() == ::rnnserve::Isa::kSse4 ? &::rnnserve::N_SSE4::function \
                                                       : (portable))
#elif HWY_ARCH_ARM_A64
#define RNNSERVE_KERNEL(function, portable) \
  (::rnnserve::ActiveIsa() == ::rnnserve::Isa::kNeon ? &::rnnserve::N_NEON::function : (portable))
#endif
#define RNNSERVE_STEP_KERNEL(function) RNNSERVE_KERNEL(function, nullptr)

#endif  // RNNSERVE_CORE_KERNELS_DISPATCH_H_
