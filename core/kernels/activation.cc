// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/activation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/kernels/elementwise.h"

namespace rnnserve {
namespace {

// The formulas of keras.activations for one value. The other formulas are in the switch in
// Activate. The activations that matter most for the speed of recurrent models work on whole
// columns, with Eigen's vectorised exp.
float Softplus(float x) { return std::max(x, 0.0f) + std::log1p(std::exp(-std::abs(x))); }
float HardSigmoid(float x) { return std::clamp(x / 6.0f + 0.5f, 0.0f, 1.0f); }
float HardSigmoidV1(float x) { return std::clamp(0.2f * x + 0.5f, 0.0f, 1.0f); }
float Elu(float x) { return x > 0.0f ? x : std::expm1(x); }
float Selu(float x) {
  constexpr float kScale = 1.0507009873554805f;
  constexpr float kAlpha = 1.6732632423543772f;
  return kScale * (x > 0.0f ? x : kAlpha * std::expm1(x));
}
float Gelu(float x) {
  constexpr float kSqrtHalf = 0.70710678118654752f;
  return 0.5f * x * (1.0f + std::erf(x * kSqrtHalf));
}
float SoftShrink(float x) { return x > 0.5f ? x - 0.5f : x < -0.5f ? x + 0.5f : 0.0f; }
float SparsePlus(float x) {
  return x <= -1.0f ? 0.0f : x < 1.0f ? 0.25f * (x + 1.0f) * (x + 1.0f) : x;
}

// Calls f(v) for each column v, padding included.
template <typename F>
void ForEachColumn(Columns x, F f) {
  for (int64_t b = 0; b < x.cols; ++b) f(x.padded(b));
}

// x := f(x) for every value.
template <typename F>
void ForEachValue(Columns x, F f) {
  for (int64_t b = 0; b < x.cols; ++b) {
    float* column = x.column(b);
    std::transform(column, column + PaddedRows(x.rows), column, f);
  }
}

// Subtracts the largest value of column b from the column, so that its exp cannot overflow.
void SubtractLargest(Columns x, int64_t b) {
  const float largest = x.vector(b).maxCoeff();
  x.padded(b) -= largest;
}

// Returns the sum of the values of column b, from first to last, without the padding.
float Sum(ConstColumns x, int64_t b) {
  float sum = 0.0f;
  for (int64_t i = 0; i < x.rows; ++i) sum += x.column(b)[i];
  return sum;
}

// Computes tanh to within 1.5 units in the last place. Eigen's own tanh is off by up to 5 units,
// which becomes visible where the gates of a GRU cancel each other. Near zero this is the
// polynomial of Cephes (Moshier, tanhf.c), elsewhere 1 - 2 / (exp(2 |x|) + 1), where the
// subtraction loses no accuracy.
void Tanh(Columns x) {
  constexpr float kPolynomialEnd = 0.625f;
  using Block = Eigen::Array<float, kColumnQuantum, 1>;
  for (int64_t b = 0; b < x.cols; ++b) {
    for (int64_t i = 0; i < x.rows; i += kColumnQuantum) {
      Eigen::Map<Block, Eigen::Aligned64> value(x.column(b) + i);
      const Block size = value.abs();
      const Block z = size.square();
      Block near_zero = -5.70498872745e-3f * z + 2.06390887954e-2f;
      near_zero = near_zero * z - 5.37397155531e-2f;
      near_zero = near_zero * z + 1.33314422036e-1f;
      near_zero = near_zero * z - 3.33332819422e-1f;
      near_zero = near_zero * z * size + size;
      const Block elsewhere = 1.0f - 2.0f / ((2.0f * size).exp() + 1.0f);
      for (int64_t k = 0; k < kColumnQuantum; ++k) {
        value[k] = std::copysign(size[k] < kPolynomialEnd ? near_zero[k] : elsewhere[k], value[k]);
      }
    }
  }
}

void Softmax(Columns x) {
  for (int64_t b = 0; b < x.cols; ++b) {
    SubtractLargest(x, b);
    x.padded(b) = x.padded(b).exp();
    x.padded(b) /= Sum(x, b);
  }
}

void LogSoftmax(Columns x) {
  for (int64_t b = 0; b < x.cols; ++b) {
    SubtractLargest(x, b);
    float sum = 0.0f;
    for (int64_t i = 0; i < x.rows; ++i) sum += std::exp(x.column(b)[i]);
    x.padded(b) -= std::log(sum);
  }
}

// Computes sparsemax as Keras does. With s the values in descending order and c[j] = s[1] + ... +
// s[j]:
//
//   k = the number of j with s[j] - (c[j] - 1) / j > 0        (these are the first k)
//   threshold = (c[1] + ... + c[k] - 1) / k
//   y = max(x - threshold, 0)
//
// The paper (Martins et al., 2016) has c[k] alone instead of the sum in the threshold. Keras up to
// 3.15 adds up all of c[1] to c[k], so its result sums to one only if k is 1. Sorting would need
// memory, so each round searches for the next smaller value instead.
void Sparsemax(Columns x) {
  for (int64_t b = 0; b < x.cols; ++b) {
    const float* column = x.column(b);
    float largest = std::numeric_limits<float>::infinity();
    float cumulated = 0.0f;
    float sum = 0.0f;
    float count = 0.0f;
    for (bool is_support = true; is_support;) {
      float next = -std::numeric_limits<float>::infinity();
      int64_t times = 0;  // how often the column contains `next`
      for (int64_t i = 0; i < x.rows; ++i) {
        if (column[i] >= largest || column[i] < next) continue;
        times = column[i] > next ? 1 : times + 1;
        next = column[i];
      }
      is_support = times > 0;
      for (; times > 0 && is_support; --times) {
        is_support = next - (cumulated + next - 1.0f) / (count + 1.0f) > 0.0f;
        if (!is_support) break;
        cumulated += next;
        sum += cumulated;
        count += 1.0f;
      }
      largest = next;
    }
    x.padded(b) = (x.padded(b) - (sum - 1.0f) / count).max(0.0f);
  }
}

constexpr std::pair<Activation, absl::string_view> kNames[] = {
    {Activation::kLinear, "linear"},
    {Activation::kRelu, "relu"},
    {Activation::kRelu6, "relu6"},
    {Activation::kLeakyRelu, "leaky_relu"},
    {Activation::kElu, "elu"},
    {Activation::kSelu, "selu"},
    {Activation::kCelu, "celu"},
    {Activation::kTanh, "tanh"},
    {Activation::kSigmoid, "sigmoid"},
    {Activation::kExponential, "exponential"},
    {Activation::kSoftplus, "softplus"},
    {Activation::kSoftsign, "softsign"},
    {Activation::kHardSigmoid, "hard_sigmoid"},
    {Activation::kHardSigmoidV1, "hard_sigmoid_v1"},
    {Activation::kHardSilu, "hard_silu"},
    {Activation::kHardTanh, "hard_tanh"},
    {Activation::kSilu, "silu"},
    {Activation::kGelu, "gelu"},
    {Activation::kMish, "mish"},
    {Activation::kLogSigmoid, "log_sigmoid"},
    {Activation::kTanhShrink, "tanh_shrink"},
    {Activation::kHardShrink, "hard_shrink"},
    {Activation::kSoftShrink, "soft_shrink"},
    {Activation::kSquareplus, "squareplus"},
    {Activation::kSparsePlus, "sparse_plus"},
    {Activation::kSparseSigmoid, "sparse_sigmoid"},
    {Activation::kSoftmax, "softmax"},
    {Activation::kLogSoftmax, "log_softmax"},
    {Activation::kSparsemax, "sparsemax"},
};

constexpr std::pair<Activation, absl::string_view> kAliases[] = {
    {Activation::kSilu, "swish"},
    {Activation::kHardSilu, "hard_swish"},
};

}  // namespace

std::optional<Activation> ActivationFromName(absl::string_view name) {
  for (const auto& [activation, known] : kNames) {
    if (known == name) return activation;
  }
  for (const auto& [activation, alias] : kAliases) {
    if (alias == name) return activation;
  }
  return std::nullopt;
}

absl::string_view ActivationName(Activation activation) {
  for (const auto& [known, name] : kNames) {
    if (known == activation) return name;
  }
  return "";
}

void Activate(Activation activation, Columns x) {
  if (HasStepKernels(activation, activation)) return ActivateVectors(activation, x);
  switch (activation) {
    case Activation::kLinear:
      return;
    case Activation::kRelu:
      return ForEachColumn(x, [](auto v) { v = v.max(0.0f); });
    case Activation::kRelu6:
      return ForEachColumn(x, [](auto v) { v = v.max(0.0f).min(6.0f); });
    case Activation::kLeakyRelu:
      return ForEachValue(x, [](float v) { return v >= 0.0f ? v : 0.2f * v; });
    case Activation::kElu:
      return ForEachValue(x, Elu);
    case Activation::kSelu:
      return ForEachValue(x, Selu);
    case Activation::kCelu:
      return ForEachValue(
          x, [](float v) { return std::max(v, 0.0f) + std::expm1(std::min(v, 0.0f)); });
    case Activation::kTanh:
      return Tanh(x);
    case Activation::kSigmoid:
      return ForEachColumn(x, [](auto v) { v = 1.0f / (1.0f + (-v).exp()); });
    case Activation::kExponential:
      return ForEachColumn(x, [](auto v) { v = v.exp(); });
    case Activation::kSoftplus:
      return ForEachValue(x, Softplus);
    case Activation::kSoftsign:
      return ForEachValue(x, [](float v) { return v / (1.0f + std::abs(v)); });
    case Activation::kHardSigmoid:
      return ForEachValue(x, HardSigmoid);
    case Activation::kHardSigmoidV1:
      return ForEachValue(x, HardSigmoidV1);
    case Activation::kHardSilu:
      return ForEachValue(x, [](float v) { return v * HardSigmoid(v); });
    case Activation::kHardTanh:
      return ForEachColumn(x, [](auto v) { v = v.max(-1.0f).min(1.0f); });
    case Activation::kSilu:
      return ForEachColumn(x, [](auto v) { v /= 1.0f + (-v).exp(); });
    case Activation::kGelu:
      return ForEachValue(x, Gelu);
    case Activation::kMish:
      return ForEachValue(x, [](float v) { return v * std::tanh(Softplus(v)); });
    case Activation::kLogSigmoid:
      return ForEachValue(x, [](float v) { return -Softplus(-v); });
    case Activation::kTanhShrink:
      return ForEachValue(x, [](float v) { return v - std::tanh(v); });
    case Activation::kHardShrink:
      return ForEachValue(x, [](float v) { return std::abs(v) > 0.5f ? v : 0.0f; });
    case Activation::kSoftShrink:
      return ForEachValue(x, SoftShrink);
    case Activation::kSquareplus:
      return ForEachValue(x, [](float v) { return (v + std::sqrt(v * v + 4.0f)) / 2.0f; });
    case Activation::kSparsePlus:
      return ForEachValue(x, SparsePlus);
    case Activation::kSparseSigmoid:
      return ForEachValue(x, [](float v) { return std::clamp((v + 1.0f) / 2.0f, 0.0f, 1.0f); });
    case Activation::kSoftmax:
      return Softmax(x);
    case Activation::kLogSoftmax:
      return LogSoftmax(x);
    case Activation::kSparsemax:
      return Sparsemax(x);
  }
}

}  // namespace rnnserve
