// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests that the ceilings do all the work that they are timed for, with every instruction set of
// this processor. A ceiling that skipped work would make every kernel look slow.

#include "tests/bench/ceilings.h"

#include <gtest/gtest.h>

#include <string>

#include "core/kernels/isa.h"
#include "tests/support/scoped_isa.h"

namespace rnnserve::testing {
namespace {

class CeilingsTest : public ::testing::TestWithParam<Isa> {
 protected:
  const ScopedIsa isa_{GetParam()};
};

TEST_P(CeilingsTest, EveryValueIsReadOnce) {
  for (const int num_streams : {1, 2, 4}) {
    AlignedBuffer values(2 * kReadQuantum);
    for (int64_t i = 0; i < values.size(); ++i) values.data()[i] = static_cast<float>(i);

    EXPECT_EQ(ReadAll(values, num_streams), 255.0f * 128.0f) << num_streams << " streams";
  }
}

TEST_P(CeilingsTest, OperationsAreCountedByRounds) {
  double one = 0;
  double ten = 0;

  MultiplyAndAdd(1, &one);
  MultiplyAndAdd(10, &ten);

  EXPECT_GT(one, 0);
  EXPECT_EQ(ten, 10 * one);
}

TEST_P(CeilingsTest, EveryChainRuns) {
  double operations = 0;

  const float sum = MultiplyAndAdd(100, &operations);

  // x / 2 + 1 converges to 2 in every lane of every chain. Each lane does a multiplication and an
  // addition in each round.
  EXPECT_EQ(sum, 2.0f * static_cast<float>(operations / 2 / 100));
}

TEST_P(CeilingsTest, EveryChainOfPairsRuns) {
  if (GetParam() != Isa::kAvx512Bf16) GTEST_SKIP() << "has no instruction for pairs";
  double operations = 0;

  const float sum = MultiplyAndAddPairs(100, &operations);

  // Each round adds 1/2 + 1/2 in every lane of every chain, which takes four operations.
  EXPECT_GT(operations, 0);
  EXPECT_EQ(sum, static_cast<float>(operations / 4));
}

TEST_P(CeilingsTest, EveryChainOfFoursRuns) {
  if (GetParam() != Isa::kAvx512Vnni && GetParam() != Isa::kAvx512Bf16) {
    GTEST_SKIP() << "has no instruction for fours";
  }
  double operations = 0;

  const float sum = MultiplyAndAddFours(100, &operations);

  // Each round adds four products of 1 in every lane of every chain, which are half of eight
  // operations.
  EXPECT_GT(operations, 0);
  EXPECT_EQ(sum, static_cast<float>(operations));
}

std::vector<Isa> VectorIsas() {
  std::vector<Isa> isas = SupportedIsas();
  isas.erase(isas.begin());  // kPortable
  return isas;
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, CeilingsTest, ::testing::ValuesIn(VectorIsas()),
                         [](const auto& isa) { return std::string(IsaName(isa.param)); });

}  // namespace
}  // namespace rnnserve::testing
