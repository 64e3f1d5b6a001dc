// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that StoredId returns every id as it was given, in place or on the heap, and can be moved.

#include "core/session/stored_id.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace rnnserve {
namespace {

TEST(StoredIdTest, IsFortyBytes) { EXPECT_EQ(sizeof(StoredId), 40u); }

TEST(StoredIdTest, KeepsIdsOfEveryLength) {
  for (size_t size = 0; size <= 255; ++size) {
    const std::string id(size, static_cast<char>('a' + size % 26));
    EXPECT_EQ(StoredId(id).view(), id);
  }
}

TEST(StoredIdTest, AbortsOnALongerId) { EXPECT_DEATH(StoredId(std::string(256, 'a')), ""); }

class StoredIdMoveTest : public ::testing::TestWithParam<size_t> {};

TEST_P(StoredIdMoveTest, Moves) {
  const std::string text(GetParam(), 'x');
  StoredId first(text);

  StoredId second = std::move(first);
  EXPECT_EQ(second.view(), text);
  StoredId third("y");
  third = std::move(second);

  EXPECT_EQ(third.view(), text);
}

INSTANTIATE_TEST_SUITE_P(Lengths, StoredIdMoveTest, ::testing::Values(32, 39, 40, 128));

}  // namespace
}  // namespace rnnserve
