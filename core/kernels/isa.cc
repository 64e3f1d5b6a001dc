// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/isa.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstdint>
#include <utility>

#include "hwy/targets.h"

namespace rnnserve {
namespace {

constexpr std::pair<Isa, absl::string_view> kNames[] = {
    {Isa::kPortable, "portable"},
    {Isa::kSse4, "sse4"},
    {Isa::kAvx2, "avx2"},
    {Isa::kAvx512, "avx512"},
    {Isa::kAvx512Vnni, "avx512vnni"},
    {Isa::kAvx512Bf16, "avx512bf16"},
    {Isa::kNeon, "neon"},
};

// The Highway target that the kernels of each Isa are compiled for (see dispatch.h), the slowest
// first.
constexpr std::pair<Isa, int64_t> kTargets[] = {
#if HWY_ARCH_X86
    {Isa::kSse4, HWY_SSE4},
    {Isa::kAvx2, HWY_AVX2},
    {Isa::kAvx512, HWY_AVX3},
#elif HWY_ARCH_ARM_A64
    {Isa::kNeon, HWY_NEON},
#endif
};

std::atomic<Isa>& Active() {
  static std::atomic<Isa> active = SupportedIsas().back();
  return active;
}

}  // namespace

std::vector<Isa> SupportedIsas() {
  std::vector<Isa> supported = {Isa::kPortable};
  for (const auto& [isa, target] : kTargets) {
    if ((hwy::SupportedTargets() & target) != 0) supported.push_back(isa);
  }
#if HWY_ARCH_X86
  if (supported.back() == Isa::kAvx512 && __builtin_cpu_supports("avx512vnni")) {
    supported.push_back(Isa::kAvx512Vnni);
  }
  if (supported.back() == Isa::kAvx512Vnni && __builtin_cpu_supports("avx512bf16")) {
    supported.push_back(Isa::kAvx512Bf16);
  }
#endif
  return supported;
}

absl::string_view IsaName(Isa isa) {
  for (const auto& [known, name] : kNames) {
    if (known == isa) return name;
  }
  return "";
}

std::optional<Isa> IsaFromName(absl::string_view name) {
  for (const auto& [isa, known] : kNames) {
    if (known == name) return isa;
  }
  return std::nullopt;
}

Isa ActiveIsa() { return Active().load(std::memory_order_relaxed); }

void SetActiveIsa(Isa isa) {
  const std::vector<Isa> supported = SupportedIsas();
  assert(std::find(supported.begin(), supported.end(), isa) != supported.end());
  Active().store(isa, std::memory_order_relaxed);
}

}  // namespace rnnserve
