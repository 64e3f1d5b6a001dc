// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "tests/core/cells/cell_run.h"
#include "tests/support/reference_cells.h"
#include "tests/support/status_matchers.h"

// Tests the properties of every cell (see cell_properties_test.cc) for convolutional cells, at
// sizes around the padding of a column and around kPositionsAtOnce positions. The cells agree with
// loops over every single product, give a row the same bits in any batch, and allocate nothing.

namespace rnnserve {
namespace {

using ::rnnserve::testing::CellRun;
using ::rnnserve::testing::CreateCell;
using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::ReferenceActivate;
using ::rnnserve::testing::Serialized;
using ::rnnserve::testing::Vector;
using ::rnnserve::testing::WeightMap;

using Extents = std::array<int64_t, 3>;

constexpr size_t kBatch = 4;
constexpr size_t kTime = 3;

struct ConvCase {
  std::string name;
  int axes = 1;
  Extents input = {1, 1, 1};
  Extents kernel = {1, 1, 1};
  int64_t stride = 1;
  int64_t dilation = 1;
  bool same = false;
  bool channels_first = false;
  int64_t channels = 1;
  int64_t filters = 1;
};

const ConvCase kCases[] = {
    {"One", 1, {1, 1, 1}, {1, 1, 1}},
    {"Line", 1, {9, 1, 1}, {3, 1, 1}, 1, 1, true, false, 5, 17},
    {"LineEvenStride", 1, {10, 1, 1}, {4, 1, 1}, 3, 1, true, false, 3, 16},
    {"LineFirst", 1, {7, 1, 1}, {2, 1, 1}, 1, 3, false, true, 18, 3},
    {"ATile", 2, {8, 8, 1}, {2, 3, 1}, 1, 1, true, false, 2, 3},
    {"MoreThanATile", 2, {9, 8, 1}, {3, 2, 1}, 1, 1, true, false, 1, 2},
    {"PlaneFirst", 2, {5, 6, 1}, {3, 3, 1}, 2, 1, true, true, 2, 5},
    {"PlaneDilated", 2, {7, 7, 1}, {2, 2, 1}, 1, 2, true, false, 2, 2},
    {"Volume", 3, {3, 4, 5}, {2, 3, 2}, 1, 1, true, false, 2, 3},
    {"VolumeFirst", 3, {4, 4, 4}, {2, 2, 2}, 2, 1, false, true, 3, 2},
};

// A convolution in plain loops over every product of the image [positions, channels] and the
// kernel. It computes the padding independently.
struct PlainConvolution {
  Extents input;
  Extents output;
  Extents kernel;
  Extents before;
  int64_t stride;
  int64_t dilation;
};

PlainConvolution Plain(const Extents& input, const Extents& kernel, int64_t stride,
                       int64_t dilation, bool same, int axes) {
  PlainConvolution plain{input, {1, 1, 1}, kernel, {0, 0, 0}, stride, dilation};
  for (size_t d = 0; d < static_cast<size_t>(axes); ++d) {
    const int64_t reach = (kernel[d] - 1) * dilation + 1;
    if (same) {
      plain.output[d] = (input[d] + stride - 1) / stride;
      plain.before[d] = std::max<int64_t>((plain.output[d] - 1) * stride + reach - input[d], 0) / 2;
    } else {
      plain.output[d] = (input[d] - reach) / stride + 1;
    }
  }
  return plain;
}

int64_t Product(const Extents& e) { return e[0] * e[1] * e[2]; }

Extents Coordinates(int64_t index, const Extents& e) {
  return {index / (e[1] * e[2]), index / e[2] % e[1], index % e[2]};
}

// Returns the sum over the kernel and the channels for column `column` of the kernel [taps,
// channels, columns].
double At(const PlainConvolution& plain, const Vector& image, int64_t channels,
          const std::vector<float>& kernel, int64_t columns, int64_t position, int64_t column) {
  const Extents o = Coordinates(position, plain.output);
  double sum = 0.0;
  for (int64_t tap = 0; tap < Product(plain.kernel); ++tap) {
    const Extents k = Coordinates(tap, plain.kernel);
    Extents i{};
    bool inside = true;
    for (size_t d = 0; d < 3; ++d) {
      i[d] = o[d] * plain.stride + k[d] * plain.dilation - plain.before[d];
      inside = inside && i[d] >= 0 && i[d] < plain.input[d];
    }
    if (!inside) continue;
    const int64_t at = (i[0] * plain.input[1] + i[1]) * plain.input[2] + i[2];
    for (int64_t c = 0; c < channels; ++c) {
      sum += image[static_cast<size_t>(at * channels + c)] *
             kernel[static_cast<size_t>((tap * channels + c) * columns + column)];
    }
  }
  return sum;
}

// Converts from the layout of the case to [positions, channels], or back.
template <typename From>
Vector ChannelsLast(const From& image, int64_t channels, bool channels_first) {
  Vector last(image.begin(), image.end());
  const int64_t positions = static_cast<int64_t>(image.size()) / channels;
  for (int64_t p = 0; channels_first && p < positions; ++p) {
    for (int64_t c = 0; c < channels; ++c) {
      last[static_cast<size_t>(p * channels + c)] = image[static_cast<size_t>(c * positions + p)];
    }
  }
  return last;
}

class ConvLstmPropertiesTest : public ::testing::TestWithParam<ConvCase> {
 protected:
  ConvLstmPropertiesTest() {
    const ConvCase& test = GetParam();
    const std::vector<int64_t> kernel_size(test.kernel.begin(), test.kernel.begin() + test.axes);
    std::vector<int64_t> kernel = kernel_size;
    kernel.push_back(test.channels);
    kernel.push_back(4 * test.filters);
    weights_.AddRandom("kernel", Shape(kernel), 1);
    kernel[kernel.size() - 2] = test.filters;
    weights_.AddRandom("recurrent_kernel", Shape(kernel), 2, 0.25f);
    weights_.AddRandom("bias", {4 * test.filters}, 3);

    std::vector<int64_t> input(test.input.begin(), test.input.begin() + test.axes);
    input.insert(test.channels_first ? input.begin() : input.end(), test.channels);
    auto cell = CreateCell(
        Serialized("ConvLSTM" + std::to_string(test.axes) + "DCell",
                   {{"filters", test.filters},
                    {"kernel_size", kernel_size},
                    {"strides", test.stride},
                    {"dilation_rate", test.dilation},
                    {"padding", test.same ? "same" : "valid"},
                    {"data_format", test.channels_first ? "channels_first" : "channels_last"}}),
        Shape(input), weights_);
    EXPECT_THAT(cell, IsOk());
    cell_ = *std::move(cell);
  }

  static std::vector<float> RandomRow(int64_t size, size_t seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
    std::vector<float> row(static_cast<size_t>(size));
    for (float& value : row) value = uniform(random);
    return row;
  }
  std::vector<float> Input(size_t row, size_t t) const {
    return RandomRow(cell_->input_size(), 100 * row + t);
  }
  std::vector<float> FirstState(size_t row, size_t k) const {
    return RandomRow(cell_->output_size(), 100 * row + 50 + k);
  }

  CellRun RunRows(const std::vector<size_t>& rows) const {
    CellRun run(*cell_, static_cast<int64_t>(rows.size()));
    for (size_t i = 0; i < rows.size(); ++i) {
      for (size_t k = 0; k < 2; ++k) {
        run.set_state(static_cast<int64_t>(i), k, FirstState(rows[i], k));
      }
    }
    for (size_t t = 0; t < kTime; ++t) {
      std::vector<std::vector<float>> x;
      for (const size_t row : rows) x.push_back(Input(row, t));
      run.Step(x);
    }
    return run;
  }

  // Computes one step in double precision, on states [positions, filters].
  void PlainStep(const std::vector<float>& x, Vector& h, Vector& c) const {
    const ConvCase& test = GetParam();
    const PlainConvolution input =
        Plain(test.input, test.kernel, test.stride, test.dilation, test.same, test.axes);
    const PlainConvolution recurrent =
        Plain(input.output, test.kernel, 1, 1, /*same=*/true, test.axes);
    const Vector image = ChannelsLast(x, test.channels, test.channels_first);
    const int64_t columns = 4 * test.filters;
    const Vector h_before = h;
    for (int64_t p = 0; p < Product(input.output); ++p) {
      for (int64_t f = 0; f < test.filters; ++f) {
        Vector z;
        for (int64_t gate = 0; gate < 4; ++gate) {
          const int64_t column = gate * test.filters + f;
          z.push_back(
              At(input, image, test.channels, weights_.values("kernel"), columns, p, column) +
              At(recurrent, h_before, test.filters, weights_.values("recurrent_kernel"), columns, p,
                 column) +
              weights_.values("bias")[static_cast<size_t>(column)]);
        }
        const Vector gates = ReferenceActivate("sigmoid", z);
        const size_t at = static_cast<size_t>(p * test.filters + f);
        c[at] = gates[1] * c[at] + gates[0] * std::tanh(z[2]);
        h[at] = gates[3] * std::tanh(c[at]);
      }
    }
  }

  WeightMap weights_;
  std::unique_ptr<Cell> cell_;
};

TEST_P(ConvLstmPropertiesTest, AgreesWithPlainLoops) {
  const ConvCase& test = GetParam();
  const CellRun run = RunRows({0, 1, 2, 3});

  for (size_t row = 0; row < kBatch; ++row) {
    Vector h = ChannelsLast(FirstState(row, 0), test.filters, test.channels_first);
    Vector c = ChannelsLast(FirstState(row, 1), test.filters, test.channels_first);
    for (size_t t = 0; t < kTime; ++t) PlainStep(Input(row, t), h, c);

    const auto b = static_cast<int64_t>(row);
    const auto near = ::testing::Pointwise(::testing::DoubleNear(5e-6), h);
    EXPECT_THAT(ChannelsLast(run.y(b), test.filters, test.channels_first), near);
    EXPECT_THAT(ChannelsLast(run.state(b, 0), test.filters, test.channels_first), near);
    EXPECT_THAT(ChannelsLast(run.state(b, 1), test.filters, test.channels_first),
                ::testing::Pointwise(::testing::DoubleNear(5e-6), c));
  }
}

TEST_P(ConvLstmPropertiesTest, ARowHasTheSameBitsInEveryBatch) {
  const CellRun all = RunRows({0, 1, 2, 3});

  for (const auto& batch : std::vector<std::vector<size_t>>{{2}, {3, 1}, {3, 2, 1, 0}}) {
    const CellRun run = RunRows(batch);
    for (size_t i = 0; i < batch.size(); ++i) {
      const auto here = static_cast<int64_t>(i);
      const auto there = static_cast<int64_t>(batch[i]);
      EXPECT_EQ(run.y(here), all.y(there)) << "row " << there;
      EXPECT_EQ(run.state(here, 1), all.state(there, 1)) << "row " << there;
    }
  }
}

TEST_P(ConvLstmPropertiesTest, AStepAllocatesNothing) {
  EXPECT_EQ(RunRows({0, 1, 2}).allocations(), 0);
}

INSTANTIATE_TEST_SUITE_P(Cases, ConvLstmPropertiesTest, ::testing::ValuesIn(kCases),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace rnnserve
