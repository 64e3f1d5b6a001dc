// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that every field survives a round trip, up to the ends of its range, and that values out of
// range are refused. Also tests who can read a snapshot: keys and their rotation, sessions,
// versions. Damage is tested in snapshot_damage_test.cc.

#include "core/snapshot/snapshot.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <limits>
#include <utility>

#include "tests/core/snapshot/snapshot_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

StatusIsMatcher IsBad(const std::string& text) {
  return StatusIs(absl::StatusCode::kDataLoss, HasSubstr(text), "SNAPSHOT_BAD");
}

struct Change {
  const char* name;
  std::function<void(Snapshot&)> make;
  const char* message = "";
};

std::string NameOf(const ::testing::TestParamInfo<Change>& test) { return test.param.name; }

class SnapshotRoundTripTest : public ::testing::TestWithParam<Change> {};

TEST_P(SnapshotRoundTripTest, KeepsEveryField) {
  Snapshot snapshot = TwoReplies();
  GetParam().make(snapshot);
  ASSERT_THAT(CheckSnapshot(snapshot), IsOk());

  const std::string bytes = EncodeSnapshot(snapshot, KeyOf(1));
  const auto decoded = DecodeSnapshot(bytes, TestKeys(), snapshot.session_id);

  ASSERT_THAT(decoded, IsOk());
  EXPECT_EQ(*decoded, snapshot);
  EXPECT_EQ(EncodeSnapshot(*decoded, KeyOf(1)), bytes);
}

INSTANTIATE_TEST_SUITE_P(
    Fields, SnapshotRoundTripTest,
    ::testing::Values(
        Change{"AsItIs", [](Snapshot&) {}},
        Change{"LongestNames",
               [](Snapshot& s) {
                 s.session_id = std::string(127, 'Z') + ":";
                 s.model = std::string(127, '0') + "_";
                 s.kernel_fingerprint = std::string(64, '~');
               }},
        Change{"NoFingerprint", [](Snapshot& s) { s.kernel_fingerprint.clear(); }},
        Change{"LargestNumbers",
               [](Snapshot& s) {
                 s.epoch = s.nonce = s.version = std::numeric_limits<uint64_t>::max();
                 s.replies[1].step_index = std::numeric_limits<uint64_t>::max();
                 s.replies[1].flags = std::numeric_limits<uint32_t>::max();
               }},
        Change{"NeverIdle", [](Snapshot& s) { s.idle_timeout = absl::InfiniteDuration(); }},
        Change{"ShortestTimeout", [](Snapshot& s) { s.idle_timeout = absl::Nanoseconds(1); }},
        Change{"LongestTimeout",
               [](Snapshot& s) {
                 s.idle_timeout = absl::Nanoseconds(std::numeric_limits<int64_t>::max());
               }},
        Change{"LowestDurability", [](Snapshot& s) { s.durability = 0; }},
        Change{"HighestDurability", [](Snapshot& s) { s.durability = 2; }},
        Change{"NoState", [](Snapshot& s) { s.state.clear(); }},
        Change{"LargeState", [](Snapshot& s) { s.state.assign(100'000, -0.5f); }},
        Change{"NoReplies", [](Snapshot& s) { s.replies.clear(); }},
        Change{"FullWindow",
               [](Snapshot& s) {
                 s.reply_window = 16;
                 s.replies.resize(16, s.replies[1]);
                 for (size_t i = 0; i < 16; ++i) s.replies[i].step_index = 100 + i;
                 s.replies[0].output_shape = s.replies[1].output_shape;
                 s.replies[0].outputs = s.replies[1].outputs;
               }},
        Change{"ScalarOutput",
               [](Snapshot& s) {
                 const Shape scalar;  // GCC 12 gives a false warning if it is moved
                 s.replies[0].output_shape = scalar;
                 s.replies[0].outputs = {1.0f};
               }},
        Change{"NoTimesteps",
               [](Snapshot& s) {
                 s.replies[0].output_shape = Shape({0, 7});
                 s.replies[0].outputs.clear();
               }},
        Change{"EightExtents",
               [](Snapshot& s) {
                 s.replies[0].output_shape = Shape({1, 1, 1, 1, 1, 1, 1, 2});
               }}),
    NameOf);

TEST(SnapshotTest, KeepsTheBitsOfNaNs) {
  Snapshot snapshot = TwoReplies();
  snapshot.state = {-0.0f, std::numeric_limits<float>::quiet_NaN(),
                    std::numeric_limits<float>::denorm_min()};
  const std::string bytes = EncodeSnapshot(snapshot, KeyOf(1));

  const auto decoded = DecodeSnapshot(bytes, TestKeys(), "s-1");

  ASSERT_THAT(decoded, IsOk());
  EXPECT_EQ(EncodeSnapshot(*decoded, KeyOf(1)), bytes);
}

class SnapshotFieldTest : public ::testing::TestWithParam<Change> {};

TEST_P(SnapshotFieldTest, IsRefusedWithItsNumbers) {
  Snapshot snapshot = TwoReplies();
  GetParam().make(snapshot);

  EXPECT_THAT(CheckSnapshot(snapshot), StatusIs(absl::StatusCode::kInvalidArgument,
                                                HasSubstr(GetParam().message), "SNAPSHOT_FIELD"));
  EXPECT_DEATH(EncodeSnapshot(snapshot, KeyOf(1)), "");
}

INSTANTIATE_TEST_SUITE_P(
    Fields, SnapshotFieldTest,
    ::testing::Values(
        Change{"NoId", [](Snapshot& s) { s.session_id.clear(); },
               "session id: 0 characters, not 1 to 128"},
        Change{"LongId", [](Snapshot& s) { s.session_id.assign(129, 'a'); },
               "session id: 129 characters, not 1 to 128"},
        Change{"SlashInId", [](Snapshot& s) { s.session_id = "ab/c"; },
               "session id: character 3 of 4 is not allowed"},
        Change{"NoModel", [](Snapshot& s) { s.model.clear(); },
               "model name: 0 characters, not 1 to 128"},
        Change{"LongModel", [](Snapshot& s) { s.model.assign(129, 'a'); },
               "model name: 129 characters, not 1 to 128"},
        Change{"ColonInModel", [](Snapshot& s) { s.model = "a:b"; },
               "model name: character 2 of 3 is not allowed"},
        Change{"LongFingerprint", [](Snapshot& s) { s.kernel_fingerprint.assign(65, 'a'); },
               "kernel fingerprint: 65 characters, not 0 to 64"},
        Change{"LineBreakInFingerprint", [](Snapshot& s) { s.kernel_fingerprint = "a\n"; },
               "kernel fingerprint: character 2 of 2 is not allowed"},
        Change{"NoTimeout", [](Snapshot& s) { s.idle_timeout = absl::ZeroDuration(); },
               "an idle timeout of 0"},
        Change{"NegativeTimeout", [](Snapshot& s) { s.idle_timeout = -absl::InfiniteDuration(); },
               "an idle timeout of -inf"},
        Change{"HalfANanosecond", [](Snapshot& s) { s.idle_timeout = absl::Nanoseconds(1.5); },
               "an idle timeout of 1.5ns"},
        Change{"TimeoutBeyondTheNumber",
               [](Snapshot& s) { s.idle_timeout = absl::Hours(24 * 366 * 300); },
               "not 1 to 2^63-1 ns or infinite"},
        Change{"UnknownDurability", [](Snapshot& s) { s.durability = 3; },
               "a durability of 3, not 0 to 2"},
        Change{"LargestDurability", [](Snapshot& s) { s.durability = 255; },
               "a durability of 255, not 0 to 2"},
        Change{"NoWindow", [](Snapshot& s) { s.reply_window = 0; },
               "a reply window of 0, not 1 to 16"},
        Change{"LargeWindow", [](Snapshot& s) { s.reply_window = 17; },
               "a reply window of 17, not 1 to 16"},
        Change{"MoreRepliesThanTheWindow", [](Snapshot& s) { s.reply_window = 1; },
               "2 replies in a window of 1"},
        Change{"SameStepTwice", [](Snapshot& s) { s.replies[1].step_index = 10; },
               "reply 1 is of step 10, the one before of step 10"},
        Change{"NineExtents",
               [](Snapshot& s) {
                 s.replies[1].output_shape = Shape({1, 1, 1, 1, 1, 1, 1, 1, 2});
               },
               "reply 1: 9 extents, at most 8"},
        Change{"NegativeExtent",
               [](Snapshot& s) {
                 s.replies[1].output_shape = Shape({-1, -2});
               },
               "reply 1: 2 outputs of shape [-1, -2]"},
        Change{"OtherShape", [](Snapshot& s) { s.replies[0].output_shape = Shape({3}); },
               "reply 0: 2 outputs of shape [3]"}),
    NameOf);

// Fields that CheckSnapshot forbids, written by a forger who has the key.
struct Forged {
  const char* name;
  std::function<std::string(const std::string&)> make;
  const char* message;
};

class SnapshotForgedTest : public ::testing::TestWithParam<Forged> {};

TEST_P(SnapshotForgedTest, IsRefusedWithItsNumbers) {
  const std::string bytes = GetParam().make(EncodeSnapshot(TwoReplies(), KeyOf(1)));

  EXPECT_THAT(DecodeSnapshot(bytes, TestKeys(), "s-1"), IsBad(GetParam().message));
}

// The offsets are those of SNAPSHOT.md. The texts have 3, 4 and 9 bytes, the state has 12 bytes.
constexpr size_t kFirstReply = 137 + 3 + 4 + 9 + 12;

INSTANTIATE_TEST_SUITE_P(
    Fields, SnapshotForgedTest,
    ::testing::Values(
        Forged{"VersionZero", [](const std::string& b) { return With<uint16_t>(b, 8, 0); },
               "format version 0; this server reads from 1 on"},
        Forged{"OtherHeader", [](const std::string& b) { return With<uint16_t>(b, 10, 144); },
               "a header of 144 bytes, not 137"},
        Forged{"ZeroTimeout", [](const std::string& b) { return With<uint64_t>(b, 112, 0); },
               "an idle timeout of 0, not 1 to 2^63-1 ns or infinite"},
        Forged{"HugeTimeout",
               [](const std::string& b) { return With<uint64_t>(b, 112, uint64_t{1} << 63); },
               "an idle timeout of 9223372036854775808 ns"},
        Forged{"LongId", [](const std::string& b) { return With<uint16_t>(b, 120, 65535); },
               "session id: 65535 of 1 bytes each, but 160 bytes are left"},
        Forged{"NoId",
               [](const std::string& b) {
                 std::string shorter = b;
                 shorter.erase(137, 3);
                 return With<uint16_t>(std::move(shorter), 120, 0);
               },
               "session id: 0 characters, not 1 to 128"},
        Forged{"CharacterOfId", [](const std::string& b) { return With<char>(b, 138, '\0'); },
               "session id: character 2 of 3 is not allowed"},
        Forged{"CharacterOfModel", [](const std::string& b) { return With<char>(b, 140, ' '); },
               "model name: character 1 of 4 is not allowed"},
        Forged{"Window", [](const std::string& b) { return With<uint8_t>(b, 126, 17); },
               "a reply window of 17, not 1 to 16"},
        Forged{"SmallWindow", [](const std::string& b) { return With<uint8_t>(b, 126, 1); },
               "2 replies in a window of 1"},
        Forged{"FewerReplies", [](const std::string& b) { return With<uint8_t>(b, 127, 1); },
               "68 bytes are left after the last field"},
        Forged{"MoreReplies", [](const std::string& b) { return With<uint8_t>(b, 127, 3); },
               "reply 2: 1 of 40 bytes each, but 0 bytes are left"},
        Forged{"Durability", [](const std::string& b) { return With<uint8_t>(b, 136, 3); },
               "a durability of 3, not 0 to 2"},
        Forged{"Rank", [](const std::string& b) { return With<uint32_t>(b, kFirstReply + 28, 9); },
               "reply 0: 9 extents, at most 8"},
        Forged{"NegativeExtent",
               [](const std::string& b) { return With<int64_t>(b, kFirstReply + 40, -1); },
               "reply 0: no outputs have the shape [-1, 2]"},
        Forged{"StepsOutOfOrder",
               [](const std::string& b) { return With<uint64_t>(b, kFirstReply, 11); },
               "reply 1 is of step 11, the one before of step 11"},
        Forged{"BytesBehind",
               [](const std::string& b) {
                 std::string longer = b;
                 longer.insert(longer.size() - kFrameTailBytes, 1, '\0');
                 return Reseal(longer);
               },
               "1 bytes are left after the last field"},
        Forged{"NoFields",
               [](const std::string& b) {
                 return Reseal(b.substr(0, kFrameHeadBytes) + std::string(kFrameTailBytes, '\0'));
               },
               "header: 1 of 113 bytes each, but 0 bytes are left"},
        Forged{"ChecksumOfAnotherWriter",
               [](const std::string& b) {
                 std::string bytes = b.substr(0, b.size() - 32);
                 bytes.back() ^= 1;
                 const SnapshotKey::Mac mac = KeyOf(1).MacOf(bytes);
                 return bytes.append(reinterpret_cast<const char*>(mac.data()), mac.size());
               },
               "the MAC is right, but not the checksum"}),
    [](const auto& test) { return test.param.name; });

TEST(SnapshotTest, ANewerFormatIsNotDamage) {
  const std::string bytes = With<uint16_t>(EncodeSnapshot(TwoReplies(), KeyOf(1)), 8, 2);

  EXPECT_THAT(
      DecodeSnapshot(bytes, TestKeys(), "s-1"),
      StatusIs(absl::StatusCode::kFailedPrecondition,
               HasSubstr("format version 2; this server reads up to 1"), "SNAPSHOT_VERSION"));
}

TEST(SnapshotTest, ASnapshotOfAnotherSessionIsRefused) {
  Snapshot other = TwoReplies();
  other.session_id = "s-2";
  const std::string bytes = EncodeSnapshot(other, KeyOf(1));

  const auto decoded = DecodeSnapshot(bytes, TestKeys(), "s-1");

  EXPECT_THAT(decoded, StatusIs(absl::StatusCode::kDataLoss,
                                AllOf(HasSubstr("it is of another session"), Not(HasSubstr("s-2"))),
                                "SNAPSHOT_BAD"));
}

TEST(SnapshotTest, AnUnknownKeyIsRefused) {
  const std::string bytes = EncodeSnapshot(TwoReplies(), KeyOf(9));

  EXPECT_THAT(DecodeSnapshot(bytes, TestKeys(), "s-1"),
              IsBad("signed with a key that is not among the 1 of this server"));
  EXPECT_THAT(DecodeSnapshot(bytes, SnapshotKeys(KeyOf(1), KeyOf(2)), "s-1"),
              IsBad("not among the 2 of this server"));
}

TEST(SnapshotTest, TheKeyIdAloneIsNotEnough) {
  std::string bytes = EncodeSnapshot(TwoReplies(), KeyOf(9));
  const uint32_t id = KeyOf(1).id();
  std::memcpy(bytes.data() + 12, &id, sizeof(id));

  EXPECT_THAT(DecodeSnapshot(Reseal(bytes, KeyOf(9)), TestKeys(), "s-1"),
              IsBad("bytes is right, but not the MAC: not signed with the key"));
}

TEST(SnapshotTest, BothKeysOfARotationAreRead) {
  const SnapshotKeys keys(KeyOf(2), KeyOf(1));

  EXPECT_THAT(DecodeSnapshot(EncodeSnapshot(TwoReplies(), KeyOf(1)), keys, "s-1"), IsOk());
  EXPECT_THAT(DecodeSnapshot(EncodeSnapshot(TwoReplies(), KeyOf(2)), keys, "s-1"), IsOk());
}

}  // namespace
}  // namespace rnnserve::testing
