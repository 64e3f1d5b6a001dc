// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/base/tensor_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"

// Tests tensors from requests, which may have any bytes, any shape and any alignment.

namespace rnnserve {
namespace {

using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

template <typename T>
std::string Bytes(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

TEST(DataTypeTest, HasANameAndASize) {
  EXPECT_EQ(DataTypeName(DataType::kFloat32), "FLOAT32");
  EXPECT_EQ(DataTypeName(DataType::kInt32), "INT32");
  EXPECT_EQ(DataTypeName(DataType::kInt64), "INT64");
  EXPECT_EQ(DataTypeName(DataType::kBool), "BOOL");
  EXPECT_EQ(DataTypeBytes(DataType::kFloat32), 4);
  EXPECT_EQ(DataTypeBytes(DataType::kInt32), 4);
  EXPECT_EQ(DataTypeBytes(DataType::kInt64), 8);
  EXPECT_EQ(DataTypeBytes(DataType::kBool), 1);
}

TEST(CheckLengthTest, AcceptsExactlyTheBytesOfTheShape) {
  const std::string bytes(24, '\0');

  EXPECT_THAT(CheckLength({DataType::kFloat32, {2, 3}, bytes}, "x"), IsOk());
  EXPECT_THAT(CheckLength({DataType::kInt64, {3}, bytes}, "x"), IsOk());
  EXPECT_THAT(CheckLength({DataType::kBool, {24}, bytes}, "x"), IsOk());
  EXPECT_THAT(CheckLength({DataType::kInt32, {0, 3}, ""}, "x"), IsOk());
}

TEST(CheckLengthTest, NamesBothLengthsIfTheyDiffer) {
  const std::string bytes(23, '\0');

  EXPECT_THAT(
      CheckLength({DataType::kFloat32, {2, 3}, bytes}, "input 'x'"),
      StatusIs(absl::StatusCode::kInvalidArgument,
               "input 'x': 23 bytes, but FLOAT32 of shape [2, 3] takes 24", "TENSOR_LENGTH"));
}

TEST(CheckLengthTest, RejectsNegativeExtents) {
  EXPECT_THAT(CheckLength({DataType::kFloat32, {2, -3}, ""}, "x"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("[2, -3]"), "TENSOR_SHAPE"));
}

TEST(CheckLengthTest, RejectsShapesThatOverflowAsElementsOrAsBytes) {
  constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();

  EXPECT_THAT(CheckLength({DataType::kBool, {kLargest, 2}, ""}, "x"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("too large"), "TENSOR_SHAPE"));
  EXPECT_THAT(CheckLength({DataType::kFloat32, {kLargest}, ""}, "x"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("too large"), "TENSOR_SHAPE"));
}

TEST(CheckFiniteTest, AcceptsFiniteValuesAndOtherTypes) {
  const std::string floats = Bytes<float>({0.0f, -1e38f, 1e-45f});
  const std::string bits = Bytes<int32_t>({-1, 0x7f800000});

  EXPECT_THAT(CheckFinite({DataType::kFloat32, {3}, floats}, "x"), IsOk());
  EXPECT_THAT(CheckFinite({DataType::kInt32, {2}, bits}, "x"), IsOk());
}

TEST(CheckFiniteTest, NamesTheFirstValueThatIsNotFinite) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::string infinite = Bytes<float>({0.0f, 1.0f, -kInfinity, kInfinity});
  const std::string not_a_number = Bytes<float>({std::numeric_limits<float>::quiet_NaN()});

  EXPECT_THAT(CheckFinite({DataType::kFloat32, {4}, infinite}, "x"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("element 2"), HasSubstr("-inf")), "NOT_FINITE"));
  EXPECT_THAT(CheckFinite({DataType::kFloat32, {1}, not_a_number}, "x"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("element 0"), HasSubstr("nan")), "NOT_FINITE"));
}

TEST(ElementAtTest, ReadsEveryType) {
  EXPECT_EQ(ElementAt({DataType::kFloat32, {2}, Bytes<float>({1.0f, -2.5f})}, 1), -2.5);
  EXPECT_EQ(ElementAt({DataType::kInt32, {2}, Bytes<int32_t>({7, -8})}, 1), -8.0);
  EXPECT_EQ(ElementAt({DataType::kInt64, {2}, Bytes<int64_t>({7, int64_t{1} << 40})}, 1),
            1099511627776.0);
  EXPECT_EQ(ElementAt({DataType::kBool, {3}, Bytes<uint8_t>({0, 1, 2})}, 0), 0.0);
  EXPECT_EQ(ElementAt({DataType::kBool, {3}, Bytes<uint8_t>({0, 1, 2})}, 2), 1.0);
}

TEST(ElementAtTest, ReadsValuesAtAnyAlignment) {
  const std::string bytes = absl::StrCat("?", Bytes<float>({1.5f, 2.5f}));
  const TensorView tensor{DataType::kFloat32, {2}, absl::string_view(bytes).substr(1)};

  EXPECT_EQ(ElementAt(tensor, 0), 1.5);
  EXPECT_EQ(ElementAt(tensor, 1), 2.5);
}

}  // namespace
}  // namespace rnnserve
