// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/prefetch.h"

#include "hwy/detect_compiler_arch.h"
#if HWY_ARCH_X86
#include <cpuid.h>
#endif

namespace rnnserve {
namespace {

// Larger matrices do not stay in the second-level cache.
constexpr int64_t kFarBytes = int64_t{2} << 20;

bool IsZen5() {
#if HWY_ARCH_X86
  unsigned largest_leaf, ebx, ecx, edx;
  // EBX, EDX and ECX hold the vendor, "AuthenticAMD".
  if (__get_cpuid(0, &largest_leaf, &ebx, &ecx, &edx) == 0 || ebx != signature_AMD_ebx ||
      edx != signature_AMD_edx || ecx != signature_AMD_ecx) {
    return false;
  }
  unsigned signature;
  if (__get_cpuid(1, &signature, &ebx, &ecx, &edx) == 0) return false;
  const unsigned base_family = (signature >> 8) & 0xf;
  const unsigned extended_family = (signature >> 20) & 0xff;
  return base_family + extended_family == 0x1a;
#else
  return false;
#endif
}

}  // namespace

int64_t PrefetchDistance(int64_t matrix_bytes) {
  static const int64_t of_far_matrices = IsZen5() ? 2048 : 0;
  return matrix_bytes > kFarBytes ? of_far_matrices : 0;
}

}  // namespace rnnserve
