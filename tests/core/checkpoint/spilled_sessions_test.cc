// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests the records of spilled sessions: they are found by id, the oldest are forgotten first, and
// free slots are reused.

#include "core/checkpoint/spilled_sessions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(3600);

SpilledSessions::Record RecordOf(uint64_t epoch, const std::string& model = "m") {
  return {{epoch, 7, 9}, model, {}, kNow + absl::Seconds(60)};
}

TEST(SpilledSessionsTest, FindsAnAddedRecord) {
  SpilledSessions spilled(10);

  spilled.Add("a", RecordOf(3));

  ASSERT_TRUE(spilled.Find("a").has_value());
  EXPECT_EQ(spilled.Find("a")->fence, (SnapshotFence{3, 7, 9}));
  EXPECT_EQ(spilled.Find("a")->model_name, "m");
  EXPECT_EQ(spilled.Find("a")->expiry, kNow + absl::Seconds(60));
  EXPECT_FALSE(spilled.Find("b").has_value());
}

TEST(SpilledSessionsTest, ARecordReplacesTheOneWithItsId) {
  SpilledSessions spilled(10);
  spilled.Add("a", RecordOf(3));

  spilled.Add("a", RecordOf(4));

  EXPECT_EQ(spilled.size(), 1);
  EXPECT_EQ(spilled.Find("a")->fence.epoch, 4u);
}

TEST(SpilledSessionsTest, ForgetsTheOldestBeyondItsCapacity) {
  SpilledSessions spilled(2);
  spilled.Add("a", RecordOf(1));
  spilled.Add("b", RecordOf(1));
  spilled.Add("a", RecordOf(2));

  spilled.Add("c", RecordOf(1));

  EXPECT_THAT(spilled.IdsOf("m", kNow), ElementsAre("a", "c"));
}

TEST(SpilledSessionsTest, ErasingMakesRoomForOthers) {
  SpilledSessions spilled(2);
  spilled.Add("a", RecordOf(1));
  for (int i = 0; i < 1000; ++i) {
    spilled.Add(absl::StrCat("b", i), RecordOf(1));
    spilled.Erase(absl::StrCat("b", i));
  }

  EXPECT_THAT(spilled.IdsOf("m", kNow), ElementsAre("a"));
  spilled.Erase("a");
  EXPECT_EQ(spilled.size(), 0);
  EXPECT_THAT(spilled.IdsOf("m", kNow), IsEmpty());
}

TEST(SpilledSessionsTest, ListsTheUnexpiredSessionsOfAModel) {
  SpilledSessions spilled(10);
  spilled.Add("a", RecordOf(1));
  spilled.Add("b", RecordOf(1, "other"));
  SpilledSessions::Record expired = RecordOf(1);
  expired.expiry = kNow;
  spilled.Add("c", expired);
  expired.expiry = absl::InfiniteFuture();
  spilled.Add("d", expired);

  EXPECT_THAT(spilled.IdsOf("m", kNow), ElementsAre("a", "d"));
}

class EmptyHost : public SessionHost {};

TEST(SpilledSessionsTest, AModelStaysWhileItHasARecord) {
  SpilledSessions spilled(10);
  SpilledSessions::Record record = RecordOf(1);
  record.model = {DoublingModel(), std::make_shared<EmptyHost>()};
  const Model* const model = record.model.model.get();
  const std::weak_ptr<SessionHost> host = record.model.host;
  spilled.Add("a", record);
  spilled.Add("other", RecordOf(1));
  record = {};

  EXPECT_THAT(spilled.IdsOf("m", kNow, model), ElementsAre("a"));
  EXPECT_FALSE(host.expired());
  spilled.Erase("a");
  EXPECT_TRUE(host.expired());
}

// Lists all records, piece by piece.
std::vector<std::string> ListedIds(const SpilledSessions& spilled, const SessionFilter& filter) {
  std::vector<SessionSummary> listed;
  std::optional<std::string> last_id = "";
  while (last_id.has_value()) last_id = spilled.ListSome(filter, *last_id, kNow, listed);
  std::vector<std::string> ids;
  for (const SessionSummary& session : listed) ids.push_back(session.id);
  return ids;
}

class SpilledSessionsListTest : public ::testing::Test {
 protected:
  // Adds the record of a session of this model. The n-th one added has been idle for n seconds.
  void Add(const std::string& id, const std::string& model_name = "m") {
    SpilledSessions::Record record = RecordOf(3, model_name);
    record.model = {model_};
    record.last_use = kNow - absl::Seconds(spilled_.size() + 1);
    record.version = 17;
    record.durability = Durability::kSync;
    spilled_.Add(id, record);
  }

  const ModelPtr model_ = DoublingModel();
  SpilledSessions spilled_{1000};
};

TEST_F(SpilledSessionsListTest, SummarizesASession) {
  Add("a");

  std::vector<SessionSummary> listed;
  EXPECT_EQ(spilled_.ListSome({}, "", kNow, listed), std::nullopt);

  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].model_name, "m");
  EXPECT_EQ(listed[0].version, 17u);
  EXPECT_EQ(listed[0].durable_version, 17u);
  EXPECT_EQ(listed[0].epoch, 3u);
  EXPECT_TRUE(listed[0].detached);
  EXPECT_EQ(listed[0].idle, absl::Seconds(1));
  EXPECT_EQ(listed[0].state_bytes, model_->state_layout().bytes());
  EXPECT_EQ(listed[0].durability, Durability::kSync);
  EXPECT_EQ(listed[0].model_digest, model_->digest());
  EXPECT_TRUE(listed[0].is_spilled);
}

TEST_F(SpilledSessionsListTest, ListsPiecesInTheOrderOfIds) {
  std::vector<std::string> expected;
  for (int i = 199; i >= 100; --i) {
    Add(absl::StrCat("s", i));
    expected.insert(expected.begin(), absl::StrCat("s", i));
  }

  std::vector<SessionSummary> piece;
  const std::optional<std::string> last_id = spilled_.ListSome({}, "", kNow, piece);
  EXPECT_EQ(last_id, expected.at(piece.size() - 1));
  EXPECT_EQ(ListedIds(spilled_, {}), expected);
}

TEST_F(SpilledSessionsListTest, FiltersLikeTheListOfSessionsInMemory) {
  Add("a");
  Add("b");
  Add("b1");
  Add("b2", "other");
  Add("c");
  const ModelPtr another = DoublingModel();

  EXPECT_THAT(ListedIds(spilled_, {.id_prefix = "b"}), ElementsAre("b", "b1", "b2"));
  EXPECT_THAT(ListedIds(spilled_, {.model_name = "m", .id_prefix = "b"}), ElementsAre("b", "b1"));
  EXPECT_THAT(ListedIds(spilled_, {.min_idle = absl::Seconds(4)}), ElementsAre("b2", "c"));
  EXPECT_THAT(ListedIds(spilled_, {.model_name = "m", .model = another.get()}), IsEmpty());
}

TEST_F(SpilledSessionsListTest, LeavesOutErasedAndExpiredSessions) {
  Add("a");
  Add("b");
  Add("c");
  spilled_.Erase("b");
  SpilledSessions::Record expired = *spilled_.Find("c");
  expired.expiry = kNow;
  spilled_.Add("c", expired);

  EXPECT_THAT(ListedIds(spilled_, {}), ElementsAre("a"));
}

}  // namespace
}  // namespace rnnserve::testing
