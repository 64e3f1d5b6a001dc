// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the accepted forms of a tensor in a request, and the error for each mistake.

#include "server/tensor_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "tests/support/status_matchers.h"

namespace rnnserve::server {
namespace {

using ::absl::StatusCode;
using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::Tensor RawFloats(std::vector<int64_t> shape, std::vector<float> values) {
  v1::Tensor tensor;
  tensor.set_dtype(v1::DATA_TYPE_FLOAT32);
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
  tensor.set_raw(values.data(), values.size() * sizeof(float));
  return tensor;
}

class TensorCodecTest : public ::testing::Test {
 protected:
  absl::StatusOr<TensorView> Decode(const v1::Tensor& tensor) {
    return DecodeTensor(tensor, "input", storage_);
  }

  TensorStorage storage_;
};

TEST_F(TensorCodecTest, RawBytesAreUsedInPlace) {
  const v1::Tensor tensor = RawFloats({2, 1}, {1.5f, -2.0f});

  const auto view = Decode(tensor);

  ASSERT_THAT(view, IsOk());
  EXPECT_EQ(view->dtype, DataType::kFloat32);
  EXPECT_EQ(view->shape, Shape({2, 1}));
  EXPECT_EQ(view->bytes.data(), tensor.raw().data());
  EXPECT_TRUE(storage_.empty());
}

TEST_F(TensorCodecTest, TypedFloatsNeedNoDtype) {
  v1::Tensor tensor;
  tensor.add_shape(2);
  tensor.add_float_values(1.5f);
  tensor.add_float_values(-2.0f);

  const auto view = Decode(tensor);

  ASSERT_THAT(view, IsOk());
  EXPECT_EQ(view->dtype, DataType::kFloat32);
  EXPECT_EQ(ElementAt(*view, 1), -2.0);
}

TEST_F(TensorCodecTest, TypedIntsAreInt64ByDefault) {
  v1::Tensor tensor;
  tensor.add_shape(1);
  tensor.add_int_values(7);
  v1::Tensor narrow = tensor;
  narrow.set_dtype(v1::DATA_TYPE_INT32);

  const auto wide_view = Decode(tensor);
  const auto narrow_view = Decode(narrow);

  ASSERT_THAT(wide_view, IsOk());
  EXPECT_EQ(wide_view->dtype, DataType::kInt64);
  ASSERT_THAT(narrow_view, IsOk());
  EXPECT_EQ(narrow_view->dtype, DataType::kInt32);
  EXPECT_EQ(ElementAt(*narrow_view, 0), 7.0);
}

TEST_F(TensorCodecTest, TypedBoolsAreMasks) {
  v1::Tensor tensor;
  tensor.add_shape(2);
  tensor.add_bool_values(true);
  tensor.add_bool_values(false);

  const auto view = Decode(tensor);

  ASSERT_THAT(view, IsOk());
  EXPECT_EQ(view->dtype, DataType::kBool);
  EXPECT_EQ(ElementAt(*view, 0), 1.0);
  EXPECT_EQ(ElementAt(*view, 1), 0.0);
}

TEST_F(TensorCodecTest, ATensorOfZeroTimestepsIsValid) {
  v1::Tensor tensor;
  tensor.set_dtype(v1::DATA_TYPE_FLOAT32);
  tensor.add_shape(0);
  tensor.add_shape(3);

  EXPECT_THAT(Decode(tensor), IsOk());
}

struct BadTensor {
  std::string name;
  v1::Tensor tensor;
  std::string reason;
  std::string text;
};

class BadTensorTest : public ::testing::TestWithParam<BadTensor> {};

TEST_P(BadTensorTest, IsRefusedWithReasonAndNumbers) {
  TensorStorage storage;

  EXPECT_THAT(
      DecodeTensor(GetParam().tensor, "input", storage),
      StatusIs(StatusCode::kInvalidArgument, HasSubstr(GetParam().text), GetParam().reason));
}

std::vector<BadTensor> BadTensors() {
  v1::Tensor no_dtype = RawFloats({1}, {1.0f});
  no_dtype.set_dtype(v1::DATA_TYPE_UNSPECIFIED);
  v1::Tensor both = RawFloats({1}, {1.0f});
  both.add_float_values(1.0f);
  v1::Tensor wrong_field = RawFloats({1}, {});
  wrong_field.add_int_values(1);
  v1::Tensor large_int;
  large_int.set_dtype(v1::DATA_TYPE_INT32);
  large_int.add_shape(1);
  large_int.add_int_values(int64_t{1} << 31);
  v1::Tensor odd_bool;
  odd_bool.set_dtype(v1::DATA_TYPE_BOOL);
  odd_bool.add_shape(2);
  odd_bool.set_raw("\x01\x02");
  v1::Tensor deep = RawFloats({1, 1, 1, 1, 1, 1, 1, 1, 1}, {1.0f});
  return {
      {"NoDtype", no_dtype, "TENSOR_DTYPE", "dtype 0"},
      {"RawAndTyped", both, "TENSOR_ENCODING", "more than one field"},
      {"IntsInFloats", wrong_field, "TENSOR_DTYPE", "DATA_TYPE_FLOAT32"},
      {"TooFewBytes", RawFloats({3}, {1.0f}), "TENSOR_LENGTH", "takes 12"},
      {"NegativeExtent", RawFloats({-1}, {}), "TENSOR_SHAPE", "[-1]"},
      {"OverflowingExtents", RawFloats({int64_t{1} << 32, int64_t{1} << 32}, {}), "TENSOR_SHAPE",
       "4294967296"},
      {"TooManyDimensions", deep, "TENSOR_RANK", "9 dimensions"},
      {"Int32OutOfRange", large_int, "TENSOR_VALUE", "2147483648"},
      {"BoolThatIsTwo", odd_bool, "TENSOR_VALUE", "byte 1 is 2"},
  };
}

INSTANTIATE_TEST_SUITE_P(All, BadTensorTest, ::testing::ValuesIn(BadTensors()),
                         [](const auto& test) { return test.param.name; });

TEST(EncodeTensorTest, WritesLittleEndianBytes) {
  v1::Tensor tensor;

  EncodeTensor(Shape({1, 2}), std::vector<float>{1.0f, -2.5f}, TensorEncoding::kRaw, tensor);

  EXPECT_EQ(tensor.dtype(), v1::DATA_TYPE_FLOAT32);
  EXPECT_THAT(tensor.shape(), ElementsAre(1, 2));
  EXPECT_EQ(tensor.raw(), std::string("\x00\x00\x80\x3f\x00\x00\x20\xc0", 8));
  EXPECT_TRUE(tensor.float_values().empty());
}

TEST(EncodeTensorTest, EncodesRepliesToTypedRequestsAsTyped) {
  v1::Tensor request;
  request.add_float_values(1.0f);
  v1::Tensor tensor;

  EncodeTensor(Shape({2}), std::vector<float>{1.0f, -2.5f}, EncodingOf(request), tensor);

  EXPECT_THAT(tensor.float_values(), ElementsAre(1.0f, -2.5f));
  EXPECT_TRUE(tensor.raw().empty());
}

}  // namespace
}  // namespace rnnserve::server
