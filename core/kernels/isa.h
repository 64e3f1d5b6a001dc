// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_ISA_H_
#define RNNSERVE_CORE_KERNELS_ISA_H_

#include <optional>
#include <vector>

#include "absl/strings/string_view.h"

namespace rnnserve {

// The instruction sets that the kernels are compiled for, all in one binary. Their results differ
// in the last bits, because some round a multiply-add once and others twice. Results with narrow
// weights also differ as operand.h describes. With the same Isa, results are always the same.
enum class Isa {
  kPortable,    // loops in Eigen, for any processor; the others are tested against them
  kSse4,        // x86-64 with SSE4.2
  kAvx2,        // x86-64 with AVX2 and FMA
  kAvx512,      // x86-64 with AVX-512 F, BW, DQ and VL
  kAvx512Vnni,  // kAvx512 plus AVX-512 VNNI, which multiplies four int8 weights at a time
  kAvx512Bf16,  // kAvx512Vnni plus AVX-512 BF16, which multiplies two bfloat16 weights at a time
  kNeon,        // arm64
};

// Returns the instruction sets of this processor, the fastest last.
std::vector<Isa> SupportedIsas();

// Returns "portable", "sse4", "avx2", "avx512", "avx512vnni", "avx512bf16" or "neon".
absl::string_view IsaName(Isa isa);
// Returns the Isa of that name, or nullopt if there is none.
std::optional<Isa> IsaFromName(absl::string_view name);

// Return and set the instruction set that the kernels of this process use: the fastest supported
// one, until another one is set. Every kernel call reads it, so it must not be set while a model
// runs. A plug-in has its own copy of the kernels, which always uses the fastest. Thread-safe.
// REQUIRES: SupportedIsas() contains `isa`.
Isa ActiveIsa();
void SetActiveIsa(Isa isa);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_ISA_H_
