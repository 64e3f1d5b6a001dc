// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Compares functions and reductions of vectors with double precision, on every instruction set: over
// their ranges, at special values, for lengths that do not fill a vector.

#include "core/kernels/vector_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "core/kernels/isa.h"
#include "core/kernels/vector_reduce.h"
#include "tests/support/scoped_isa.h"

namespace rnnserve::testing {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> Apply(MapFunction function, const std::vector<float>& x) {
  std::vector<float> y(x.size());
  const float* const operands[] = {x.data()};
  Map(function, 0, operands, {}, static_cast<int64_t>(x.size()), y.data());
  return y;
}

struct FunctionCase {
  std::string name;
  MapFunction function;
  double (*exact)(double);
  float first, last;
  double epsilons;  // the largest error, relative to the exact value, in float's epsilon
};

double Softplus(double x) { return std::log1p(std::exp(-std::fabs(x))) + std::fmax(x, 0.0); }

const FunctionCase kCases[] = {
    {"exp", MapFunction::kExp, [](double x) { return std::exp(x); }, -87, 88.7f, 2},
    {"log", MapFunction::kLog, [](double x) { return std::log(x); }, 1e-6f, 1e6f, 2},
    {"log_near_1", MapFunction::kLog, [](double x) { return std::log(x); }, 0.5f, 2, 2},
    {"log1p", MapFunction::kLog1p, [](double x) { return std::log1p(x); }, -0.9f, 50, 4},
    {"log1p_small", MapFunction::kLog1p, [](double x) { return std::log1p(x); }, -1e-3f, 1e-3f, 4},
    {"softplus", MapFunction::kSoftplus, Softplus, -80, 80, 4},
    {"log_sigmoid", MapFunction::kLogSigmoid, [](double x) { return -Softplus(-x); }, -80, 80, 4},
    {"tanh", MapFunction::kTanh, [](double x) { return std::tanh(x); }, -12, 12, 2},
    {"sigmoid", MapFunction::kSigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }, -80, 80, 3},
    {"rsqrt", MapFunction::kRsqrt, [](double x) { return 1 / std::sqrt(x); }, 1e-3f, 1e3f, 2},
    {"erf", MapFunction::kErf, [](double x) { return std::erf(x); }, -4, 4, 2},
};

class VectorMapTest : public ::testing::TestWithParam<Isa> {
 protected:
  const ScopedIsa isa_{GetParam()};
};

TEST_P(VectorMapTest, FunctionsAreExactToAFewUnits) {
  constexpr int kPoints = 20001;
  for (const FunctionCase& c : kCases) {
    std::vector<float> x(kPoints);
    for (int i = 0; i < kPoints; ++i) {
      const double part = static_cast<double>(i) / (kPoints - 1);
      x[static_cast<size_t>(i)] = static_cast<float>(c.first + (c.last - c.first) * part);
    }
    const std::vector<float> y = Apply(c.function, x);
    double largest = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double exact = c.exact(x[i]);
      if (std::fabs(exact) < 1e-37) continue;
      largest = std::max(largest, std::fabs(y[i] - exact) / std::fabs(exact));
    }
    EXPECT_LE(largest, c.epsilons * std::numeric_limits<float>::epsilon()) << c.name;
  }
}

TEST_P(VectorMapTest, SineAndCosineAreExactToAFewUnitsOfOne) {
  std::vector<float> x;
  for (int i = -20000; i <= 20000; ++i) x.push_back(static_cast<float>(i) * 0.013f);
  for (const float large : {8191.5f, 8193.0f, 1e6f, -3e9f}) x.push_back(large);
  const std::vector<float> sine = Apply(MapFunction::kSin, x);
  const std::vector<float> cosine = Apply(MapFunction::kCos, x);
  double largest = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    largest = std::max(largest, std::fabs(sine[i] - std::sin(double{x[i]})));
    largest = std::max(largest, std::fabs(cosine[i] - std::cos(double{x[i]})));
  }
  EXPECT_LE(largest, 2 * std::numeric_limits<float>::epsilon());
}

TEST_P(VectorMapTest, SpecialValuesAreThoseOfTheCLibrary) {
  const std::vector<float> x = {kNan, kInfinity, -kInfinity, 0, -1, 100, -200, 1};
  const struct {
    MapFunction function;
    float (*expected)(float);
  } functions[] = {{MapFunction::kExp, [](float v) { return std::exp(v); }},
                   {MapFunction::kLog, [](float v) { return std::log(v); }},
                   {MapFunction::kLog1p, [](float v) { return std::log1p(v); }},
                   {MapFunction::kTanh, [](float v) { return std::tanh(v); }},
                   {MapFunction::kSin, [](float v) { return std::sin(v); }},
                   {MapFunction::kCos, [](float v) { return std::cos(v); }},
                   {MapFunction::kSqrt, [](float v) { return std::sqrt(v); }}};
  for (const auto& f : functions) {
    const std::vector<float> y = Apply(f.function, x);
    for (size_t i = 0; i < x.size(); ++i) {
      const float expected = f.expected(x[i]);
      if (std::isnan(expected)) {
        EXPECT_TRUE(std::isnan(y[i])) << static_cast<int>(f.function) << " of " << x[i];
      } else if (std::isinf(expected)) {
        EXPECT_EQ(y[i], expected) << static_cast<int>(f.function) << " of " << x[i];
      } else {
        EXPECT_NEAR(y[i], expected, 1e-6f * std::max(1.0f, std::fabs(expected)));
      }
    }
  }
}

TEST_P(VectorMapTest, TheLargerOfNanAndANumberIsNan) {
  const float a[] = {kNan, 1, 2};
  const float b[] = {1, kNan, 3};
  const float* const operands[] = {a, b};
  float y[3];

  Map(MapFunction::kMax, 0, operands, {}, 3, y);

  EXPECT_TRUE(std::isnan(y[0]));
  EXPECT_TRUE(std::isnan(y[1]));
  EXPECT_EQ(y[2], 3);
}

TEST_P(VectorMapTest, RowsScalarsAndLengthsAreKept) {
  for (int64_t n = 1; n <= 35; ++n) {
    std::vector<float> a(static_cast<size_t>(3 * n));
    for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i);
    const float b[] = {10, 20, 30};
    std::vector<float> y(static_cast<size_t>(3 * (n + 1)), -1.0f);
    MapRows rows;
    rows.count = 3;
    rows.result_stride = n + 1;
    rows.strides[0] = n;
    rows.strides[1] = 1;
    const float* const operands[] = {a.data(), b};

    Map(MapFunction::kAdd, 0b10, operands, rows, n, y.data());

    for (int64_t r = 0; r < 3; ++r) {
      for (int64_t i = 0; i < n; ++i) {
        EXPECT_EQ(y[static_cast<size_t>(r * (n + 1) + i)],
                  a[static_cast<size_t>(r * n + i)] + b[r]);
      }
      EXPECT_EQ(y[static_cast<size_t>(r * (n + 1) + n)], -1.0f) << "written behind a row";
    }
  }
}

TEST_P(VectorMapTest, ReductionsOfAnyLengthAreRight) {
  for (int64_t n = 1; n <= 150; n += 7) {
    std::vector<float> x(static_cast<size_t>(n));
    for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>((i * 37) % 23) - 11;
    double sum = 0;
    double dot = 0;
    for (const float value : x) {
      sum += value;
      dot += double{value} * value;
    }
    EXPECT_EQ(ReduceVector(Reduction::kSum, x.data(), n), sum);
    EXPECT_EQ(ReduceVector(Reduction::kMax, x.data(), n), *std::max_element(x.begin(), x.end()));
    EXPECT_EQ(ReduceVector(Reduction::kMin, x.data(), n), *std::min_element(x.begin(), x.end()));
    EXPECT_EQ(DotVectors(x.data(), x.data(), n), dot);
    float rows[11];
    DotRows({x.data(), 0, x.data(), 0, 11, rows, 1}, n);
    EXPECT_THAT(rows, ::testing::Each(static_cast<float>(dot)));
  }
}

std::string NameOf(const ::testing::TestParamInfo<Isa>& info) {
  return std::string(IsaName(info.param));
}

INSTANTIATE_TEST_SUITE_P(Isas, VectorMapTest, ::testing::ValuesIn(SupportedIsas()), NameOf);

}  // namespace
}  // namespace rnnserve::testing
