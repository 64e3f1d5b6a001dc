// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_DISPATCH_H_
#define RNNSERVE_CORE_KERNELS_DISPATCH_H_

#include <type_traits>

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
// portable version; it must not be reached with Isa kPortable. A program calls a kernel for each of
// its operations, so the active Isa is read once for each call.
#if HWY_ARCH_X86
#define RNNSERVE_KERNEL(function, portable)                                                    \
  ::rnnserve::ChooseKernel(::rnnserve::ActiveIsa(), (portable), &::rnnserve::N_SSE4::function, \
                           &::rnnserve::N_AVX2::function, &::rnnserve::N_AVX3::function)
#elif HWY_ARCH_ARM_A64
#define RNNSERVE_KERNEL(function, portable) \
  (::rnnserve::ActiveIsa() == ::rnnserve::Isa::kNeon ? &::rnnserve::N_NEON::function : (portable))
#endif
#define RNNSERVE_STEP_KERNEL(function) RNNSERVE_KERNEL(function, nullptr)

namespace rnnserve {

// Returns the version of a kernel that `isa` uses. The longer AVX-512 sets share one version.
template <typename Function>
Function* ChooseKernel(Isa isa, std::type_identity_t<Function*> portable, Function* sse4,
                       Function* avx2, Function* avx512) {
  switch (isa) {
    case Isa::kPortable:
    case Isa::kNeon:
      return portable;
    case Isa::kSse4:
      return sse4;
    case Isa::kAvx2:
      return avx2;
    case Isa::kAvx512:
    case Isa::kAvx512Vnni:
    case Isa::kAvx512Bf16:
      return avx512;
  }
  return portable;
}

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_DISPATCH_H_
