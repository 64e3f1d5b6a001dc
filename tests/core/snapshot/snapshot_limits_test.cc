// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that false lengths cost little: a snapshot that claims more than it holds, sealed with the
// right key, is refused without allocating much memory. Also tests the limits that a reader sets.

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/core/snapshot/snapshot_fixture.h"
#include "tests/support/malloc_counter.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

StatusIsMatcher IsBad(const std::string& text) {
  return StatusIs(absl::StatusCode::kDataLoss, HasSubstr(text), "SNAPSHOT_BAD");
}

// The bytes that the vector of replies, the context of the MAC and the error text may allocate
// together.
constexpr int64_t kSmallBytes = 8192;

constexpr SnapshotLimits kNoLimits{~size_t{0}, ~size_t{0}};

// Offsets of the numbers in a snapshot of TwoReplies: texts of 3, 4 and 9 bytes, a state of 12
// bytes.
constexpr size_t kStateSize = 128;
constexpr size_t kFirstReply = 137 + 3 + 4 + 9 + 12;
constexpr size_t kReplyStatesSize = kFirstReply + 32;
constexpr size_t kFirstExtent = kFirstReply + 40;

struct Claim {
  const char* name;
  size_t offset;
  uint64_t number;
  const char* message;
};

class SnapshotClaimTest : public ::testing::TestWithParam<Claim> {};

TEST_P(SnapshotClaimTest, AllocatesNothingForMissingBytes) {
  const std::string bytes =
      With(EncodeSnapshot(TwoReplies(), KeyOf(1)), GetParam().offset, GetParam().number);
  const SnapshotKeys keys = TestKeys();
  // Run once before counting, because OpenSSL allocates some memory on first use and keeps it.
  ASSERT_FALSE(DecodeSnapshot(bytes, keys, "s-1", kNoLimits).ok());

  MallocCounter allocations;
  const auto snapshot = DecodeSnapshot(bytes, keys, "s-1", kNoLimits);
  const int64_t bytes_asked = allocations.thread_bytes_asked();

  EXPECT_THAT(snapshot, IsBad(GetParam().message));
  EXPECT_LT(bytes_asked, kSmallBytes);
}

constexpr uint64_t kInt32Above = uint64_t{1} << 31;
constexpr uint64_t kInt64Max = ~uint64_t{0} >> 1;
constexpr uint64_t kUint64Max = ~uint64_t{0};

INSTANTIATE_TEST_SUITE_P(
    Numbers, SnapshotClaimTest,
    ::testing::Values(
        Claim{"StateOfOneMore", kStateSize, 37,
              "state: 37 of 4 bytes each, but 144 bytes are left"},
        Claim{"StateOfInt32", kStateSize, kInt32Above, "state: 2147483648 of 4 bytes each"},
        Claim{"StateThatWrapsAround", kStateSize, uint64_t{1} << 62,
              "state: 4611686018427387904 of 4 bytes each"},
        Claim{"StateOfInt64", kStateSize, kInt64Max, "state: 9223372036854775807 of 4 bytes each"},
        Claim{"StateOfUint64", kStateSize, kUint64Max,
              "state: 18446744073709551615 of 4 bytes each"},
        Claim{"ReplyStatesOfInt32", kReplyStatesSize, kInt32Above,
              "reply 0, states: 2147483648 of 4 bytes each"},
        Claim{"ReplyStatesOfInt64", kReplyStatesSize, kInt64Max,
              "reply 0, states: 9223372036854775807 of 4 bytes each"},
        Claim{"ReplyStatesOfUint64", kReplyStatesSize, kUint64Max,
              "reply 0, states: 18446744073709551615 of 4 bytes each"},
        Claim{"OutputsOfInt32", kFirstExtent, kInt32Above,
              "reply 0, outputs: 4294967296 of 4 bytes each"},
        Claim{"OutputsThatOverflow", kFirstExtent, kInt64Max,
              "reply 0: no outputs have the shape [9223372036854775807, 2]"},
        Claim{"OutputsOfUint64", kFirstExtent, kUint64Max,
              "reply 0: no outputs have the shape [-1, 2]"}),
    [](const auto& test) { return test.param.name; });

TEST(SnapshotLimitsTest, ReadingTakesLittleMoreMemoryThanTheSnapshot) {
  Snapshot snapshot = TwoReplies();
  snapshot.state.assign(100'000, 1.0f);
  const std::string bytes = EncodeSnapshot(snapshot, KeyOf(1));
  const SnapshotKeys keys = TestKeys();

  MallocCounter allocations;
  const auto decoded = DecodeSnapshot(bytes, keys, "s-1");
  const int64_t bytes_asked = allocations.thread_bytes_asked();

  ASSERT_THAT(decoded, IsOk());
  EXPECT_LT(bytes_asked, static_cast<int64_t>(bytes.size()) + kSmallBytes);
}

TEST(SnapshotLimitsTest, WritingAllocatesOnce) {
  Snapshot snapshot = TwoReplies();
  snapshot.state.assign(50'000, 1.0f);
  snapshot.replies[1].output_shape = Shape({2, 25'000});
  snapshot.replies[1].outputs.assign(50'000, 1.0f);
  snapshot.replies[1].states.assign(50'000, 1.0f);
  const SnapshotKey key = KeyOf(1);

  MallocCounter allocations;
  const std::string bytes = EncodeSnapshot(snapshot, key);
  const int64_t bytes_asked = allocations.thread_bytes_asked();

  EXPECT_GT(bytes.size(), 600'000u);
  EXPECT_LT(bytes_asked, static_cast<int64_t>(bytes.size()) + kSmallBytes);
}

TEST(SnapshotLimitsTest, TooManyBytesAreRefusedUnchecked) {
  const std::string bytes = EncodeSnapshot(TwoReplies(), KeyOf(9));
  const size_t size = bytes.size();

  EXPECT_THAT(DecodeSnapshot(bytes, TestKeys(), "s-1", {.bytes_max = size - 1}),
              IsBad(absl::StrCat(size, " bytes, at most ", size - 1)));
  EXPECT_THAT(DecodeSnapshot(bytes, SnapshotKeys(KeyOf(9)), "s-1", {.bytes_max = size}), IsOk());
}

TEST(SnapshotLimitsTest, ALargerStateThanExpectedIsRefused) {
  const std::string bytes = EncodeSnapshot(TwoReplies(), KeyOf(1));

  EXPECT_THAT(DecodeSnapshot(bytes, TestKeys(), "s-1", {.state_size_max = 2}),
              IsBad("a state of 3 floats, at most 2"));
  EXPECT_THAT(DecodeSnapshot(bytes, TestKeys(), "s-1", {.state_size_max = 3}), IsOk());
}

}  // namespace
}  // namespace rnnserve::testing
