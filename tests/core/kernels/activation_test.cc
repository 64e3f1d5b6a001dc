// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/activation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/kernels/isa.h"
#include "tests/support/column_batch.h"
#include "tests/support/malloc_counter.h"
#include "tests/support/reference_cells.h"
#include "tests/support/scoped_isa.h"

// Compares activations with numbers that Keras computed and, over a wide range, with the formulas
// in double precision. Also tests that a column has the same results alone and at every place in a
// batch.

namespace rnnserve {
namespace {

using ::rnnserve::testing::ColumnBatch;
using ::rnnserve::testing::MallocCounter;
using ::rnnserve::testing::ReferenceActivate;
using ::rnnserve::testing::ScopedIsa;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;

std::vector<float> Activated(Activation activation, const std::vector<float>& values) {
  ColumnBatch x({values});
  Activate(activation, x.columns());
  return x.values(0);
}

std::vector<Activation> AllActivations() {
  std::vector<Activation> all;
  for (int i = 0; i <= static_cast<int>(Activation::kSparsemax); ++i) {
    all.push_back(static_cast<Activation>(i));
  }
  return all;
}

std::vector<Activation> ActivationsOfOneValue() {
  std::vector<Activation> all = AllActivations();
  all.resize(static_cast<size_t>(Activation::kSoftmax));
  return all;
}

std::string TestName(const ::testing::TestParamInfo<Activation>& test) {
  return std::string(ActivationName(test.param));
}

TEST(ActivationNameTest, EveryActivationIsFoundByItsName) {
  for (const Activation activation : AllActivations()) {
    EXPECT_NE(ActivationName(activation), "");
    EXPECT_EQ(ActivationFromName(ActivationName(activation)), activation);
  }
}

TEST(ActivationNameTest, KnowsTheAliasesOfKeras) {
  EXPECT_EQ(ActivationFromName("swish"), Activation::kSilu);
  EXPECT_EQ(ActivationFromName("hard_swish"), Activation::kHardSilu);
}

TEST(ActivationNameTest, RejectsOtherNames) {
  EXPECT_EQ(ActivationFromName("glu"), std::nullopt);
  EXPECT_EQ(ActivationFromName("Tanh"), std::nullopt);
  EXPECT_EQ(ActivationFromName(""), std::nullopt);
}

// The values of Keras 3.15 (torch, float32) for x = -4, -1.5, -0.3, 0, 0.7, 2.6, 7, to five digits.
struct KerasValues {
  Activation activation;
  std::vector<float> y;
};

class KerasActivationTest : public ::testing::TestWithParam<KerasValues> {};

TEST_P(KerasActivationTest, HasTheValuesOfKeras) {
  const std::vector<float> y =
      Activated(GetParam().activation, {-4, -1.5f, -0.3f, 0, 0.7f, 2.6f, 7});

  EXPECT_THAT(y, Pointwise(FloatNear(6e-6f), GetParam().y));
}

INSTANTIATE_TEST_SUITE_P(
    Values, KerasActivationTest,
    ::testing::Values(
        KerasValues{Activation::kHardSigmoid, {0, .25f, .45f, .5f, .61667f, .93333f, 1}},
        KerasValues{Activation::kHardSigmoidV1, {0, .2f, .44f, .5f, .64f, 1, 1}},
        KerasValues{Activation::kHardSilu, {0, -.375f, -.135f, 0, .43167f, 2.42667f, 7}},
        KerasValues{Activation::kSigmoid,
                    {.01799f, .18243f, .42556f, .5f, .66819f, .93086f, .99909f}},
        KerasValues{Activation::kLeakyRelu, {-.8f, -.3f, -.06f, 0, .7f, 2.6f, 7}},
        KerasValues{Activation::kElu, {-.98168f, -.77687f, -.25918f, 0, .7f, 2.6f, 7}},
        KerasValues{Activation::kSelu,
                    {-1.7259f, -1.36581f, -.45567f, 0, .73549f, 2.73182f, 7.35491f}},
        KerasValues{Activation::kGelu, {-.00013f, -.10021f, -.11463f, 0, .53063f, 2.58788f, 7}},
        KerasValues{Activation::kSilu,
                    {-.07194f, -.27364f, -.12767f, 0, .46773f, 2.42024f, 6.99362f}},
        KerasValues{Activation::kMish,
                    {-.07259f, -.2981f, -.15113f, 0, .56115f, 2.57526f, 6.99999f}},
        KerasValues{Activation::kSoftplus,
                    {.01815f, .20141f, .55436f, .69315f, 1.10319f, 2.67164f, 7.00091f}},
        KerasValues{Activation::kSoftsign, {-.8f, -.6f, -.23077f, 0, .41176f, .72222f, .875f}},
        KerasValues{Activation::kSquareplus,
                    {.23607f, .5f, .86119f, 1, 1.40948f, 2.94012f, 7.14005f}},
        KerasValues{Activation::kSparsePlus, {0, 0, .1225f, .25f, .7225f, 2.6f, 7}},
        KerasValues{Activation::kSparseSigmoid, {0, 0, .35f, .5f, .85f, 1, 1}},
        KerasValues{Activation::kSoftShrink, {-3.5f, -1, 0, 0, .2f, 2.1f, 6.5f}},
        KerasValues{Activation::kTanhShrink,
                    {-3.00067f, -.59485f, -.00869f, 0, .09563f, 1.61097f, 6}},
        KerasValues{Activation::kLogSigmoid,
                    {-4.01815f, -1.70141f, -.85436f, -.69315f, -.40319f, -.07164f, -.00091f}}),
    [](const auto& test) { return std::string(ActivationName(test.param.activation)); });

class ActivationFormulaTest : public ::testing::TestWithParam<std::tuple<Isa, Activation>> {};

// Returns the allowed error. Half a unit in the last place is 6e-8 of the value. squareplus needs a
// larger tolerance because Keras' formula subtracts numbers of the size of x.
double Tolerance(Activation activation, double x, double y) {
  const double scale = activation == Activation::kSquareplus ? std::fabs(x) : std::fabs(y);
  return 4e-7 * std::max(1.0, scale);
}

TEST_P(ActivationFormulaTest, AgreesWithTheFormulaInDoublePrecision) {
  const auto [isa, activation] = GetParam();
  const ScopedIsa active(isa);
  const std::string name(ActivationName(activation));
  std::vector<float> x;
  for (float value = -30.0f; value <= 30.0f; value += 0.0173f) x.push_back(value);

  const std::vector<float> y = Activated(activation, x);
  const std::vector<double> expected = ReferenceActivate(name, {x.begin(), x.end()});

  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(y[i], expected[i], Tolerance(activation, x[i], expected[i])) << "x = " << x[i];
  }
}

INSTANTIATE_TEST_SUITE_P(All, ActivationFormulaTest,
                         ::testing::Combine(::testing::ValuesIn(SupportedIsas()),
                                            ::testing::ValuesIn(ActivationsOfOneValue())),
                         [](const auto& test) {
                           return absl::StrCat(IsaName(std::get<Isa>(test.param)), "_",
                                               ActivationName(std::get<Activation>(test.param)));
                         });

class ActivationIsaTest : public ::testing::TestWithParam<Isa> {
 private:
  const ScopedIsa active_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(All, ActivationIsaTest, ::testing::ValuesIn(SupportedIsas()),
                         [](const auto& test) { return std::string(IsaName(test.param)); });

// Returns the largest relative error for x from 1e-30 to `end` and from -1e-30 to -`end`, in units
// of float's epsilon.
double LargestError(Activation activation, float end, long double (*exact)(long double)) {
  double largest = 0.0;
  for (float size = 1e-30f; size < end; size *= 1.0003f) {
    for (const float x : {size, -size}) {
      const auto expected = static_cast<double>(exact(x));
      const double error = std::fabs(Activated(activation, {x})[0] - expected);
      largest = std::max(largest, error / std::fabs(expected));
    }
  }
  return largest / std::numeric_limits<float>::epsilon();
}

TEST_P(ActivationIsaTest, TanhHasTwoUnitsOfErrorAtMost) {
  EXPECT_LE(LargestError(Activation::kTanh, 100.0f, [](long double x) { return std::tanh(x); }),
            2.0);
}

// Covers the range in which the result is a normal number.
TEST_P(ActivationIsaTest, SigmoidHasTwoUnitsOfErrorAtMost) {
  EXPECT_LE(LargestError(Activation::kSigmoid, 87.0f,
                         [](long double x) { return 1.0L / (1.0L + std::exp(-x)); }),
            2.0);
}

TEST_P(ActivationIsaTest, ExponentialHasTwoUnitsOfErrorAtMost) {
  EXPECT_LE(
      LargestError(Activation::kExponential, 87.0f, [](long double x) { return std::exp(x); }),
      2.0);
}

// Two of Keras' activations start with a comparison, which is false for NaN, so their result is not
// NaN.
TEST_P(ActivationIsaTest, NanStaysNan) {
  for (const Activation activation : ActivationsOfOneValue()) {
    if (activation == Activation::kHardShrink || activation == Activation::kSoftShrink) continue;
    const float y = Activated(activation, {std::numeric_limits<float>::quiet_NaN()})[0];
    EXPECT_TRUE(std::isnan(y)) << ActivationName(activation) << " gives " << y;
  }
}

TEST_P(ActivationIsaTest, SaturatesWithoutOverflow) {
  const std::vector<float> extremes = {-1e30f, -1000, 1000, 1e30f};

  EXPECT_THAT(Activated(Activation::kSigmoid, extremes), ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(Activated(Activation::kTanh, extremes), ElementsAre(-1, -1, 1, 1));
  EXPECT_THAT(Activated(Activation::kSoftplus, extremes), ElementsAre(0, 0, 1000, 1e30f));
  EXPECT_THAT(Activated(Activation::kLogSigmoid, extremes), ElementsAre(-1e30f, -1000, 0, 0));
  EXPECT_THAT(Activated(Activation::kSilu, extremes), ElementsAre(0, 0, 1000, 1e30f));
  EXPECT_THAT(Activated(Activation::kMish, extremes), ElementsAre(0, 0, 1000, 1e30f));
  EXPECT_THAT(Activated(Activation::kElu, extremes), ElementsAre(-1, -1, 1000, 1e30f));
}

TEST(SoftmaxTest, DividesTheExponentialsByTheirSum) {
  const float log2 = std::log(2.0f);

  EXPECT_THAT(Activated(Activation::kSoftmax, {0, log2, 0}),
              Pointwise(FloatNear(1e-7f), {0.25f, 0.5f, 0.25f}));
  EXPECT_THAT(Activated(Activation::kSoftmax, {5}), ElementsAre(1));
}

TEST(SoftmaxTest, DoesNotOverflow) {
  EXPECT_THAT(Activated(Activation::kSoftmax, {1000, 1000, -1000}),
              Pointwise(FloatNear(1e-7f), {0.5f, 0.5f, 0.0f}));
  EXPECT_THAT(Activated(Activation::kLogSoftmax, {1000, 0}), ElementsAre(0, -1000));
}

TEST(LogSoftmaxTest, IsTheLogarithmOfSoftmax) {
  const float log2 = std::log(2.0f);

  EXPECT_THAT(Activated(Activation::kLogSoftmax, {0, log2, 0}),
              Pointwise(FloatNear(2e-7f), {-2 * log2, -log2, -2 * log2}));
}

TEST(SparsemaxTest, HasTheThresholdOfKerasAndNotOfThePaper) {
  EXPECT_THAT(Activated(Activation::kSparsemax, {3, 1, 0}), ElementsAre(1, 0, 0));
  // The support has two values, whose cumulative sums are 1 and 1.5. So the threshold is (2.5 - 1)
  // / 2; in the paper it is 0.25.
  EXPECT_THAT(Activated(Activation::kSparsemax, {1, 0.5f, 0}), ElementsAre(0.25f, 0, 0));
  // The cumulative sums are 7, 14, 21 and 28, so the threshold is (70 - 1) / 4.
  EXPECT_THAT(Activated(Activation::kSparsemax, {7, 7, 7, 7}), ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(Activated(Activation::kSparsemax, {-5}), ElementsAre(1));
}

class VectorActivationTest : public ::testing::TestWithParam<Activation> {};

TEST_P(VectorActivationTest, AgreesWithTheFormulaInDoublePrecisionForEverySize) {
  const std::string name(ActivationName(GetParam()));
  for (size_t size = 1; size <= 50; ++size) {
    std::vector<float> x(size);
    for (size_t i = 0; i < size; ++i) x[i] = std::sin(static_cast<float>(i * i)) * 3.0f;

    const std::vector<float> y = Activated(GetParam(), x);
    const std::vector<double> expected = ReferenceActivate(name, {x.begin(), x.end()});

    for (size_t i = 0; i < size; ++i) {
      EXPECT_NEAR(y[i], expected[i], 1e-6) << "value " << i << " of " << size;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, VectorActivationTest,
                         ::testing::Values(Activation::kSoftmax, Activation::kLogSoftmax,
                                           Activation::kSparsemax),
                         TestName);

class ActivationBatchTest : public ::testing::TestWithParam<Activation> {};

TEST_P(ActivationBatchTest, AColumnHasTheSameBitsAloneAndInABatch) {
  std::vector<std::vector<float>> rows(5, std::vector<float>(19));
  for (size_t b = 0; b < rows.size(); ++b) {
    for (size_t i = 0; i < rows[b].size(); ++i) {
      rows[b][i] = std::sin(static_cast<float>(19 * b + i)) * 4.0f;
    }
  }
  ColumnBatch batch(rows);

  Activate(GetParam(), batch.columns());

  for (size_t b = 0; b < rows.size(); ++b) {
    EXPECT_EQ(batch.values(static_cast<int64_t>(b)), Activated(GetParam(), rows[b])) << b;
  }
}

TEST_P(ActivationBatchTest, AcceptsAnEmptyBatch) {
  ColumnBatch batch(3, 0);

  Activate(GetParam(), batch.columns());

  EXPECT_EQ(batch.columns().cols, 0);
}

TEST_P(ActivationBatchTest, AllocatesNothing) {
  ColumnBatch batch({{1, -2, 3}, {4, 5, -6}});
  const Columns columns = batch.columns();

  MallocCounter allocations;
  Activate(GetParam(), columns);

  EXPECT_EQ(allocations.count(), 0);
}

INSTANTIATE_TEST_SUITE_P(All, ActivationBatchTest, ::testing::ValuesIn(AllActivations()), TestName);

}  // namespace
}  // namespace rnnserve
