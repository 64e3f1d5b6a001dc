// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests that a resume token survives encoding and decoding with either key of a rotation, and that
// every flipped bit and every other length is refused.

#include "core/snapshot/resume_token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/snapshot/snapshot_frame.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const SnapshotKey kKey(SnapshotKey::Secret{1});
const SnapshotKey kOtherKey(SnapshotKey::Secret{2});

ResumeToken Token() { return {"session-1", 3, 70, 64}; }

auto IsBad(const std::string& text) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(text), "RESUME_TOKEN");
}

TEST(ResumeTokenTest, KeepsEveryField) {
  const std::string bytes = EncodeResumeToken(Token(), kKey);

  EXPECT_EQ(DecodeResumeToken(bytes, SnapshotKeys(kKey)).value(), Token());
}

TEST(ResumeTokenTest, TheLongestIdFits) {
  ResumeToken token = Token();
  token.session_id = std::string(128, 'x');

  const std::string bytes = EncodeResumeToken(token, kKey);

  EXPECT_LE(bytes.size(), ResumeToken::kMaxBytes);
  EXPECT_EQ(DecodeResumeToken(bytes, SnapshotKeys(kKey)).value(), token);
}

TEST(ResumeTokenTest, IsReadWithEitherKeyOfARotation) {
  const std::string bytes = EncodeResumeToken(Token(), kOtherKey);

  EXPECT_THAT(DecodeResumeToken(bytes, SnapshotKeys(kKey, kOtherKey)).status(), IsOk());
  EXPECT_THAT(DecodeResumeToken(bytes, SnapshotKeys(kKey)).status(), IsBad("key"));
}

TEST(ResumeTokenTest, EveryFlippedBitIsRefused) {
  const std::string bytes = EncodeResumeToken(Token(), kKey);

  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string turned = bytes;
    turned[bit / 8] = static_cast<char>(turned[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_THAT(DecodeResumeToken(turned, SnapshotKeys(kKey)).status(), IsBad("")) << bit;
  }
}

TEST(ResumeTokenTest, EveryOtherLengthIsRefused) {
  const std::string bytes = EncodeResumeToken(Token(), kKey);

  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_THAT(DecodeResumeToken(bytes.substr(0, length), SnapshotKeys(kKey)).status(), IsBad(""))
        << length;
  }
  EXPECT_THAT(DecodeResumeToken(bytes + "x", SnapshotKeys(kKey)).status(), IsBad("MAC"));
  EXPECT_THAT(DecodeResumeToken(std::string(257, 'x'), SnapshotKeys(kKey)).status(),
              IsBad("257 bytes, but 72 to 256"));
}

TEST(ResumeTokenTest, ASnapshotIsNoToken) {
  std::string snapshot(kFrameHeadBytes + 16, '\0');
  SealSnapshot(1, kFrameHeadBytes, kKey, snapshot);

  EXPECT_THAT(DecodeResumeToken(snapshot, SnapshotKeys(kKey)).status(), IsBad("begin"));
}

TEST(ResumeTokenTest, ErrorsRevealNothingOfTheContent) {
  std::string bytes = EncodeResumeToken(Token(), kKey);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);

  EXPECT_THAT(std::string(DecodeResumeToken(bytes, SnapshotKeys(kKey)).status().message()),
              Not(HasSubstr("session-1")));
}

}  // namespace
}  // namespace rnnserve::testing
