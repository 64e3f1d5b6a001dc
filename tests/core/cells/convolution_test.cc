// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/convolution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "tests/support/column_batch.h"

// Tests the padding, which must be the one that TensorFlow chooses, and the inputs that each output
// position sees.

namespace rnnserve {
namespace {

using ::rnnserve::testing::ColumnBatch;
using ::testing::ElementsAre;

// Returns 1, 2, 3, ...
std::vector<float> Image(size_t size) {
  std::vector<float> image(size);
  std::iota(image.begin(), image.end(), 1.0f);
  return image;
}

std::vector<float> PatchOf(const Convolution& convolution, const std::vector<float>& image,
                           int64_t position) {
  ColumnBatch patches(convolution.patch_size(), 1);
  convolution.Patches(image.data(), position, patches.columns());
  return patches.values(0);
}

TEST(ConvolutionAxisTest, ValidHasAnOutputWhereverTheWholeKernelFits) {
  EXPECT_EQ(ConvolutionAxis::Valid(5, 2, 1, 1).output, 4);
  EXPECT_EQ(ConvolutionAxis::Valid(5, 2, 2, 1).output, 2);
  EXPECT_EQ(ConvolutionAxis::Valid(5, 2, 1, 4).output, 1);
  EXPECT_EQ(ConvolutionAxis::Valid(5, 5, 3, 1).output, 1);
  EXPECT_EQ(ConvolutionAxis::Valid(5, 6, 3, 1).output, 0);
  EXPECT_EQ(ConvolutionAxis::Valid(5, 2, 1, 1).padding_before, 0);
}

TEST(ConvolutionAxisTest, SamePadsMoreAfterThanBefore) {
  EXPECT_EQ(ConvolutionAxis::Same(5, 3, 1, 1).output, 5);
  EXPECT_EQ(ConvolutionAxis::Same(5, 3, 1, 1).padding_before, 1);
  EXPECT_EQ(ConvolutionAxis::Same(5, 2, 1, 1).padding_before, 0);
  EXPECT_EQ(ConvolutionAxis::Same(5, 4, 1, 1).padding_before, 1);
  EXPECT_EQ(ConvolutionAxis::Same(5, 2, 1, 3).padding_before, 1);
}

TEST(ConvolutionAxisTest, SameWithAStrideRoundsTheOutputUp) {
  EXPECT_EQ(ConvolutionAxis::Same(5, 4, 2, 1).output, 3);
  EXPECT_EQ(ConvolutionAxis::Same(5, 4, 2, 1).padding_before, 1);
  EXPECT_EQ(ConvolutionAxis::Same(6, 1, 4, 1).output, 2);
  EXPECT_EQ(ConvolutionAxis::Same(6, 1, 4, 1).padding_before, 0);
}

TEST(ConvolutionTest, APatchHoldsTheChannelsOfEachKernelElementInTurn) {
  const Convolution convolution({{ConvolutionAxis::Valid(3, 2, 1, 1)}}, /*num_channels=*/2,
                                /*channels_first=*/false);

  EXPECT_EQ(convolution.num_outputs(), 2);
  EXPECT_THAT(PatchOf(convolution, Image(6), 0), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(PatchOf(convolution, Image(6), 1), ElementsAre(3, 4, 5, 6));
}

TEST(ConvolutionTest, ChannelsMayComeFirst) {
  const Convolution convolution({{ConvolutionAxis::Valid(3, 2, 1, 1)}}, /*num_channels=*/2,
                                /*channels_first=*/true);

  EXPECT_THAT(PatchOf(convolution, Image(6), 0), ElementsAre(1, 4, 2, 5));
  EXPECT_THAT(PatchOf(convolution, Image(6), 1), ElementsAre(2, 5, 3, 6));
}

// The image is  1 2 3
//               4 5 6
TEST(ConvolutionTest, InputsOutsideTheImageAreZero) {
  const Convolution convolution(
      {{ConvolutionAxis::Same(2, 3, 1, 1), ConvolutionAxis::Same(3, 2, 2, 1)}}, 1, false);

  EXPECT_EQ(convolution.num_outputs(), 4);
  EXPECT_THAT(PatchOf(convolution, Image(6), 0), ElementsAre(0, 0, 1, 2, 4, 5));
  EXPECT_THAT(PatchOf(convolution, Image(6), 3), ElementsAre(3, 0, 6, 0, 0, 0));
}

TEST(ConvolutionTest, ADilatedKernelSkipsInputs) {
  const Convolution convolution({{ConvolutionAxis::Valid(6, 3, 1, 2)}}, 1, false);

  EXPECT_THAT(PatchOf(convolution, Image(6), 1), ElementsAre(2, 4, 6));
}

TEST(ConvolutionTest, PositionsOfThreeAxesAreCountedRowMajor) {
  const Convolution convolution(
      {{ConvolutionAxis::Valid(2, 1, 1, 1), ConvolutionAxis::Valid(3, 2, 1, 1),
        ConvolutionAxis::Valid(4, 1, 1, 1)}},
      1, false);
  ColumnBatch patches(2, 3);

  convolution.Patches(Image(24).data(), /*first=*/7, patches.columns());

  EXPECT_EQ(convolution.num_outputs(), 16);
  EXPECT_THAT(patches.values(0), ElementsAre(8, 12));
  EXPECT_THAT(patches.values(1), ElementsAre(13, 17));
  EXPECT_THAT(patches.values(2), ElementsAre(14, 18));
}

}  // namespace
}  // namespace rnnserve
