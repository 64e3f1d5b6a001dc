// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that the places of an Arena do not move or overlap and begin as zeros, that a stale handle
// is detected, and that memory is mapped and unmapped in chunks. A property test compares random
// use with a map of what was written.

#include "core/session/arena.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace rnnserve::testing {
namespace {

constexpr int64_t kPlaceBytes = Arena::kChunkBytes / 4;

std::vector<Arena::Place> AllocateSome(Arena& arena, size_t count) {
  std::vector<Arena::Place> places(count);
  for (Arena::Place& place : places) place = *arena.Allocate();
  return places;
}

bool IsZero(const std::byte* begin, int64_t size) {
  return std::all_of(begin, begin + size, [](std::byte byte) { return byte == std::byte{0}; });
}

TEST(ArenaTest, PlacesAreAlignedZeroedAndDoNotOverlap) {
  Arena arena(100);
  const std::byte* previous = nullptr;
  for (const Arena::Place place : AllocateSome(arena, 5)) {
    const std::byte* at = arena.At(place);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(at) % 64, 0u);
    EXPECT_TRUE(IsZero(at, 128));
    EXPECT_TRUE(previous == nullptr || at == previous + 128);
    previous = at;
  }
  EXPECT_EQ(arena.num_used(), 5);
}

TEST(ArenaTest, APlaceOfNoBytesIsAllowed) {
  Arena arena(0);
  const std::vector<Arena::Place> places = AllocateSome(arena, 2);

  EXPECT_NE(arena.At(places[0]), arena.At(places[1]));
}

TEST(ArenaTest, APlaceLargerThanAChunkGetsAChunkOfItsOwn) {
  Arena arena(Arena::kChunkBytes + 1);
  const std::vector<Arena::Place> places = AllocateSome(arena, 2);

  EXPECT_EQ(arena.reserved_bytes(), 2 * (Arena::kChunkBytes + 64));
  std::memset(arena.At(places[1]), 1, Arena::kChunkBytes + 1);
  EXPECT_TRUE(IsZero(arena.At(places[0]), Arena::kChunkBytes + 1));
}

TEST(ArenaTest, AFreedPlaceIsZeroedBeforeItIsUsedAgain) {
  Arena arena(64);
  const Arena::Place first = *arena.Allocate();
  std::memset(arena.At(first), 0xff, 64);

  arena.Free(first);
  const Arena::Place second = *arena.Allocate();

  EXPECT_EQ(second.index, first.index);
  EXPECT_TRUE(IsZero(arena.At(second), 64));
}

TEST(ArenaTest, AbortsOnAStalePlace) {
  Arena arena(64);
  const Arena::Place stale = *arena.Allocate();
  arena.Free(stale);
  EXPECT_DEATH(arena.At(stale), "place 0 of generation 1 of an arena is stale");

  const Arena::Place used_again = *arena.Allocate();

  ASSERT_EQ(used_again.index, stale.index);
  EXPECT_DEATH(arena.At(stale), "is stale");
  EXPECT_DEATH(arena.Free(stale), "is stale");
}

#if defined(__SANITIZE_ADDRESS__)
TEST(ArenaTest, AddressSanitizerReportsAccessToAFreePlace) {
  Arena arena(64);
  const Arena::Place place = *arena.Allocate();
  std::byte* const at = arena.At(place);
  EXPECT_DEATH(at[64] = std::byte{1}, "use-after-poison");

  arena.Free(place);

  EXPECT_DEATH(*at = std::byte{1}, "use-after-poison");
}
#endif

TEST(ArenaTest, AbortsOnAPlaceThatWasNeverAllocated) {
  Arena arena(64);
  EXPECT_DEATH(arena.At({}), "is stale");

  arena.Allocate();

  EXPECT_DEATH(arena.At({1, 0}), "is stale");
  EXPECT_DEATH(arena.At({1, 4}), "is stale");
  EXPECT_DEATH(arena.At({1u << 31, 1}), "is stale");
}

TEST(ArenaTest, AbortsOnAStalePlaceWhoseChunkIsUnmapped) {
  Arena arena(kPlaceBytes);
  const std::vector<Arena::Place> places = AllocateSome(arena, 8);

  for (const Arena::Place place : places) arena.Free(place);

  EXPECT_DEATH(arena.At(places[0]), "is stale");
  EXPECT_DEATH(arena.At(places[7]), "is stale");
}

TEST(ArenaTest, KeepsOneEmptyChunkAndUnmapsTheOthers) {
  Arena arena(kPlaceBytes);
  const std::vector<Arena::Place> places = AllocateSome(arena, 12);
  EXPECT_EQ(arena.reserved_bytes(), 3 * Arena::kChunkBytes);

  for (const Arena::Place place : places) arena.Free(place);

  EXPECT_EQ(arena.reserved_bytes(), Arena::kChunkBytes);
  AllocateSome(arena, 12);
  EXPECT_EQ(arena.reserved_bytes(), 3 * Arena::kChunkBytes);
}

TEST(ArenaTest, FillsTheLowestChunkFirst) {
  Arena arena(kPlaceBytes);
  const std::vector<Arena::Place> places = AllocateSome(arena, 12);

  arena.Free(places[9]);
  arena.Free(places[6]);
  arena.Free(places[1]);

  EXPECT_EQ(arena.Allocate()->index, places[1].index);
  EXPECT_EQ(arena.Allocate()->index, places[6].index);
  EXPECT_EQ(arena.Allocate()->index, places[9].index);
}

TEST(ArenaTest, ReturnsNothingIfThereIsNoMemory) {
  Arena arena(int64_t{1} << 60);

  EXPECT_FALSE(arena.Allocate().has_value());

  EXPECT_EQ(arena.num_used(), 0);
  EXPECT_EQ(arena.reserved_bytes(), 0);
}

// Every place must hold what was last written to it, whatever happens to other places.
class ArenaPropertyTest : public ::testing::TestWithParam<unsigned> {};

TEST_P(ArenaPropertyTest, KeepsWhatWasWritten) {
  std::mt19937 random(GetParam());
  Arena arena(Arena::kChunkBytes / (1 + random() % 12));
  std::vector<std::pair<Arena::Place, uint64_t>> model;
  for (int i = 0; i < 400; ++i) {
    // Grow and shrink in turns, so that chunks are mapped and unmapped.
    const bool grows = i / 50 % 2 == 0;
    if (model.empty() || random() % 4 < (grows ? 3 : 1)) {
      const Arena::Place place = *arena.Allocate();
      uint64_t value = 0;
      std::memcpy(&value, arena.At(place), sizeof(value));
      ASSERT_EQ(value, 0u);
      value = random() + uint64_t{1};
      std::memcpy(arena.At(place), &value, sizeof(value));
      model.emplace_back(place, value);
    } else {
      std::swap(model[random() % model.size()], model.back());
      arena.Free(model.back().first);
      model.pop_back();
    }
    ASSERT_EQ(arena.num_used(), static_cast<int64_t>(model.size()));
  }
  for (const auto& [place, expected] : model) {
    uint64_t value = 0;
    std::memcpy(&value, arena.At(place), sizeof(value));
    EXPECT_EQ(value, expected);
    EXPECT_EQ(arena.AtIndex(place.index), arena.At(place));
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ArenaPropertyTest, ::testing::Range(0u, 50u));

TEST(ArenaTest, FindsTheNextPlaceInUse) {
  Arena arena(Arena::kChunkBytes / 4);
  std::vector<Arena::Place> places;
  for (int i = 0; i < 10; ++i) places.push_back(*arena.Allocate());
  for (const int i : {0, 2, 4, 5, 6, 7, 9}) arena.Free(places[i]);

  EXPECT_EQ(arena.NextUsed(0), 1u);
  EXPECT_EQ(arena.NextUsed(1), 1u);
  EXPECT_EQ(arena.NextUsed(2), 3u);
  // The search skips a chunk in which no place is in use.
  EXPECT_EQ(arena.NextUsed(4), 8u);
  EXPECT_EQ(arena.NextUsed(9), std::nullopt);
  EXPECT_EQ(arena.NextUsed(1000), std::nullopt);
}

}  // namespace
}  // namespace rnnserve::testing
