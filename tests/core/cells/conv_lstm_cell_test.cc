// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/conv_lstm_cell.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "tests/core/cells/cell_run.h"
#include "tests/support/status_matchers.h"

// Compares ConvLSTM cells with Keras 3.15 (TensorFlow). The first tests are Keras' own, whose
// weights are constant. The others cover every option with weights and inputs that follow a
// pattern; their numbers were recorded from keras.layers.ConvLSTM1D, 2D and 3D.
// conv_lstm_properties_test.cc covers the sizes in between.

namespace rnnserve {
namespace {

using ::rnnserve::testing::CellRun;
using ::rnnserve::testing::CountingSequences;
using ::rnnserve::testing::CreateCell;
using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::Serialized;
using ::rnnserve::testing::StatusIs;
using ::rnnserve::testing::WeightMap;
using ::testing::AllOf;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

size_t SizeOf(const Shape& shape) { return static_cast<size_t>(shape.NumElements().value()); }

auto Near(const std::vector<float>& expected) { return Pointwise(FloatNear(2e-6f), expected); }

// Runs the sequence 0, scale, 2 * scale, ... with the weights of Keras' tests and returns the first
// filter of the last output at every position, row after row.
std::vector<float> RunConstant(const std::string& cell_name, const Shape& kernel,
                               const Shape& recurrent_kernel, const Shape& input, float scale,
                               const std::string& padding = "valid") {
  WeightMap weights;
  weights.AddConstant("kernel", kernel, 0.01f);
  weights.AddConstant("recurrent_kernel", recurrent_kernel, 0.02f);
  weights.Add("bias", {8}, {0.03f, 0.03f, 1, 1, 0.03f, 0.03f, 0.03f, 0.03f});
  const auto cell =
      CreateCell(Serialized(cell_name, {{"filters", 2}, {"kernel_size", 3}, {"padding", padding}}),
                 input, weights);
  EXPECT_THAT(cell, IsOk());
  CellRun run(**cell, 2);
  auto x = CountingSequences(2, 3, static_cast<int>(SizeOf(input)));
  for (size_t t = 0; t < 3; ++t) {
    for (auto& sequence : x) {
      for (float& value : sequence[t]) value *= scale;
    }
    run.Step({x[0][t], x[1][t]});
  }
  std::vector<float> first_filter;
  for (int64_t b = 0; b < 2; ++b) {
    const auto y = run.y(b);
    for (size_t i = 0; i < y.size(); i += 2) first_filter.push_back(y[i]);
  }
  return first_filter;
}

TEST(ConvLstmCellTest, HasTheOutputsOfKerasInOneDimension) {
  EXPECT_THAT(RunConstant("ConvLSTM1DCell", {3, 5, 8}, {3, 2, 8}, {4, 5}, 0.1f),
              Near({0.40807986f, 0.46421072f, 0.80933154f, 0.8233647f}));
}

TEST(ConvLstmCellTest, HasTheOutputsOfKerasWithPadding) {
  EXPECT_THAT(RunConstant("ConvLSTM1DCell", {3, 5, 8}, {3, 2, 8}, {4, 5}, 0.1f, "same"),
              Near({0.25035694f, 0.40986824f, 0.46704665f, 0.33691105f, 0.6616295f, 0.81244653f,
                    0.82655579f, 0.70000416f}));
}

TEST(ConvLstmCellTest, HasTheOutputsOfKerasInTwoDimensions) {
  EXPECT_THAT(RunConstant("ConvLSTM2DCell", {3, 3, 5, 8}, {3, 3, 2, 8}, {4, 4, 5}, 0.01f),
              Near({0.48694518f, 0.50237733f, 0.5461202f, 0.5598283f, 0.8661607f, 0.86909103f,
                    0.8774414f, 0.8800861f}));
}

TEST(ConvLstmCellTest, HasTheOutputsOfKerasInThreeDimensions) {
  EXPECT_THAT(RunConstant("ConvLSTM3DCell", {3, 3, 3, 5, 8}, {3, 3, 3, 2, 8}, {4, 4, 4, 5}, 0.01f),
              Near({0.99149048f, 0.99180913f, 0.99258375f, 0.99279243f, 0.99413759f, 0.99420583f,
                    0.99437886f, 0.99442774f, 0.99505478f, 0.99505478f, 0.99505478f, 0.99505478f,
                    0.99505478f, 0.99505478f, 0.99505472f, 0.99505472f}));
}

// The expected states after three timesteps of two rows. Each is given by its first eight values,
// and by the sum of all values after value i is multiplied by (i mod 7) - 3.
struct Expected {
  std::vector<float> first;
  double sum = 0.0;
};

struct KerasCase {
  std::string name;
  std::string cell;
  nlohmann::json options;
  Shape input;   // of one timestep
  Shape output;  // of one timestep
  Shape kernel;  // the spatial axes and the channels
  Expected h;
  Expected c;
};

const KerasCase kKerasCases[] = {
    {"SameStride",
     "ConvLSTM1DCell",
     {{"filters", 2}, {"kernel_size", {4}}, {"strides", {2}}, {"padding", "same"}},
     {5, 3},
     {3, 2},
     {4, 3},
     {{0.15359542f, 0.18162651f, 0.1580247f, -0.12421301f, -0.016399374f, -0.025079459f,
       -0.1273621f, 0.20767808f},
      -2.23478},
     {{0.35841846f, 0.46710819f, 0.33677813f, -0.19000088f, -0.036038823f, -0.048758749f,
       -0.26378796f, 0.39764136f},
      -4.88702}},
    {"ValidDilated",
     "ConvLSTM1DCell",
     {{"filters", 2}, {"kernel_size", {2}}, {"strides", {1}}, {"dilation_rate", {2}}},
     {5, 3},
     {3, 2},
     {2, 3},
     {{0.12054226f, -0.14469595f, 0.069453597f, 0.056336798f, 0.10244646f, 0.082886681f,
       0.051413905f, -0.096115962f},
      0.37716},
     {{0.21123141f, -0.26647696f, 0.17367053f, 0.098411001f, 0.24197188f, 0.13830528f, 0.11138432f,
       -0.17970017f},
      0.70405}},
    {"EvenKernelSame",
     "ConvLSTM2DCell",
     {{"filters", 3}, {"kernel_size", {3, 2}}, {"strides", {2, 1}}, {"padding", "same"}},
     {4, 5, 2},
     {2, 5, 3},
     {3, 2, 2},
     {{-0.076626055f, 0.25590426f, 0.02958161f, -0.12077244f, 0.13529833f, 0.04079413f,
       -0.0014615579f, 0.19122443f},
      1.28172},
     {{-0.28247207f, 0.52615416f, 0.047979493f, -0.20501533f, 0.28199574f, 0.1222881f,
       -0.0037421435f, 0.335199f},
      2.97125}},
    {"ChannelsFirstNoBias",
     "ConvLSTM2DCell",
     {{"filters", 3},
      {"kernel_size", {3, 2}},
      {"padding", "SAME"},
      {"data_format", "channels_first"},
      {"use_bias", false},
      {"activation", "relu"},
      {"recurrent_activation", "hard_sigmoid"}},
     {2, 4, 5},
     {3, 4, 5},
     {3, 2, 2},
     {{0, 0.055447292f, 0, 0.036276408f, 0.061462279f, 0.00037450105f, 0.0023266312f, 0}, -0.23192},
     {{0, 0.11816756f, 0, 0.071308024f, 0.11911749f, 0.0007985736f, 0.0044771186f, 0}, -0.33092}},
    {"SoftmaxGatesDilatedSame",
     "ConvLSTM2DCell",
     {{"filters", 3},
      {"kernel_size", 2},
      {"padding", "same"},
      {"data_format", nullptr},
      {"dilation_rate", {1, 2}},
      {"recurrent_activation", "softmax"}},
     {4, 5, 2},
     {4, 5, 3},
     {2, 2, 2},
     {{-0.013103483f, 0.038175751f, -0.0022143216f, -0.026962765f, 0.045998249f, 0.023223862f,
       -0.023100125f, 0.028308485f},
      0.20635},
     {{-0.042896517f, 0.11948967f, -0.0059312414f, -0.12029053f, 0.095164917f, 0.080264814f,
       -0.063578382f, 0.084246002f},
      0.06265}},
    {"Volume",
     "ConvLSTM3DCell",
     {{"filters", 2}, {"kernel_size", {2, 1, 3}}, {"data_format", "channels_last"}},
     {3, 2, 4, 2},
     {2, 2, 2, 2},
     {2, 1, 3, 2},
     {{0.03308098f, 0.10369881f, 0.10533841f, -0.071840666f, -0.0039510103f, -0.031160418f,
       0.032309145f, -0.0052169138f},
      -0.94467},
     {{0.062769957f, 0.1963602f, 0.17853767f, -0.14319125f, -0.0078316033f, -0.060667098f,
       0.057840358f, -0.010195084f},
      -2.28640}},
    {"VolumeChannelsFirst",
     "ConvLSTM3DCell",
     {{"filters", 2}, {"kernel_size", 2}, {"padding", "same"}, {"data_format", "channels_first"}},
     {2, 3, 2, 4},
     {2, 3, 2, 4},
     {2, 2, 2, 2},
     {{0.018702619f, 0.023887204f, 0.077640884f, 0.076129869f, 0.080365889f, 0.099656843f,
       0.086356081f, 0.074784838f},
      -1.22978},
     {{0.038297653f, 0.056549501f, 0.17690019f, 0.16410837f, 0.22182935f, 0.25878781f, 0.18216822f,
       0.17304671f},
      -2.70332}},
};

class ConvLstmKerasTest : public ::testing::TestWithParam<KerasCase> {
 protected:
  ConvLstmKerasTest() {
    const KerasCase& test = GetParam();
    const int64_t filters = test.options["filters"];
    std::vector<int64_t> kernel(test.kernel.extents().begin(), test.kernel.extents().end());
    kernel.push_back(4 * filters);
    AddPattern("kernel", Shape(kernel), 0);
    kernel[kernel.size() - 2] = filters;
    AddPattern("recurrent_kernel", Shape(kernel), 1);
    AddPattern("bias", {4 * filters}, 2);
  }

  // Adds weight k, whose element i is ((i (7 + 4 k) + 3 k) mod 23 - 11) / 40.
  void AddPattern(const std::string& name, const Shape& shape, int k) {
    std::vector<float> values(SizeOf(shape));
    for (size_t i = 0; i < values.size(); ++i) {
      const int step = (static_cast<int>(i) * (7 + 4 * k) + 3 * k) % 23 - 11;
      values[i] = static_cast<float>(step / 40.0);
    }
    weights_.Add(name, shape, values);
  }

  // Returns timestep t of row b. Element i of the whole input is (5 i mod 19 - 9) / 9.
  static std::vector<float> Input(size_t b, size_t t) {
    std::vector<float> x(SizeOf(GetParam().input));
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t index = (b * 3 + t) * x.size() + i;
      x[i] = static_cast<float>((static_cast<int>(index * 5 % 19) - 9) / 9.0);
    }
    return x;
  }

  static void ExpectState(const CellRun& run, size_t k, const Expected& expected) {
    std::vector<float> state = run.state(0, k);
    const std::vector<float> second = run.state(1, k);
    state.insert(state.end(), second.begin(), second.end());
    double sum = 0.0;
    for (size_t i = 0; i < state.size(); ++i) {
      sum += (static_cast<int>(i % 7) - 3) * static_cast<double>(state[i]);
    }
    EXPECT_NEAR(sum, expected.sum, 2e-5);
    state.resize(expected.first.size());
    EXPECT_THAT(state, Near(expected.first));
  }

  WeightMap weights_;
};

TEST_P(ConvLstmKerasTest, HasTheStatesOfKeras) {
  const KerasCase& test = GetParam();
  const auto cell = CreateCell(Serialized(test.cell, test.options), test.input, weights_);
  ASSERT_THAT(cell, IsOk());
  EXPECT_EQ((*cell)->output_shape(), test.output);
  EXPECT_EQ((*cell)->states()[0].shape, test.output);
  EXPECT_EQ((*cell)->states()[1].name, "c");
  CellRun run(**cell, 2);

  for (size_t t = 0; t < 3; ++t) run.Step({Input(0, t), Input(1, t)});

  ExpectState(run, 0, test.h);
  ExpectState(run, 1, test.c);
  EXPECT_EQ(run.y(0), run.state(0, 0));
}

INSTANTIATE_TEST_SUITE_P(Options, ConvLstmKerasTest, ::testing::ValuesIn(kKerasCases),
                         [](const auto& test) { return test.param.name; });

TEST(ConvLstmCellTest, CountsItsParameters) {
  WeightMap weights;
  weights.AddRandom("kernel", {2, 3, 4}, 1);
  weights.AddRandom("recurrent_kernel", {2, 1, 4}, 2);
  weights.AddRandom("bias", {4}, 3);
  const auto cell = CreateCell(Serialized("ConvLSTM1DCell", {{"filters", 1}, {"kernel_size", 2}}),
                               {5, 3}, weights);

  ASSERT_THAT(cell, IsOk());
  EXPECT_EQ((*cell)->num_parameters(), 24 + 8 + 4);
}

TEST(ConvLstmCellTest, NamesTheWeightThatIsMissing) {
  WeightMap weights;
  weights.AddRandom("kernel", {2, 3, 4}, 1);

  EXPECT_THAT(
      CreateCell(Serialized("ConvLSTM1DCell", {{"filters", 1}, {"kernel_size", 2}}), {5, 3},
                 weights),
      StatusIs(absl::StatusCode::kInvalidArgument,
               AllOf(HasSubstr("'recurrent_kernel'"), HasSubstr("[2, 1, 4]")), "MODEL_WEIGHTS"));
}

struct BadCase {
  std::string name;
  nlohmann::json change;
  Shape input;
  absl::StatusCode code;
  std::string reason;
  std::string text;
};

class ConvLstmBadConfigTest : public ::testing::TestWithParam<BadCase> {};

TEST_P(ConvLstmBadConfigTest, NamesWhatIsWrong) {
  const BadCase& test = GetParam();
  nlohmann::json config = {{"filters", 2}, {"kernel_size", {3, 3}}};
  config.update(test.change);
  WeightMap none;

  EXPECT_THAT(
      CreateCell(Serialized("ConvLSTM2DCell", config), test.input, none),
      StatusIs(test.code, AllOf(HasSubstr("layer 'rnn'"), HasSubstr(test.text)), test.reason));
}

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
constexpr absl::StatusCode kUnimplemented = absl::StatusCode::kUnimplemented;

INSTANTIATE_TEST_SUITE_P(
    Cases, ConvLstmBadConfigTest,
    ::testing::Values(
        BadCase{
            "NoFilters", {{"filters", 0}}, {4, 4, 1}, kInvalid, "MODEL_CONFIG", "'filters' is 0"},
        BadCase{"KernelOfOneAxis",
                {{"kernel_size", {3}}},
                {4, 4, 1},
                kInvalid,
                "MODEL_CONFIG",
                "'kernel_size' is [3], not 2 whole numbers"},
        BadCase{"NoKernel",
                {{"kernel_size", nullptr}},
                {4, 4, 1},
                kInvalid,
                "MODEL_CONFIG",
                "'kernel_size' is null"},
        BadCase{"ZeroStride",
                {{"strides", {1, 0}}},
                {4, 4, 1},
                kInvalid,
                "MODEL_CONFIG",
                "'strides' is [1,0]"},
        BadCase{"StridesAndDilation",
                {{"strides", {2, 1}}, {"dilation_rate", {1, 2}}},
                {4, 4, 1},
                kInvalid,
                "MODEL_CONFIG",
                "both above 1"},
        BadCase{"Padding",
                {{"padding", "causal"}},
                {4, 4, 1},
                kInvalid,
                "MODEL_CONFIG",
                "'padding' is 'causal', not 'valid' or 'same'"},
        BadCase{"DataFormat",
                {{"data_format", "NHWC"}},
                {4, 4, 1},
                kInvalid,
                "MODEL_CONFIG",
                "'data_format' is 'NHWC'"},
        BadCase{"Vector", nlohmann::json::object(), {4}, kInvalid, "MODEL_CONFIG", "[4]"},
        BadCase{"UnknownExtent",
                nlohmann::json::object(),
                {4, -1, 1},
                kInvalid,
                "MODEL_CONFIG",
                "[4, -1, 1]"},
        BadCase{"SmallerThanTheKernel",
                nlohmann::json::object(),
                {4, 2, 1},
                kInvalid,
                "MODEL_CONFIG",
                "an input of 2 along spatial axis 1 is smaller than a kernel of 3"},
        BadCase{"SmallerThanTheDilatedKernel",
                {{"dilation_rate", 2}},
                {4, 5, 1},
                kInvalid,
                "MODEL_CONFIG",
                "axis 0 is smaller than a kernel of 3 with dilation 2"},
        BadCase{"LargerThanMemory",
                {{"filters", 2147483647}},
                {4, 4, 1},
                kInvalid,
                "MODEL_CONFIG",
                "[2, 2, 2147483647] is too large"},
        BadCase{"SoftmaxOfChannelsFirst",
                {{"data_format", "channels_first"}, {"activation", "softmax"}},
                {1, 4, 4},
                kUnimplemented,
                "OPTION_UNSUPPORTED",
                "channels_first"},
        BadCase{
            "Dtype", {{"dtype", "int8"}}, {4, 4, 1}, kUnimplemented, "OPTION_UNSUPPORTED", "int8"}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace rnnserve
