// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests what a key file may contain and what its errors reveal, the ids and MACs of keys, and the
// pair of keys during a rotation. The expected digests come from Python's hashlib and hmac.

#include "core/snapshot/snapshot_key.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// The secret that consists of the bytes 0 to 31, as hexadecimal digits.
constexpr char kDigits[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

std::string Hex(const SnapshotKey::Mac& mac) {
  return absl::BytesToHexString({reinterpret_cast<const char*>(mac.data()), mac.size()});
}

SnapshotKey KeyOf(uint8_t byte) {
  SnapshotKey::Secret secret;
  secret.fill(byte);
  return SnapshotKey(secret);
}

TEST(SnapshotKeyTest, TheIdIsTheBeginningOfTheDigest) {
  const auto key = SnapshotKey::Parse(kDigits);

  ASSERT_THAT(key, IsOk());
  EXPECT_EQ(key->id(), 0x29CD0D63u);
}

TEST(SnapshotKeyTest, TheMacIsHmacSha256) {
  const auto key = SnapshotKey::Parse(kDigits);

  ASSERT_THAT(key, IsOk());
  EXPECT_EQ(Hex(key->MacOf("what do ya want for nothing?")),
            "099805f4ac310786968565c098db515cc50862b420ae31e20238312344bed36a");
}

TEST(SnapshotKeyTest, VerifiesTheWholeMacAndNothingElse) {
  const SnapshotKey key = KeyOf(1);
  const SnapshotKey::Mac bytes = key.MacOf("text");
  const std::string mac(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::string changed = mac;
  changed.back() ^= 1;

  EXPECT_TRUE(key.Verifies("text", mac));
  EXPECT_FALSE(key.Verifies("test", mac));
  EXPECT_FALSE(key.Verifies("text", changed));
  // The missing byte lies just after the view.
  EXPECT_FALSE(key.Verifies("text", absl::string_view(mac).substr(0, 31)));
  EXPECT_FALSE(key.Verifies("text", ""));
  EXPECT_FALSE(KeyOf(2).Verifies("text", mac));
}

struct Accepted {
  const char* name;
  std::string text;
};

class SnapshotKeyAcceptedTest : public ::testing::TestWithParam<Accepted> {};

TEST_P(SnapshotKeyAcceptedTest, IsTheSameKey) {
  const auto key = SnapshotKey::Parse(GetParam().text);

  ASSERT_THAT(key, IsOk());
  EXPECT_EQ(Hex(key->MacOf("")), Hex(SnapshotKey::Parse(kDigits)->MacOf("")));
}

INSTANTIATE_TEST_SUITE_P(
    Texts, SnapshotKeyAcceptedTest,
    ::testing::Values(Accepted{"LineBreak", std::string(kDigits) + "\n"},
                      Accepted{"WindowsLineBreak", std::string(kDigits) + "\r\n"},
                      Accepted{"CapitalLetters",
                               "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"}),
    [](const auto& test) { return test.param.name; });

struct Refused {
  const char* name;
  std::string text;
  const char* message;
};

class SnapshotKeyRefusedTest : public ::testing::TestWithParam<Refused> {};

TEST_P(SnapshotKeyRefusedTest, NamesThePositionAndNothingOfTheSecret) {
  EXPECT_THAT(
      SnapshotKey::Parse(GetParam().text),
      StatusIs(absl::StatusCode::kInvalidArgument,
               AllOf(HasSubstr(GetParam().message), Not(HasSubstr("0001"))), "SNAPSHOT_KEY"));
}

INSTANTIATE_TEST_SUITE_P(
    Texts, SnapshotKeyRefusedTest,
    ::testing::Values(Refused{"Empty", "", "0 characters, not 64 hexadecimal digits"},
                      Refused{"OneTooFew", std::string(kDigits).substr(1), "63 characters"},
                      Refused{"OneTooMany", std::string(kDigits) + "0", "65 characters"},
                      Refused{"TwoLineBreaks", std::string(kDigits) + "\n\n", "65 characters"},
                      Refused{"SpaceInFront", absl::StrCat(" ", std::string(kDigits).substr(1)),
                              "character 1 of 64 is not a hexadecimal digit"},
                      Refused{"LetterAtTheEnd", std::string(kDigits).substr(0, 63) + "g",
                              "character 64 of 64 is not a hexadecimal digit"}),
    [](const auto& test) { return test.param.name; });

TEST(SnapshotKeysTest, FindsEachKeyByItsId) {
  const SnapshotKeys one(KeyOf(1));
  const SnapshotKeys two(KeyOf(1), KeyOf(2));

  EXPECT_EQ(one.num_keys(), 1);
  EXPECT_EQ(one.Find(KeyOf(2).id()), nullptr);
  EXPECT_EQ(two.num_keys(), 2);
  ASSERT_NE(two.Find(KeyOf(1).id()), nullptr);
  EXPECT_EQ(two.Find(KeyOf(1).id())->id(), two.current().id());
  ASSERT_NE(two.Find(KeyOf(2).id()), nullptr);
  EXPECT_EQ(two.Find(KeyOf(2).id())->id(), KeyOf(2).id());
  EXPECT_EQ(two.Find(KeyOf(3).id()), nullptr);
}

}  // namespace
}  // namespace rnnserve::testing
