// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that a session becomes a snapshot and a session again without loss, and that a snapshot
// that does not fit a model is refused.

#include "core/checkpoint/session_snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

class SessionSnapshotTest : public ::testing::Test {
 protected:
  SessionLease Lease(const std::string& id) {
    std::optional<absl::StatusOr<SessionLease>> lease;
    store_.Lease(id, [&lease](absl::StatusOr<SessionLease> given) { lease = std::move(given); });
    return **std::move(lease);
  }
  // Opens a session at version 9 that keeps the reply to its last step.
  void OpenWithReply(const std::string& id) {
    KeptReply reply;
    reply.index = 8;
    reply.digest = {1, 2, 3};
    reply.output_shape = {2, 1};
    reply.output = {5, 6};
    reply.state = std::vector<float>(static_cast<size_t>(model_->state_layout().size), 7.0f);
    SessionState state(*model_);
    state.block()[0] = 3.0f;
    std::vector<KeptReply> replies;
    replies.push_back(std::move(reply));
    ASSERT_THAT(store_.Open({.id = id,
                             .model_name = "m",
                             .model = model_,
                             .state = std::move(state),
                             .detached = true,
                             .idle_timeout = absl::Seconds(90),
                             .reply_window = 4,
                             .version = 9,
                             .epoch = 2,
                             .replies = std::move(replies),
                             .durability = Durability::kSync,
                             .nonce = 77,
                             .revision = 12}),
                IsOk());
  }

  FakeClock clock_;
  const ModelPtr model_ = DoublingModel();
  SessionTable store_{clock_, [](const std::string&, EndReason) {}, {}};
};

TEST_F(SessionSnapshotTest, ASessionIsOpenedAsItWas) {
  OpenWithReply("a");
  const Snapshot snapshot = SnapshotOf(Lease("a"));
  const SnapshotFence fence = FenceOf(Lease("a"));
  EXPECT_THAT(CheckSnapshot(snapshot), IsOk());
  EXPECT_THAT(CheckModel(snapshot, *model_), IsOk());
  EXPECT_EQ(fence, (SnapshotFence{2, 77, 12}));
  Lease("a").End(EndReason::kMoved);

  auto request = OpenRequestOf(snapshot, {3, 78, 12}, {model_}, store_);
  ASSERT_THAT(request, IsOk());
  ASSERT_THAT(store_.Open(*std::move(request)), IsOk());

  const SessionLease lease = Lease("a");
  EXPECT_EQ(lease.model_name(), "m");
  EXPECT_EQ(lease.version(), 9u);
  EXPECT_EQ(lease.durable_version(), 9u);
  EXPECT_EQ(lease.epoch(), 3u);
  EXPECT_EQ(lease.idle_timeout(), absl::Seconds(90));
  EXPECT_EQ(lease.reply_window(), 4);
  EXPECT_EQ(lease.durability(), Durability::kSync);
  EXPECT_EQ(FenceOf(lease), (SnapshotFence{3, 78, 12}));
  EXPECT_EQ(lease.state().block()[0], 3.0f);
  ASSERT_NE(lease.FindReply(8), nullptr);
  EXPECT_EQ(lease.FindReply(8)->output, (std::vector<float>{5, 6}));
  EXPECT_EQ(lease.FindReply(8)->output_shape, (Shape{2, 1}));
  EXPECT_EQ(lease.FindReply(8)->digest, (PayloadDigest{1, 2, 3}));
  EXPECT_EQ(lease.FindReply(8)->state.size(), snapshot.state.size());
}

TEST_F(SessionSnapshotTest, AnotherModelOfTheSameNameIsRefused) {
  OpenWithReply("a");
  Snapshot snapshot = SnapshotOf(Lease("a"));
  snapshot.model_digest[5] ^= 1;

  EXPECT_THAT(CheckModel(snapshot, *model_), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                      HasSubstr("another model"), "MODEL_CHANGED"));
}

TEST_F(SessionSnapshotTest, ImpossibleStatesAndRepliesAreRefused) {
  OpenWithReply("a");
  const Snapshot snapshot = SnapshotOf(Lease("a"));
  Snapshot short_state = snapshot;
  short_state.state.pop_back();
  Snapshot other_layout = snapshot;
  other_layout.layout_digest[0] ^= 1;
  Snapshot future_reply = snapshot;
  future_reply.replies[0].step_index = 9;
  Snapshot short_reply = snapshot;
  short_reply.replies[0].states.pop_back();
  const auto is_bad = [](const char* text) {
    return StatusIs(absl::StatusCode::kDataLoss, HasSubstr(text), "SNAPSHOT_BAD");
  };

  EXPECT_THAT(CheckModel(short_state, *model_), is_bad("31 floats, the model of 32"));
  EXPECT_THAT(CheckModel(other_layout, *model_), is_bad("another order"));
  EXPECT_THAT(CheckModel(future_reply, *model_), is_bad("step 9"));
  EXPECT_THAT(CheckModel(short_reply, *model_), is_bad("31 floats"));
}

TEST_F(SessionSnapshotTest, RepliesWithoutRoomAreAnError) {
  OpenWithReply("a");
  const Snapshot snapshot = SnapshotOf(Lease("a"));
  SessionTable::Options options;
  options.max_reply_bytes = 10;
  SessionTable small(
      clock_, [](const std::string&, EndReason) {}, options);

  EXPECT_THAT(
      OpenRequestOf(snapshot, {3, 78, 12}, {model_}, small),
      StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("at most 10"), "REPLY_BYTES_LIMIT"));
}

}  // namespace
}  // namespace rnnserve::testing
