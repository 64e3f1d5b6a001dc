// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/product.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/kernels/isa.h"
#include "tests/support/column_batch.h"
#include "tests/support/malloc_counter.h"
#include "tests/support/scoped_isa.h"

// Compares products with numbers worked out by hand and with a plain loop in the promised order.
// They must match the loop bit for bit, whatever the batch, under every Isa of this machine.

namespace rnnserve {
namespace {

using ::rnnserve::testing::ColumnBatch;
using ::rnnserve::testing::MallocCounter;
using ::rnnserve::testing::ScopedIsa;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

std::vector<float> RandomValues(int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = uniform(random);
  return values;
}

std::vector<std::vector<float>> RandomRows(int count, int64_t size) {
  std::vector<std::vector<float>> rows;
  rows.reserve(static_cast<size_t>(count));
  for (int b = 0; b < count; ++b) rows.push_back(RandomValues(size, static_cast<unsigned>(3 + b)));
  return rows;
}

// Returns whether a multiplication and its addition are rounded together, only once.
bool IsFused(Isa isa) { return isa != Isa::kPortable && isa != Isa::kSse4; }

// Computes the sum as Affine promises it: the bias first, then the inputs in ascending order.
std::vector<float> PlainAffine(Isa isa, const std::vector<float>& kernel, std::vector<float> sum,
                               const std::vector<float>& x) {
  for (size_t k = 0; k < x.size(); ++k) {
    for (size_t o = 0; o < sum.size(); ++o) {
      const float weight = kernel[k * sum.size() + o];
      const float product = weight * x[k];
      sum[o] = IsFused(isa) ? std::fma(weight, x[k], sum[o]) : sum[o] + product;
    }
  }
  return sum;
}

// The matrix has two blocks of 20 units, with two panels each.
TEST(MatrixTest, ABlockOfAProductHasTheBitsOfTheWhole) {
  constexpr int64_t kUnits = 20;
  const Matrix weights(RandomValues(6 * kUnits, 1), 3, 2, kUnits);
  const AlignedBuffer bias = PackBias(RandomValues(2 * kUnits, 2), 2, kUnits);
  ColumnBatch x({RandomValues(3, 3), RandomValues(3, 4), RandomValues(3, 5)});
  ColumnBatch whole(weights.output_rows(), 3);
  Affine(weights, bias, x.columns(), whole.columns());
  AddProduct(weights, x.columns(), whole.columns());
  ColumnBatch blocks(weights.output_rows(), 3);

  AffineBlock(weights, 1, bias, x.columns(), blocks.columns());

  EXPECT_TRUE(std::isnan(blocks.values(0)[kUnits]));
  AddBlockProduct(weights, 1, x.columns(), blocks.columns());
  AffineBlock(weights, 0, bias, x.columns(), blocks.columns());
  AddBlockProduct(weights, 0, x.columns(), blocks.columns());
  for (int64_t b = 0; b < 3; ++b) {
    EXPECT_THAT(blocks.values(b), ElementsAreArray(whole.values(b))) << b;
  }
}

TEST(MatrixTest, AffineMultipliesAndAddsTheBias) {
  const Matrix weights({1, 2, 3,      // from input 0
                        10, 20, 30},  // from input 1
                       2, 1, 3);
  const AlignedBuffer bias = PackBias({0.5f, 0.25f, 0}, 1, 3);
  ColumnBatch x({{1, 1}, {2, -1}});
  ColumnBatch y(3, 2);

  Affine(weights, bias, x.columns(), y.columns());

  EXPECT_THAT(y.values(0), ElementsAre(11.5f, 22.25f, 33));
  EXPECT_THAT(y.values(1), ElementsAre(-7.5f, -15.75f, -24));
}

TEST(MatrixTest, AddProductAddsToTheOutput) {
  const Matrix weights({1, 2, 3, 10, 20, 30}, 2, 1, 3);
  ColumnBatch x({{1, 1}});
  ColumnBatch y({{100, 200, 300}});

  AddProduct(weights, x.columns(), y.columns());

  EXPECT_THAT(y.values(0), ElementsAre(111, 222, 333));
}

TEST(MatrixTest, EveryBlockStartsAtAPaddedRow) {
  const Matrix weights({1, 2, 3, 4, 5, 6}, 1, 3, 2);
  const AlignedBuffer bias = PackBias({10, 20, 30, 40, 50, 60}, 3, 2);
  ColumnBatch x({std::vector<float>{1}});
  ColumnBatch y(48, 1);

  Affine(weights, bias, x.columns(), y.columns());

  EXPECT_EQ(weights.output_rows(), 48);
  EXPECT_EQ(weights.num_panels(), 1) << "the blocks of 16 units lie together";
  const Columns columns = y.columns();
  for (int64_t block = 0; block < 3; ++block) {
    const float first = static_cast<float>(2 * block + 1);
    EXPECT_EQ(columns.Block(block, 2).column(0)[0], 11 * first);
    EXPECT_EQ(columns.Block(block, 2).column(0)[1], 11 * (first + 1));
    EXPECT_EQ(columns.Block(block, 2).column(0)[2], 0) << "the padding of a product is zero";
  }
}

TEST(MatrixTest, OneBlockHasAsManyRowsAsUnits) {
  const Matrix weights(std::vector<float>(20), 1, 1, 20);

  EXPECT_EQ(weights.output_rows(), 20);
  EXPECT_EQ(weights.num_panels(), 2);
  EXPECT_EQ(PackBias({}, 1, 20).size(), 32);
}

TEST(MatrixTest, AnEmptyBiasIsZero) {
  const AlignedBuffer bias = PackBias({}, 2, 3);

  EXPECT_EQ(bias.size(), 32);
  EXPECT_THAT(bias.span(), ::testing::Each(0.0f));
}

TEST(MatrixTest, AValueThatIsNotFiniteStaysInItsColumn) {
  const Matrix weights({1, 2, 3, 4}, 2, 1, 2);
  const AlignedBuffer bias = PackBias({}, 1, 2);
  const float infinity = std::numeric_limits<float>::infinity();
  ColumnBatch x({{1, 1}, {infinity, -infinity}, {2, 2}});
  ColumnBatch y(2, 3);

  Affine(weights, bias, x.columns(), y.columns());

  EXPECT_THAT(y.values(0), ElementsAre(4, 6));
  EXPECT_THAT(y.values(2), ElementsAre(8, 12));
}

TEST(MatrixTest, AllocatesNothing) {
  const Matrix weights(RandomValues(200, 1), 5, 2, 20);
  const AlignedBuffer bias = PackBias({}, 2, 20);
  ColumnBatch x(5, 3);
  ColumnBatch y(64, 3);

  MallocCounter allocations;
  Affine(weights, bias, x.columns(), y.columns());
  AddProduct(weights, x.columns(), y.columns());

  EXPECT_EQ(allocations.count(), 0);
}

// The parameters are (Isa, input size, units, batch).
class ProductSizesTest : public ::testing::TestWithParam<std::tuple<Isa, int, int, int>> {};

TEST_P(ProductSizesTest, EveryColumnHasTheBitsOfThePlainLoop) {
  const auto [isa, input_size, units, batch] = GetParam();
  const ScopedIsa active(isa);
  const std::vector<float> kernel = RandomValues(int64_t{input_size} * units, 1);
  const std::vector<float> bias = RandomValues(units, 2);
  const std::vector<std::vector<float>> rows = RandomRows(batch, input_size);
  const Matrix weights(kernel, input_size, 1, units);
  ColumnBatch x(rows);
  ColumnBatch y(units, batch);

  Affine(weights, PackBias(bias, 1, units), x.columns(), y.columns());
  for (int b = 0; b < batch; ++b) {
    EXPECT_THAT(y.values(b), ElementsAreArray(PlainAffine(isa, kernel, bias, rows[b]))) << b;
  }

  AddProduct(weights, x.columns(), y.columns());
  for (int b = 0; b < batch; ++b) {
    const std::vector<float> once = PlainAffine(isa, kernel, bias, rows[b]);
    EXPECT_THAT(y.values(b), ElementsAreArray(PlainAffine(isa, kernel, once, rows[b]))) << b;
  }
}

// AsBfloat16 and AsInt8 return the value of a weight after a matrix of that type has rounded it.
// `largest` is the largest weight of the unit.
double AsBfloat16(double value) {
  int exponent = 0;
  const double fraction = std::frexp(value, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(fraction, 8)), exponent - 8);
}
double Rounded(double value, double largest, int num_steps) {
  const double scale = largest / num_steps;
  return std::nearbyint(value / scale) * scale;
}
double AsInt8(double value, double largest) { return Rounded(value, largest, 127); }

// Returns the value with which an input is multiplied (see operand.h). `largest` is the largest
// input of its column.
double AsMultiplied(Isa isa, WeightType type, double input, double largest) {
  if (type == WeightType::kBfloat16) {
    return isa == Isa::kAvx512Bf16 ? AsBfloat16(input) : input;
  }
  const bool has_fours = isa == Isa::kAvx512Vnni || isa == Isa::kAvx512Bf16;
  return has_fours ? Rounded(input, largest, 32'767) : input;
}

double LargestOf(const std::vector<float>& values) {
  double largest = 0.0;
  for (const float value : values) largest = std::max(largest, std::fabs(double{value}));
  return largest;
}

// The parameters are (Isa, type, input size, batch).
class NarrowProductTest : public ::testing::TestWithParam<std::tuple<Isa, WeightType, int, int>> {};

TEST_P(NarrowProductTest, MultipliesTheRoundedWeights) {
  constexpr int kUnits = 37;
  const auto [isa, type, input_size, batch] = GetParam();
  const ScopedIsa active(isa);
  const std::vector<float> kernel = RandomValues(int64_t{input_size} * kUnits, 1);
  const std::vector<float> bias = RandomValues(kUnits, 2);
  const std::vector<std::vector<float>> rows = RandomRows(batch, input_size);
  const Matrix weights(kernel, input_size, 1, kUnits, type);
  ColumnBatch x(rows);
  ColumnBatch y(kUnits, batch);

  Affine(weights, PackBias(bias, 1, kUnits), x.columns(), y.columns());

  for (int unit = 0; unit < kUnits; ++unit) {
    double largest = 0.0;
    for (int k = 0; k < input_size; ++k) {
      largest = std::max(largest, std::fabs(double{kernel[k * kUnits + unit]}));
    }
    for (int b = 0; b < batch; ++b) {
      double sum = bias[unit];
      for (int k = 0; k < input_size; ++k) {
        const double weight = kernel[k * kUnits + unit];
        sum += AsMultiplied(isa, type, rows[b][k], LargestOf(rows[b])) *
               (type == WeightType::kInt8 ? AsInt8(weight, largest) : AsBfloat16(weight));
      }
      EXPECT_NEAR(y.values(b)[unit], sum, 2e-6 * std::sqrt(input_size))
          << "unit " << unit << " of row " << b;
    }
  }
}

TEST_P(NarrowProductTest, AColumnHasTheSameBitsAlone) {
  constexpr int kUnits = 70;
  const auto [isa, type, input_size, batch] = GetParam();
  const ScopedIsa active(isa);
  const Matrix weights(RandomValues(int64_t{input_size} * kUnits, 1), input_size, 1, kUnits, type);
  const AlignedBuffer bias = PackBias(RandomValues(kUnits, 2), 1, kUnits);
  const std::vector<std::vector<float>> rows = RandomRows(batch, input_size);
  ColumnBatch x(rows);
  ColumnBatch y(kUnits, batch);

  Affine(weights, bias, x.columns(), y.columns());

  for (int b = 0; b < batch; ++b) {
    ColumnBatch alone({rows[b]});
    ColumnBatch expected(kUnits, 1);
    Affine(weights, bias, alone.columns(), expected.columns());
    EXPECT_THAT(y.values(b), ElementsAreArray(expected.values(0))) << b;
  }
}

std::vector<float> Part(const std::vector<float>& values, int64_t first, int64_t count) {
  return {values.begin() + first, values.begin() + first + count};
}

// Each row has three columns of x, which overlap, out of order and not aligned.
TEST_P(NarrowProductTest, AColumnOfAGridHasTheSameBitsAlone) {
  constexpr int kUnits = 37;
  const auto [isa, type, input_size, batch] = GetParam();
  const ScopedIsa active(isa);
  const Matrix weights(RandomValues(int64_t{input_size} * kUnits, 1), input_size, 1, kUnits, type);
  const std::vector<int32_t> x_offsets = {5, 0, 3};
  const std::vector<int32_t> y_offsets = {2 * 48, 0, 48};
  ColumnBatch x(RandomRows(batch, input_size + 5));
  ColumnBatch start({RandomValues(3 * 48, 2)});
  ColumnBatch y(3 * 48, batch);
  const ConstColumnGrid x_grid = {x.columns().data, input_size, x.columns().stride, x_offsets};
  const ConstColumnGrid start_grid = {start.columns().data, kUnits, 0, y_offsets};
  const ColumnGrid y_grid = {y.columns().data, kUnits, y.columns().stride, y_offsets};

  SharedProduct(weights, start_grid, x_grid, y_grid, batch, nullptr);

  for (int b = 0; b < batch; ++b) {
    for (size_t i = 0; i < x_offsets.size(); ++i) {
      ColumnBatch alone(
          std::vector<std::vector<float>>{Part(x.values(b), x_offsets[i], input_size)});
      ColumnBatch expected(
          std::vector<std::vector<float>>{Part(start.values(0), y_offsets[i], kUnits)});
      AddProduct(weights, alone.columns(), expected.columns());
      EXPECT_THAT(Part(y.values(b), y_offsets[i], kUnits), ElementsAreArray(expected.values(0)))
          << "column " << i << " of row " << b;
    }
  }
}

std::string NarrowTestName(
    const ::testing::TestParamInfo<std::tuple<Isa, WeightType, int, int>>& test) {
  const auto [isa, type, input_size, batch] = test.param;
  return absl::StrCat(IsaName(isa), "_", WeightTypeName(type), "_In", input_size, "Batch", batch);
}

INSTANTIATE_TEST_SUITE_P(Types, NarrowProductTest,
                         ::testing::Combine(::testing::ValuesIn(SupportedIsas()),
                                            ::testing::Values(WeightType::kBfloat16,
                                                              WeightType::kInt8),
                                            ::testing::Values(1, 2, 3, 4, 17, 130, 1030),
                                            ::testing::Values(1, 2, 5, 13)),
                         NarrowTestName);

TEST(NarrowMatrixTest, TakesHalfOrAQuarterOfTheBytes) {
  const std::vector<float> kernel = RandomValues(2048, 1);

  EXPECT_EQ(Matrix(kernel, 64, 1, 32).bytes(), 64 * 32 * 4);
  EXPECT_EQ(Matrix(kernel, 64, 1, 32, WeightType::kBfloat16).bytes(), 64 * 32 * 2);
  EXPECT_EQ(Matrix(kernel, 64, 1, 32, WeightType::kInt8).bytes(), 64 * 32 + 2 * 32 * 4);
}

TEST(NarrowMatrixTest, AUnitWithZeroWeightsGivesItsBias) {
  const Matrix weights(std::vector<float>(6, 0.0f), 3, 1, 2, WeightType::kInt8);
  const AlignedBuffer bias = PackBias({0.25f, -1}, 1, 2);
  ColumnBatch x({{1, 2, 3}});
  ColumnBatch y(2, 1);

  Affine(weights, bias, x.columns(), y.columns());

  EXPECT_THAT(y.values(0), ElementsAre(0.25f, -1));
}

std::string TestName(const ::testing::TestParamInfo<std::tuple<Isa, int, int, int>>& test) {
  const auto [isa, input_size, units, batch] = test.param;
  return absl::StrCat(IsaName(isa), "In", input_size, "Units", units, "Batch", batch);
}

INSTANTIATE_TEST_SUITE_P(Sizes, ProductSizesTest,
                         ::testing::Combine(::testing::ValuesIn(SupportedIsas()),
                                            ::testing::Values(1, 2, 17, 40),
                                            ::testing::Values(1, 15, 16, 17, 33, 130),
                                            ::testing::Range(1, 14)),
                         TestName);

}  // namespace
}  // namespace rnnserve
