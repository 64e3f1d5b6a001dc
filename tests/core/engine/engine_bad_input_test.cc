// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests the engine with bad inputs and masks. Each call gets its reason and a text with the value
// found and the value needed, and leaves the session exactly as it was. Bad states and other bad
// calls are in engine_bad_call_test.cc.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/core/engine/engine_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::TestParamInfo;
using ::testing::Values;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();

EngineOptions SmallOptions() {
  EngineOptions options;
  options.max_timesteps = 8;
  options.max_infer_rows = 4;
  return options;
}

// A bad input, and the texts that the error must contain.
struct BadInput {
  std::string name;
  OwnedTensor input;
  std::optional<OwnedTensor> mask;
  std::string reason;
  std::string first;   // a part of the text
  std::string second;  // another part of the text
};

std::string NameOf(const TestParamInfo<BadInput>& info) { return info.param.name; }

class BadInputFixture : public EngineFixture {
 protected:
  BadInputFixture() { Restart(SmallOptions()); }
};

// Steps of a classifier of 2 features.
class BadStepTest : public BadInputFixture, public ::testing::WithParamInterface<BadInput> {};

TEST_P(BadStepTest, IsRefusedAndChangesNothing) {
  OpenAndStep("classifier", "a", OwnedTensor::Floats({1, 2}, {0.5f, 0.25f}));
  const Snapshot before = Snap("a");
  StepCall call = StepOf("a", GetParam().input);
  if (GetParam().mask.has_value()) call.inputs[0].mask = *GetParam().mask;

  EXPECT_THAT(Step(call), StatusIs(absl::StatusCode::kInvalidArgument,
                                   AllOf(HasSubstr(GetParam().first), HasSubstr(GetParam().second)),
                                   GetParam().reason));

  EXPECT_EQ(Snap("a"), before);
}

INSTANTIATE_TEST_SUITE_P(
    Inputs, BadStepTest,
    Values(
        BadInput{"Scalar", OwnedTensor::Zeros({}), {}, "INPUT_RANK", "0 dimensions", "needs 2"},
        BadInput{"RankTooLow",
                 OwnedTensor::Zeros({2}),
                 {},
                 "INPUT_RANK",
                 "1 dimensions, shape [2]",
                 "needs 2"},
        BadInput{
            "RankTooHigh", OwnedTensor::Zeros({1, 1, 2}), {}, "INPUT_RANK", "[1, 1, 2]", "needs 2"},
        BadInput{
            "NoTimesteps", OwnedTensor::Zeros({0, 2}), {}, "TIMESTEPS", "0 timesteps", "1 to 8"},
        BadInput{"TooManyTimesteps",
                 OwnedTensor::Zeros({9, 2}),
                 {},
                 "TIMESTEPS",
                 "9 timesteps",
                 "1 to 8"},
        BadInput{"NegativeTimesteps",
                 OwnedTensor(DataType::kFloat32, {-1, 2}, ""),
                 {},
                 "TIMESTEPS",
                 "-1 timesteps",
                 "1 to 8"},
        BadInput{"HugeTimesteps",
                 OwnedTensor(DataType::kFloat32, {kHuge, 2}, ""),
                 {},
                 "TIMESTEPS",
                 "9223372036854775807",
                 "1 to 8"},
        BadInput{"TooFewFeatures",
                 OwnedTensor::Zeros({1, 1}),
                 {},
                 "INPUT_SHAPE",
                 "input has 1",
                 "needs 2"},
        BadInput{
            "TooManyFeatures", OwnedTensor::Zeros({1, 3}), {}, "INPUT_SHAPE", "[1, 3]", "needs 2"},
        BadInput{"HugeFeatures",
                 OwnedTensor(DataType::kFloat32, {1, kHuge}, ""),
                 {},
                 "INPUT_SHAPE",
                 "9223372036854775807",
                 "needs 2"},
        BadInput{"IntegerFeatures",
                 OwnedTensor::Zeros({1, 2}, DataType::kInt32),
                 {},
                 "INPUT_DTYPE",
                 "INT32",
                 "FLOAT32"},
        BadInput{"BooleanFeatures",
                 OwnedTensor::Zeros({1, 2}, DataType::kBool),
                 {},
                 "INPUT_DTYPE",
                 "BOOL",
                 "FLOAT32"},
        BadInput{"TooFewBytes",
                 OwnedTensor(DataType::kFloat32, {2, 2}, std::string(15, '\0')),
                 {},
                 "TENSOR_LENGTH",
                 "15 bytes",
                 "16"},
        BadInput{"TooManyBytes",
                 OwnedTensor(DataType::kFloat32, {2, 2}, std::string(17, '\0')),
                 {},
                 "TENSOR_LENGTH",
                 "17 bytes",
                 "16"},
        BadInput{"NotANumber",
                 OwnedTensor::Floats({2, 2}, {0, 0, kNan, 0}),
                 {},
                 "NOT_FINITE",
                 "element 2",
                 "nan"},
        BadInput{"Infinite",
                 OwnedTensor::Floats({2, 2}, {0, 0, 0, -kInfinity}),
                 {},
                 "NOT_FINITE",
                 "element 3",
                 "-inf"},
        BadInput{"NotANumberBehindTheMask", OwnedTensor::Floats({2, 2}, {0, 0, kNan, 0}),
                 OwnedTensor::Bools({2}, {1, 0}), "NOT_FINITE", "element 2", "nan"},
        BadInput{"MaskTooShort", OwnedTensor::Zeros({2, 2}), OwnedTensor::Bools({1}, {1}),
                 "MASK_SHAPE", "[1]", "[2]"},
        BadInput{"MaskWithBatch", OwnedTensor::Zeros({2, 2}), OwnedTensor::Bools({1, 2}, {1, 1}),
                 "MASK_SHAPE", "[1, 2]", "[2]"},
        BadInput{"MaskOfFloats", OwnedTensor::Zeros({2, 2}), OwnedTensor::Floats({2}, {1, 1}),
                 "MASK_DTYPE", "FLOAT32", "BOOL"},
        BadInput{"MaskOfOtherBytes", OwnedTensor::Zeros({2, 2}), OwnedTensor::Bools({2}, {1, 200}),
                 "MASK_VALUE", "byte 1", "200"},
        BadInput{"MaskWithoutBytes", OwnedTensor::Zeros({2, 2}),
                 OwnedTensor(DataType::kBool, {2}, ""), "TENSOR_LENGTH", "0 bytes", "2"}),
    NameOf);

// Steps of a tagger of the token ids 0 to 4.
class BadTokensTest : public BadInputFixture, public ::testing::WithParamInterface<BadInput> {};

TEST_P(BadTokensTest, AreRefusedAndChangeNothing) {
  OpenAndStep("token", "a", OwnedTensor::Int32s({1}, {3}));
  const Snapshot before = Snap("a");

  EXPECT_THAT(Step(StepOf("a", GetParam().input)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr(GetParam().first), HasSubstr(GetParam().second)),
                       GetParam().reason));

  EXPECT_EQ(Snap("a"), before);
}

INSTANTIATE_TEST_SUITE_P(
    Inputs, BadTokensTest,
    Values(
        BadInput{"Negative",
                 OwnedTensor::Int32s({2}, {1, -1}),
                 {},
                 "TOKEN_RANGE",
                 "token 1 is -1",
                 "0 to 4"},
        BadInput{
            "TooLarge", OwnedTensor::Int64s({1}, {5}), {}, "TOKEN_RANGE", "token 0 is 5", "0 to 4"},
        BadInput{"Huge",
                 OwnedTensor::Int64s({1}, {kHuge}),
                 {},
                 "TOKEN_RANGE",
                 "token 0 is 9223372036854775807",
                 "0 to 4"},
        BadInput{"Floats",
                 OwnedTensor::Floats({1}, {1}),
                 {},
                 "INPUT_DTYPE",
                 "FLOAT32",
                 "INT32 or INT64"},
        BadInput{"Boolean", OwnedTensor::Bools({1}, {1}), {}, "INPUT_DTYPE", "BOOL", "INT32"},
        BadInput{"Features", OwnedTensor::Zeros({1, 2}), {}, "INPUT_RANK", "[1, 2]", "needs 1"}),
    NameOf);

// Batches of a classifier of 2 features.
class BadInferTest : public BadInputFixture, public ::testing::WithParamInterface<BadInput> {};

TEST_P(BadInferTest, IsRefused) {
  InferCall call = InferOf("classifier", GetParam().input);
  if (GetParam().mask.has_value()) call.inputs[0].mask = *GetParam().mask;

  EXPECT_THAT(Infer(call),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr(GetParam().first), HasSubstr(GetParam().second)),
                       GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(
    Inputs, BadInferTest,
    Values(
        BadInput{"RankTooLow", OwnedTensor::Zeros({1, 2}), {}, "INPUT_RANK", "[1, 2]", "needs 3"},
        BadInput{"NoRows", OwnedTensor::Zeros({0, 1, 2}), {}, "BATCH_ROWS", "0 rows", "1 to 4"},
        BadInput{
            "TooManyRows", OwnedTensor::Zeros({5, 1, 2}), {}, "BATCH_ROWS", "5 rows", "1 to 4"},
        BadInput{
            "NoTimesteps", OwnedTensor::Zeros({1, 0, 2}), {}, "TIMESTEPS", "0 timesteps", "1 to 8"},
        BadInput{"TooManyTimesteps",
                 OwnedTensor::Zeros({1, 9, 2}),
                 {},
                 "TIMESTEPS",
                 "9 timesteps",
                 "1 to 8"},
        BadInput{"WrongFeatures",
                 OwnedTensor::Zeros({1, 1, 3}),
                 {},
                 "INPUT_SHAPE",
                 "[1, 1, 3]",
                 "needs 2"},
        BadInput{"WrongDtype",
                 OwnedTensor::Zeros({1, 1, 2}, DataType::kInt64),
                 {},
                 "INPUT_DTYPE",
                 "INT64",
                 "FLOAT32"},
        BadInput{"WrongLength",
                 OwnedTensor(DataType::kFloat32, {2, 2, 2}, std::string(8, '\0')),
                 {},
                 "TENSOR_LENGTH",
                 "8 bytes",
                 "32"},
        BadInput{"NotANumber",
                 OwnedTensor::Floats({1, 1, 2}, {0, kNan}),
                 {},
                 "NOT_FINITE",
                 "element 1",
                 "nan"},
        BadInput{"MaskShape", OwnedTensor::Zeros({2, 3, 2}),
                 OwnedTensor::Bools({3, 2}, {1, 1, 1, 1, 1, 1}), "MASK_SHAPE", "[3, 2]", "[2, 3]"}),
    NameOf);

}  // namespace
}  // namespace rnnserve::testing
