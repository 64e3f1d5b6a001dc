// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the value type of requests and replies: its shape, its slices, and the checks of its
// contract.

#include "client/cpp/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rnnserve::client {
namespace {

using ::testing::ElementsAre;

TEST(TensorTest, HoldsTheElementsOfItsType) {
  const Tensor floats({2, 1}, std::vector<float>{1.5f, -2});
  const Tensor tokens({3}, std::vector<int32_t>{7, 7, 0});
  const Tensor wide({1}, std::vector<int64_t>{int64_t{1} << 40});
  const Tensor mask({2}, std::vector<bool>{true, false});

  EXPECT_THAT(floats.floats(), ElementsAre(1.5f, -2));
  EXPECT_THAT(floats.shape(), ElementsAre(2, 1));
  EXPECT_THAT(tokens.int32s(), ElementsAre(7, 7, 0));
  EXPECT_THAT(wide.int64s(), ElementsAre(int64_t{1} << 40));
  EXPECT_THAT(mask.bools(), ElementsAre(1, 0));
}

TEST(TensorTest, IsEmptyByDefault) {
  EXPECT_THAT(Tensor().shape(), ElementsAre(0));
  EXPECT_EQ(Tensor().num_elements(), 0u);
}

TEST(TensorTest, CutsRows) {
  const Tensor tensor({3, 2}, std::vector<float>{1, 2, 3, 4, 5, 6});

  EXPECT_EQ(tensor.Rows(1, 3), Tensor({2, 2}, std::vector<float>{3, 4, 5, 6}));
  EXPECT_EQ(tensor.Rows(2, 2), Tensor({0, 2}, std::vector<float>{}));
}

TEST(TensorTest, CutsRowsOfAnEmptyTensor) {
  const Tensor tensor({0, 2}, std::vector<float>{});

  EXPECT_EQ(tensor.Rows(0, 0), tensor);
}

TEST(TensorTest, KeepsElementsWhenReshaped) {
  const Tensor tensor({1, 4}, std::vector<int32_t>{1, 2, 3, 4});

  EXPECT_EQ(tensor.Reshaped({2, 2}), Tensor({2, 2}, std::vector<int32_t>{1, 2, 3, 4}));
}

TEST(TensorDeathTest, DiesOfAShapeThatDoesNotMatch) {
  EXPECT_DEATH(Tensor({2, 2}, std::vector<float>{1, 2, 3}), "does not match");
}

TEST(TensorDeathTest, DiesOfANegativeExtent) {
  EXPECT_DEATH(Tensor({-1}, std::vector<float>{}), "negative");
}

TEST(TensorDeathTest, DiesOfRowsOutside) {
  EXPECT_DEATH(Tensor({2}, std::vector<float>{1, 2}).Rows(1, 3), "outside");
}

}  // namespace
}  // namespace rnnserve::client
