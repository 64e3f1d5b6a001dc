// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/keras_cell_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/kernels/gates.h"
#include "tests/core/cells/cell_run.h"
#include "tests/support/status_matchers.h"

// Tests what the three Keras cells have in common: their options, their weights, and the errors for
// both.

namespace rnnserve {
namespace {

using ::rnnserve::testing::CreateCell;
using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::Serialized;
using ::rnnserve::testing::StatusIs;
using ::rnnserve::testing::WeightMap;
using ::testing::AllOf;
using ::testing::HasSubstr;

template <typename... Text>
auto ConfigError(Text... text) {
  return StatusIs(absl::StatusCode::kInvalidArgument,
                  AllOf(HasSubstr("layer 'rnn'"), HasSubstr(text)...), "MODEL_CONFIG");
}

template <typename... Text>
auto WeightError(Text... text) {
  return StatusIs(absl::StatusCode::kInvalidArgument, AllOf(HasSubstr(text)...), "MODEL_WEIGHTS");
}

absl::StatusOr<KerasCellOptions> Read(const nlohmann::json& config, const Shape& input_shape) {
  const nlohmann::json object = Serialized("LSTMCell", config);
  return KerasCellOptions::Read(KerasConfig(object, "layer 'rnn'"), input_shape, lstm_gate::kCount);
}

TEST(KerasCellOptionsTest, HasTheDefaultsOfKeras) {
  const auto options = Read({{"units", 3}}, {2});

  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->input_size, 2);
  EXPECT_EQ(options->units, 3);
  EXPECT_EQ(options->activation, Activation::kTanh);
  EXPECT_EQ(options->recurrent_activation, Activation::kSigmoid);
  EXPECT_TRUE(options->use_bias);
}

TEST(KerasCellOptionsTest, ReadsInferenceOptionsAndIgnoresTrainingOptions) {
  const auto options = Read({{"name", "lstm_cell"},
                             {"units", 3},
                             {"activation", "relu"},
                             {"recurrent_activation", "hard_sigmoid"},
                             {"use_bias", false},
                             {"kernel_initializer", {{"class_name", "GlorotUniform"}}},
                             {"bias_regularizer", nullptr},
                             {"unit_forget_bias", true},
                             {"dropout", 0.5},
                             {"recurrent_dropout", 0.5},
                             {"seed", 1}},
                            {2});

  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->activation, Activation::kRelu);
  EXPECT_EQ(options->recurrent_activation, Activation::kHardSigmoid);
  EXPECT_FALSE(options->use_bias);
}

TEST(KerasCellOptionsTest, RejectsWrongOptions) {
  EXPECT_THAT(Read({{"units", 0}}, {2}), ConfigError("'units' is 0"));
  EXPECT_THAT(Read(nlohmann::json::object(), {2}), ConfigError("'units' is null"));
  EXPECT_THAT(Read({{"units", 3}, {"activation", "tan"}}, {2}),
              ConfigError("'activation'", "'tan'"));
  EXPECT_THAT(Read({{"units", 3}, {"recurrent_activation", 1}}, {2}),
              ConfigError("'recurrent_activation' is 1"));
  EXPECT_THAT(Read({{"units", 3}, {"use_bias", "no"}}, {2}), ConfigError("'use_bias' is \"no\""));
}

TEST(KerasCellOptionsTest, RejectsInputsThatAreNotVectors) {
  EXPECT_THAT(Read({{"units", 3}}, {2, 4}), ConfigError("[2, 4]"));
  EXPECT_THAT(Read({{"units", 3}}, {}), ConfigError("[]"));
  EXPECT_THAT(Read({{"units", 3}}, {0}), ConfigError("[0]"));
}

TEST(KerasCellOptionsTest, OtherDtypesAreUnsupported) {
  EXPECT_THAT(Read({{"units", 3}, {"dtype", "int8"}}, {2}),
              StatusIs(absl::StatusCode::kUnimplemented,
                       AllOf(HasSubstr("layer 'rnn'"), HasSubstr("int8")), "OPTION_UNSUPPORTED"));
}

// A kind of cell with the shapes of its weights for 2 features and 3 units.
struct CellWeights {
  std::string kind;
  nlohmann::json config;
  Shape kernel;
  Shape recurrent_kernel;
  Shape bias;  // rank 0: none
  int64_t num_parameters;
};

class CellWeightsTest : public ::testing::TestWithParam<CellWeights> {
 protected:
  CellWeightsTest() {
    weights_.AddRandom("kernel", GetParam().kernel, 1);
    weights_.AddRandom("recurrent_kernel", GetParam().recurrent_kernel, 2);
    if (GetParam().bias.rank() > 0) weights_.AddRandom("bias", GetParam().bias, 3);
  }

  absl::StatusOr<std::unique_ptr<Cell>> Create() {
    nlohmann::json config = GetParam().config;
    config["units"] = 3;
    return CreateCell(Serialized(GetParam().kind, config), {2}, weights_);
  }

  WeightMap weights_;
};

TEST_P(CellWeightsTest, AcceptsTheShapesOfKeras) {
  const auto cell = Create();

  ASSERT_THAT(cell, IsOk());
  EXPECT_EQ((*cell)->num_parameters(), GetParam().num_parameters);
  EXPECT_EQ((*cell)->input_shape(), Shape({2}));
  EXPECT_EQ((*cell)->output_shape(), Shape({3}));
}

TEST_P(CellWeightsTest, NamesAMissingWeight) {
  weights_.Remove("recurrent_kernel");

  EXPECT_THAT(Create(), WeightError("'recurrent_kernel'", GetParam().recurrent_kernel.ToString()));
}

TEST_P(CellWeightsTest, NamesBothShapesOfAWrongWeight) {
  weights_.AddRandom("kernel", {5, 7}, 1);

  EXPECT_THAT(Create(), WeightError("'kernel'", "[5, 7]", GetParam().kernel.ToString()));
}

TEST_P(CellWeightsTest, ReadsTheBiasIfItHasOne) {
  weights_.AddRandom("bias", {11}, 1);

  if (GetParam().bias.rank() == 0) {
    EXPECT_THAT(Create(), IsOk());
  } else {
    EXPECT_THAT(Create(), WeightError("'bias'", "[11]", GetParam().bias.ToString()));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, CellWeightsTest,
    ::testing::Values(CellWeights{"SimpleRNNCell", {}, {2, 3}, {3, 3}, {3}, 18},
                      CellWeights{"SimpleRNNCell", {{"use_bias", false}}, {2, 3}, {3, 3}, {}, 15},
                      CellWeights{"LSTMCell", {}, {2, 12}, {3, 12}, {12}, 72},
                      CellWeights{"LSTMCell", {{"use_bias", false}}, {2, 12}, {3, 12}, {}, 60},
                      CellWeights{"GRUCell", {}, {2, 9}, {3, 9}, {2, 9}, 63},
                      CellWeights{"GRUCell", {{"reset_after", false}}, {2, 9}, {3, 9}, {9}, 54},
                      CellWeights{"GRUCell", {{"use_bias", false}}, {2, 9}, {3, 9}, {}, 45},
                      CellWeights{"rnnserve>MinimalRNNCell", {}, {2, 3}, {3, 3}, {}, 15}),
    [](const auto& test) {
      const std::string& kind = test.param.kind;
      return kind.substr(kind.rfind('>') + 1) + std::to_string(test.param.num_parameters);
    });

}  // namespace
}  // namespace rnnserve
