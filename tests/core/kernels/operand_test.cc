// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/operand.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/kernels/product.h"
#include "tests/support/column_batch.h"
#include "tests/support/malloc_counter.h"
#include "tests/support/scoped_isa.h"

// Tests how inputs are converted for processors that multiply narrow weights directly, and the
// results of such a product for inputs at the ends of their range.

namespace rnnserve {
namespace {

using ::rnnserve::testing::ColumnBatch;
using ::rnnserve::testing::MallocCounter;
using ::rnnserve::testing::ScopedIsa;
using ::testing::ElementsAre;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Matrix Ones(int64_t input_size, WeightType type) {
  return Matrix(std::vector<float>(static_cast<size_t>(input_size), 1.0f), input_size, 1, 1, type);
}

// Returns W x for every column, where W holds the given weights of one unit.
std::vector<float> Products(const Matrix& weights, const std::vector<std::vector<float>>& rows) {
  ColumnBatch x(rows);
  ColumnBatch y(1, static_cast<int64_t>(rows.size()));
  Affine(weights, PackBias({}, 1, 1), x.columns(), y.columns());
  std::vector<float> products;
  for (size_t b = 0; b < rows.size(); ++b) {
    products.push_back(y.values(static_cast<int64_t>(b))[0]);
  }
  return products;
}

uint32_t WordOf(const Operand& operand, int64_t b, int64_t i) {
  return std::bit_cast<uint32_t>(operand.words(b)[i]);
}

class OperandTest : public ::testing::TestWithParam<Isa> {
 protected:
  const ScopedIsa isa_{GetParam()};
};

TEST_P(OperandTest, Float32InputsAreNotConverted) {
  ColumnBatch x({{1, 2, 3}});

  EXPECT_FALSE(Operand(Ones(3, WeightType::kFloat32), x.columns()).is_narrow());
}

TEST_P(OperandTest, AnOperandWithoutRowsIsEmpty) {
  const Operand operand(Ones(3, WeightType::kInt8), ConstColumns());

  EXPECT_FALSE(operand.is_narrow());
  EXPECT_EQ(operand.columns().rows, 0);
}

TEST_P(OperandTest, ZeroInputsGiveZero) {
  EXPECT_THAT(Products(Ones(5, WeightType::kInt8), {{0, 0, 0, 0, 0}}), ElementsAre(0.0f));
}

TEST_P(OperandTest, TheLargestInputAndItsNegativeKeepTheirValue) {
  const Matrix weights = Ones(1, WeightType::kInt8);

  for (const float value : {1.0f, -1.0f, 1e36f, -1e36f, 1e-30f, 0.1f, -123.456f}) {
    EXPECT_THAT(Products(weights, {{value}}),
                ElementsAre(::testing::FloatNear(value, std::fabs(value) * 4e-7f)));
  }
}

TEST_P(OperandTest, AnInputThatIsNotFiniteMakesItsColumnNotFinite) {
  for (const WeightType type : {WeightType::kBfloat16, WeightType::kInt8}) {
    for (const float value : {kInfinity, -kInfinity, kNan}) {
      const std::vector<float> products =
          Products(Ones(3, type), {{1, 2, 3}, {1, value, 0}, {4, 5, 6}});

      EXPECT_NEAR(products[0], 6, 1e-4) << value;
      EXPECT_FALSE(std::isfinite(products[1])) << value;
      EXPECT_NEAR(products[2], 15, 1e-3) << value;
    }
  }
}

TEST_P(OperandTest, ManyInputsDoNotOverflow) {
  for (const int64_t input_size : {32'768, 32'769, 100'000}) {
    const std::vector<float> x(static_cast<size_t>(input_size), -0.5f);

    EXPECT_THAT(Products(Ones(input_size, WeightType::kInt8), {x}),
                ElementsAre(::testing::FloatNear(-0.5f * static_cast<float>(input_size), 1.0f)))
        << input_size;
  }
}

TEST_P(OperandTest, AllocatesNothingOnceItsThreadHasMemory) {
  const Matrix weights = Ones(40, WeightType::kInt8);
  ColumnBatch x(40, 5);
  { const Operand first(weights, x.columns()); }

  const MallocCounter allocations;
  { const Operand second(weights, x.columns().Slice(0, 3)); }

  EXPECT_EQ(allocations.count(), 0);
}

TEST_P(OperandTest, ALargeOperandLeavesNoMemoryBehind) {
  const Matrix weights = Ones(4096, WeightType::kInt8);
  ColumnBatch x(4096, 600);
  const Columns columns = x.columns();
  std::fill(columns.data, columns.data + columns.cols * columns.stride, 0.5f);
  if (!Operand(weights, columns).is_narrow()) GTEST_SKIP() << "inputs are not narrowed";

  const MallocCounter allocations;
  { const Operand again(weights, columns); }

  EXPECT_GT(allocations.thread_bytes_asked(), 4 << 20);
}

TEST_P(OperandTest, BytesHoldTheRoundedInputs) {
  if (!MultipliesNarrow(WeightType::kInt8)) GTEST_SKIP() << "int8 is widened";
  // q + 32768 is 0xffff, 0x0001, 0x8000, 0xc000, and 0x8001.
  ColumnBatch x({{32'767, -32'767, 0.25f, 16'384, 1}, {2, 1, 0, 0, 0}});
  const Operand operand(Ones(5, WeightType::kInt8), x.columns());

  ASSERT_TRUE(operand.is_narrow());
  EXPECT_EQ(operand.scale(0), 1.0f);
  EXPECT_EQ(WordOf(operand, 0, 0), 0x000001ffu) << "low";
  EXPECT_EQ(WordOf(operand, 0, 1), 0xc08000ffu) << "high";
  EXPECT_EQ(WordOf(operand, 0, 2) & 0xff, 0x01u);
  EXPECT_EQ(WordOf(operand, 0, 3) & 0xff, 0x80u);
  EXPECT_EQ(operand.scale(1), 2.0f / 32'767.0f);
}

TEST_P(OperandTest, TooManyInputsForASumAreMultipliedAsFloats) {
  if (!MultipliesNarrow(WeightType::kInt8)) GTEST_SKIP() << "int8 is widened";
  const std::vector<float> x(32'769, 1.0f);
  ColumnBatch columns({x});

  EXPECT_FALSE(Operand(Ones(32'769, WeightType::kInt8), columns.columns()).is_narrow());
  EXPECT_TRUE(
      Operand(Ones(32'768, WeightType::kInt8), columns.columns().Rows(0, 32'768)).is_narrow());
}

TEST_P(OperandTest, AnOddNumberOfBfloat16InputsEndsWithAZero) {
  if (!MultipliesNarrow(WeightType::kBfloat16)) GTEST_SKIP() << "bfloat16 is widened";
  ColumnBatch x({{1.0f, -2.0f, 0.5f}});
  const Operand operand(Ones(3, WeightType::kBfloat16), x.columns());

  ASSERT_TRUE(operand.is_narrow());
  EXPECT_EQ(WordOf(operand, 0, 0), 0xc0003f80u);
  EXPECT_EQ(WordOf(operand, 0, 1), 0x00003f00u);
}

TEST(OperandIsaTest, EachTypeNeedsItsInstructions) {
  for (const Isa isa : SupportedIsas()) {
    const ScopedIsa scoped(isa);
    const bool has_pairs = isa == Isa::kAvx512Bf16;

    EXPECT_FALSE(MultipliesNarrow(WeightType::kFloat32)) << IsaName(isa);
    EXPECT_EQ(MultipliesNarrow(WeightType::kBfloat16), has_pairs) << IsaName(isa);
    EXPECT_EQ(MultipliesNarrow(WeightType::kInt8), has_pairs || isa == Isa::kAvx512Vnni)
        << IsaName(isa);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, OperandTest, ::testing::ValuesIn(SupportedIsas()),
                         [](const auto& isa) { return std::string(IsaName(isa.param)); });

}  // namespace
}  // namespace rnnserve
