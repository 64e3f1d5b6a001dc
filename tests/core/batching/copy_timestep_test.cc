// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that CopyTimestep copies one timestep out of a request at any alignment, and token ids as
// floats.

#include "core/batching/copy_timestep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/owned_tensor.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;

TEST(CopyTimestepTest, CopiesTheTimestepAndNothingAfterIt) {
  const OwnedTensor tensor = OwnedTensor::Floats({3, 2}, {1, 2, 3, 4, 5, 6});
  float column[3] = {0, 0, 9};

  CopyTimestep(tensor, 1, 2, column);

  EXPECT_THAT(column, ElementsAre(3, 4, 9));
}

TEST(CopyTimestepTest, ReadsBytesAtAnyAlignment) {
  const OwnedTensor tensor = OwnedTensor::Floats({1, 2}, {1, 2});
  for (size_t shift = 0; shift < 8; ++shift) {
    const std::string shifted = std::string(shift, 'x') + std::string(tensor.view().bytes);
    float column[2] = {0, 0};

    CopyTimestep({DataType::kFloat32, {1, 2}, absl::string_view(shifted).substr(shift)}, 0, 2,
                 column);

    EXPECT_THAT(column, ElementsAre(1, 2)) << "shifted by " << shift;
  }
}

TEST(CopyTimestepTest, TokenIdsBecomeFloats) {
  float column = 0;

  CopyTimestep(OwnedTensor::Int32s({3}, {7, 8, 9}), 2, 1, &column);
  EXPECT_EQ(column, 9);
  CopyTimestep(OwnedTensor::Int64s({2}, {7, 16777215}), 1, 1, &column);
  EXPECT_EQ(column, 16777215);
}

}  // namespace
}  // namespace rnnserve::testing
