// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_ISA_H_
#define RNNSERVE_CORE_KERNELS_ISA_H_

#include <optional>
#include <vector>

#include "absl/strings/string_view.h"

namespace rnnserve {

// The instruction sets that the kernels are compiled for, all in one binary. Results differ between
// them in the last bits (some multiply and add with one rounding, some with two), and those of
// narrow weights as operand.h says; under one of them they depend on nothing else.
enum class Isa {
  kPortable,    // the loops in Eigen, for any processor: the reference that the others are tested
                // with
  kSse4,        // x86-64 with SSE4.2
  kAvx2,        // x86-64 with AVX2 and FMA
  kAvx512,      // x86-64 with AVX-512 F, BW, DQ and VL
  kAvx512Vnni,  // with AVX-512 VNNI besides, which multiplies int8 weights by fours
  kAvx512Bf16,  // with AVX-512 BF16 besides both, which multiplies bfloat16 weights by pairs
  kNeon,        // arm64
};

// Those that this processor has, the fastest last.
std::vector<Isa> SupportedIsas();

// "portable", "sse4", "avx2", "avx512", "avx512bf16", "neon".
absl::string_view IsaName(Isa isa);
// The one of that name; nothing if there is none.
std::optional<Isa> IsaFromName(absl::string_view name);

// What the kernels of this process use: the fastest supported one, until it is set. It is asked for
// at every kernel, so it must not be set while a model runs. Kernels of a plug-in are its own, and
// use the fastest. Thread-safe. REQUIRES: SupportedIsas() has `isa`.
Isa ActiveIsa();
void SetActiveIsa(Isa isa);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_ISA_H_
