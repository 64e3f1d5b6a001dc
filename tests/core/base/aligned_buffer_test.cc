// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/base/aligned_buffer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <utility>
#include <vector>

// Tests the initial values and the alignment of an AlignedBuffer, and its ownership after moves.

namespace rnnserve {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

TEST(AlignedBufferTest, StartsAtAMultipleOf64BytesForEverySize) {
  for (int64_t size = 1; size <= 33; ++size) {
    const AlignedBuffer buffer(size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 64, 0u) << "size " << size;
  }
}

TEST(AlignedBufferTest, IsZeroAtFirst) {
  const AlignedBuffer buffer(5);

  EXPECT_EQ(buffer.size(), 5);
  EXPECT_THAT(buffer.span(), Each(0.0f));
}

TEST(AlignedBufferTest, OfZeroFloatsOwnsNoMemory) {
  EXPECT_EQ(AlignedBuffer().data(), nullptr);
  EXPECT_EQ(AlignedBuffer(0).data(), nullptr);
  EXPECT_TRUE(AlignedBuffer(0).span().empty());
}

TEST(AlignedBufferTest, CopyFromCopiesTheValuesToItsOwnMemory) {
  std::vector<float> values = {1.0f, -2.5f, 3.0f};

  const AlignedBuffer copy = AlignedBuffer::CopyFrom(values);
  values[0] = 9.0f;

  EXPECT_THAT(copy.span(), ElementsAre(1.0f, -2.5f, 3.0f));
}

TEST(AlignedBufferTest, MoveConstructionTakesTheMemoryAndLeavesTheSourceEmpty) {
  AlignedBuffer from = AlignedBuffer::CopyFrom({1.0f, 2.0f});
  const float* memory = from.data();

  const AlignedBuffer to = std::move(from);

  EXPECT_EQ(to.data(), memory);
  EXPECT_EQ(to.size(), 2);
  EXPECT_EQ(from.data(), nullptr);  // NOLINT: what a move leaves is part of the contract
  EXPECT_EQ(from.size(), 0);
}

TEST(AlignedBufferTest, MoveAssignmentTakesTheMemory) {
  AlignedBuffer from = AlignedBuffer::CopyFrom({1.0f, 2.0f});
  const float* memory = from.data();
  AlignedBuffer to(7);

  to = std::move(from);

  EXPECT_EQ(to.data(), memory);
  EXPECT_THAT(to.span(), ElementsAre(1.0f, 2.0f));
}

}  // namespace
}  // namespace rnnserve
