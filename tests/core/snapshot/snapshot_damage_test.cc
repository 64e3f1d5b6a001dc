// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests damage and forgery in bulk: every bit, every length, and many mutations that are sealed
// again, so that they reach the parser. Memory errors that these provoke show only under
// AddressSanitizer.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <random>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/core/snapshot/snapshot_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

StatusIsMatcher IsBad(const std::string& text) {
  return StatusIs(absl::StatusCode::kDataLoss, HasSubstr(text), "SNAPSHOT_BAD");
}

std::string FlipBit(std::string bytes, size_t bit) {
  bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  return bytes;
}

// Checks that the reader either refuses the bytes by its rules or reads a snapshot that the writer
// could have written. Returns what is wrong; empty if nothing is.
std::string FaultOfDecoding(const std::string& bytes, const SnapshotKeys& keys, bool& is_read) {
  const auto snapshot = DecodeSnapshot(bytes, keys, "s-1");
  is_read = snapshot.ok();
  if (!is_read) {
    const std::string reason = ErrorReason(snapshot.status());
    return reason == "SNAPSHOT_BAD" || reason == "SNAPSHOT_VERSION" ? ""
                                                                    : snapshot.status().ToString();
  }
  if (const absl::Status status = CheckSnapshot(*snapshot); !status.ok()) return status.ToString();
  return EncodeSnapshot(*snapshot, keys.current()) == bytes ? "" : "encodes to other bytes";
}

TEST(SnapshotDamageTest, EveryFlippedBitIsRefused) {
  const std::string bytes = OneKibibyte();
  const SnapshotKeys keys = TestKeys();
  ASSERT_GE(bytes.size(), 1021u);
  ASSERT_THAT(DecodeSnapshot(bytes, keys, "s-1"), IsOk());

  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    ASSERT_THAT(DecodeSnapshot(FlipBit(bytes, bit), keys, "s-1"), IsBad("")) << "bit " << bit;
  }
}

TEST(SnapshotDamageTest, EveryFlippedBitUnderAValidMacIsReadOrRefused) {
  const std::string bytes = OneKibibyte();
  const SnapshotKeys keys = TestKeys();
  int num_read = 0;

  for (size_t bit = 0; bit < 8 * (bytes.size() - kFrameTailBytes); ++bit) {
    bool is_read = false;
    ASSERT_EQ(FaultOfDecoding(Reseal(FlipBit(bytes, bit)), keys, is_read), "") << "bit " << bit;
    num_read += is_read ? 1 : 0;
  }

  // A flipped bit in a digest, a counter or a float makes another valid snapshot.
  EXPECT_GT(num_read, 5000);
}

TEST(SnapshotDamageTest, EveryTruncationIsRefused) {
  const std::string bytes = OneKibibyte();
  const SnapshotKeys keys = TestKeys();
  const size_t frame_bytes = kFrameHeadBytes + kFrameTailBytes;

  for (size_t size = 0; size < frame_bytes; ++size) {
    ASSERT_THAT(DecodeSnapshot(bytes.substr(0, size), keys, "s-1"),
                IsBad(absl::StrCat(size, " bytes")));
  }
  for (size_t size = frame_bytes; size < bytes.size(); ++size) {
    ASSERT_THAT(DecodeSnapshot(bytes.substr(0, size), keys, "s-1"),
                IsBad(absl::StrCat(size, " bytes, but written as ", bytes.size())));
  }
}

TEST(SnapshotDamageTest, EveryTruncationUnderAValidMacIsRefused) {
  const std::string bytes = OneKibibyte();
  const std::string tail(kFrameTailBytes, '\0');

  for (size_t size = kFrameHeadBytes; size < bytes.size() - kFrameTailBytes; ++size) {
    ASSERT_THAT(DecodeSnapshot(Reseal(bytes.substr(0, size) + tail), TestKeys(), "s-1"),
                IsBad("bytes are left"))
        << size << " bytes";
  }
}

TEST(SnapshotDamageTest, BytesAfterTheEndAreRefused) {
  const std::string bytes = OneKibibyte();

  EXPECT_THAT(DecodeSnapshot(bytes + std::string(1, '\0'), TestKeys(), "s-1"),
              IsBad(absl::StrCat(bytes.size() + 1, " bytes, but written as ", bytes.size())));
  EXPECT_THAT(DecodeSnapshot(bytes + bytes, TestKeys(), "s-1"),
              IsBad(absl::StrCat(2 * bytes.size(), " bytes, but written as ", bytes.size())));
}

TEST(SnapshotDamageTest, TheErrorTellsDamageFromForgery) {
  const std::string bytes = OneKibibyte();
  const SnapshotKeys keys = TestKeys();

  EXPECT_THAT(DecodeSnapshot(FlipBit(bytes, size_t{8} * 40), keys, "s-1"),
              IsBad("bytes are damaged: the checksum differs"));
  EXPECT_THAT(DecodeSnapshot(FlipBit(bytes, size_t{8} * 12), keys, "s-1"),
              IsBad("bytes are damaged: the checksum differs"));
  EXPECT_THAT(DecodeSnapshot(FlipBit(bytes, 8 * bytes.size() - 1), keys, "s-1"),
              IsBad("is right, but not the MAC"));
  EXPECT_THAT(DecodeSnapshot("", keys, "s-1"), IsBad("0 bytes that do not begin as a snapshot"));
  EXPECT_THAT(DecodeSnapshot("a poem", keys, "s-1"), IsBad("6 bytes that do not begin"));
}

TEST(SnapshotDamageTest, EveryByteOfDurabilityUnderAValidMacIsReadOrRefused) {
  const std::string bytes = EncodeSnapshot(TwoReplies(), KeyOf(1));
  const SnapshotKeys keys = TestKeys();

  for (int value = 0; value <= 2; ++value) {
    const auto snapshot =
        DecodeSnapshot(With(bytes, 136, static_cast<uint8_t>(value)), keys, "s-1");
    ASSERT_THAT(snapshot, IsOk()) << "durability " << value;
    ASSERT_EQ(snapshot->durability, value);
  }
  for (int value = 3; value <= 255; ++value) {
    ASSERT_THAT(DecodeSnapshot(With(bytes, 136, static_cast<uint8_t>(value)), keys, "s-1"),
                IsBad(absl::StrCat("a durability of ", value, ", not 0 to 2")));
  }
}

// Makes one to four random changes: flips a bit, sets a byte, writes a number that is likely to
// overflow, removes bytes or repeats bytes. Then corrects the length and the seal.
std::string Mutate(std::string bytes, std::mt19937_64& random) {
  static constexpr uint64_t kNumbers[] = {0,
                                          1,
                                          16,
                                          17,
                                          0x7FFFFFFF,
                                          0x80000000,
                                          0xFFFFFFFF,
                                          uint64_t{1} << 62,
                                          ~uint64_t{0} >> 1,
                                          ~uint64_t{0}};
  const uint64_t num_changes = 1 + random() % 4;
  for (uint64_t i = 0; i < num_changes; ++i) {
    const size_t end = bytes.size() - kFrameTailBytes;
    const size_t at = random() % end;
    const size_t count = std::min<size_t>(1 + random() % 16, end - at);
    switch (random() % 5) {
      case 0:
        bytes = FlipBit(std::move(bytes), 8 * at + random() % 8);
        break;
      case 1:
        bytes[at] = static_cast<char>(random());
        break;
      case 2:
        std::memcpy(bytes.data() + at, &kNumbers[random() % std::size(kNumbers)],
                    std::min<size_t>(size_t{1} << (random() % 4), end - at));
        break;
      case 3:
        if (end - count >= kFrameHeadBytes) bytes.erase(at, count);
        break;
      default:
        bytes.insert(at, bytes.substr(at, count));
    }
  }
  const uint32_t id = KeyOf(1).id();
  bytes.replace(0, 8, "RNNSNAP\0", 8);
  std::memcpy(bytes.data() + 12, &id, sizeof(id));
  return Reseal(std::move(bytes));
}

TEST(SnapshotDamageTest, RandomMutationsUnderAValidMacAreReadOrRefused) {
  const uint64_t seed = std::random_device()();
  RecordProperty("seed", absl::StrCat(seed));
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937_64 random(seed);
  const std::string bytes = EncodeSnapshot(TwoReplies(), KeyOf(1));
  const SnapshotKeys keys = TestKeys();
  int num_read = 0;

  for (int i = 0; i < 100'000; ++i) {
    bool is_read = false;
    ASSERT_EQ(FaultOfDecoding(Mutate(bytes, random), keys, is_read), "") << "mutation " << i;
    num_read += is_read ? 1 : 0;
  }

  // The mutations reach both outcomes of the parser.
  EXPECT_GT(num_read, 1000);
  EXPECT_LT(num_read, 99'000);
}

}  // namespace
}  // namespace rnnserve::testing
