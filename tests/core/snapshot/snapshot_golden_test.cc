// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Reads the files in golden/, compares them with values written down here, and writes them again
// byte for byte. They come from make.py, a writer that shares no code with ours.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <numeric>

#include "core/snapshot/snapshot.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Returns the key of make.py: the bytes 0 to 31.
SnapshotKey GoldenKey() {
  SnapshotKey::Secret secret;
  std::iota(secret.begin(), secret.end(), uint8_t{0});
  return SnapshotKey(secret);
}

std::string ReadGolden(const std::string& name) {
  std::ifstream file(RNNSERVE_SOURCE_DIR "/tests/core/snapshot/golden/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Returns the bytes first, first + 1, ...
template <size_t kSize>
std::array<uint8_t, kSize> BytesFrom(uint8_t first) {
  std::array<uint8_t, kSize> bytes;
  std::iota(bytes.begin(), bytes.end(), first);
  return bytes;
}

TEST(SnapshotGoldenTest, ReadsTheMinimalFileAndWritesItAgain) {
  const std::string bytes = ReadGolden("v1_minimal.snapshot");
  Snapshot expected;
  expected.session_id = "a";
  expected.model = "m";
  expected.model_digest.fill(0x11);
  expected.layout_digest.fill(0x22);

  const auto snapshot = DecodeSnapshot(bytes, SnapshotKeys(GoldenKey()), "a");

  ASSERT_THAT(snapshot, IsOk());
  EXPECT_EQ(bytes.size(), 175u);
  EXPECT_EQ(snapshot->idle_timeout, absl::InfiniteDuration());
  EXPECT_EQ(snapshot->reply_window, 1);
  EXPECT_EQ(snapshot->durability, 0);
  EXPECT_EQ(*snapshot, expected);
  EXPECT_EQ(EncodeSnapshot(*snapshot, GoldenKey()), bytes);
}

TEST(SnapshotGoldenTest, ReadsTheFileWithTwoReplies) {
  const auto snapshot = DecodeSnapshot(ReadGolden("v1_two_replies.snapshot"),
                                       SnapshotKeys(GoldenKey()), "user:42_A.b-c");

  ASSERT_THAT(snapshot, IsOk());
  EXPECT_EQ(snapshot->session_id, "user:42_A.b-c");
  EXPECT_EQ(snapshot->model, "weather-lstm.v2");
  EXPECT_EQ(snapshot->model_digest, BytesFrom<32>(0x40));
  EXPECT_EQ(snapshot->layout_digest, BytesFrom<32>(0x80));
  EXPECT_EQ(snapshot->kernel_fingerprint, "0.1.0 avx2");
  EXPECT_EQ(snapshot->epoch, 0x0102030405060708u);
  EXPECT_EQ(snapshot->nonce, 0xF1F2F3F4F5F6F7F8u);
  EXPECT_EQ(snapshot->version, 9223372036854775813u);
  EXPECT_EQ(snapshot->idle_timeout, absl::Minutes(5));
  EXPECT_EQ(snapshot->reply_window, 4);
  EXPECT_EQ(snapshot->durability, 2);
  EXPECT_THAT(snapshot->state,
              ElementsAre(0.5f, -1.0f, 0.0f, -0.0f, std::numeric_limits<float>::max(),
                          std::numeric_limits<float>::denorm_min()));
  EXPECT_TRUE(std::signbit(snapshot->state[3]));
  ASSERT_THAT(snapshot->replies, SizeIs(2));
}

TEST(SnapshotGoldenTest, ReadsBothReplies) {
  const auto snapshot = DecodeSnapshot(ReadGolden("v1_two_replies.snapshot"),
                                       SnapshotKeys(GoldenKey()), "user:42_A.b-c");
  ASSERT_THAT(snapshot, IsOk());
  ASSERT_THAT(snapshot->replies, SizeIs(2));
  const StoredReply& first = snapshot->replies[0];
  const StoredReply& second = snapshot->replies[1];

  EXPECT_EQ(first.step_index, 7u);
  EXPECT_EQ(first.payload_digest, BytesFrom<16>(0));
  EXPECT_EQ(first.flags, 0u);
  EXPECT_EQ(first.output_shape, Shape({1, 2}));
  EXPECT_THAT(first.outputs, ElementsAre(0.25f, -0.75f));
  EXPECT_THAT(first.states, IsEmpty());
  EXPECT_EQ(second.step_index, 18446744073709551615u);
  EXPECT_EQ(second.payload_digest, BytesFrom<16>(0xF0));
  EXPECT_EQ(second.flags, 0x80000001u);
  EXPECT_EQ(second.output_shape, Shape({2, 1, 3}));
  EXPECT_THAT(second.outputs, ElementsAre(1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f));
  EXPECT_THAT(second.states, ElementsAre(10.0f, 20.0f));
}

TEST(SnapshotGoldenTest, WritesTheFileWithTwoRepliesAgain) {
  const std::string bytes = ReadGolden("v1_two_replies.snapshot");

  const auto snapshot = DecodeSnapshot(bytes, SnapshotKeys(GoldenKey()), "user:42_A.b-c");

  ASSERT_THAT(snapshot, IsOk());
  EXPECT_EQ(bytes.size(), 395u);
  EXPECT_EQ(EncodeSnapshot(*snapshot, GoldenKey()), bytes);
}

}  // namespace
}  // namespace rnnserve::testing
