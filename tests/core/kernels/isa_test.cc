// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/isa.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/scoped_isa.h"

// Tests the names of instruction sets, and the choice of the active one.

namespace rnnserve {
namespace {

using ::rnnserve::testing::ScopedIsa;

TEST(IsaTest, PortableIsSupportedEverywhere) { EXPECT_EQ(SupportedIsas().front(), Isa::kPortable); }

TEST(IsaTest, TheFastestIsActiveAtFirst) { EXPECT_EQ(ActiveIsa(), SupportedIsas().back()); }

TEST(IsaTest, AnotherIsaCanBeMadeActive) {
  const Isa before = ActiveIsa();
  {
    const ScopedIsa portable(Isa::kPortable);
    EXPECT_EQ(ActiveIsa(), Isa::kPortable);
  }

  EXPECT_EQ(ActiveIsa(), before);
}

TEST(IsaTest, IsFoundByItsName) {
  for (const Isa isa : {Isa::kPortable, Isa::kSse4, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Vnni,
                        Isa::kAvx512Bf16, Isa::kNeon}) {
    EXPECT_NE(IsaName(isa), "");
    EXPECT_EQ(IsaFromName(IsaName(isa)), isa);
  }
  EXPECT_EQ(IsaFromName("mmx"), std::nullopt);
}

}  // namespace
}  // namespace rnnserve
