// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that SessionIndex finds sessions by id and visits them in the order of ids, whatever their
// first characters.

#include "core/session/session_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <vector>

#include "core/session/session.h"
#include "core/session/sessions_by_model.h"
#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

class SessionIndexTest : public ::testing::Test {
 protected:
  Session& Insert(absl::string_view id) {
    return *index_.Insert(
        {id, model_, Arena::Place(), Session::kNever, true, 1, Durability::kNone, 0, 1});
  }
  void Erase(absl::string_view id) {
    Session& session = *index_.Find(id);
    index_.Hide(session);
    index_.Remove(session);
  }
  std::vector<std::string> IdsAbove(absl::string_view after, size_t limit = 1'000'000) {
    std::vector<std::string> ids;
    index_.ForEachAbove(after, [&](const Session& session) {
      ids.emplace_back(session.id.view());
      return ids.size() < limit;
    });
    return ids;
  }

  SessionsByModel models_;
  SessionsOfModel& model_ = models_.FindOrAdd("m", {DoublingModel()});
  SessionIndex index_;
};

TEST_F(SessionIndexTest, FindsASessionUntilItIsHidden) {
  Session& session = Insert("a");
  EXPECT_EQ(index_.Find("a"), &session);
  EXPECT_EQ(&index_.At(session.place.index), &session);

  index_.Hide(session);

  EXPECT_EQ(index_.Find("a"), nullptr);
  EXPECT_THAT(IdsAbove(""), IsEmpty());
  EXPECT_EQ(session.id.view(), "a");
  index_.Remove(session);
}

TEST_F(SessionIndexTest, VisitsInTheOrderOfIdsUntilToldToStop) {
  for (const char* id : {"c", "a", "d", "b"}) Insert(id);

  EXPECT_THAT(IdsAbove("a"), ElementsAre("b", "c", "d"));
  EXPECT_THAT(IdsAbove("a0", 2), ElementsAre("b", "c"));
  EXPECT_THAT(IdsAbove("d"), IsEmpty());
}

TEST_F(SessionIndexTest, OrdersIdsThatBeginAlike) {
  for (const char* id : {"12345678b", "12345678", "12345678a", "1234567", "12345678aa"}) Insert(id);

  EXPECT_THAT(IdsAbove(""),
              ElementsAre("1234567", "12345678", "12345678a", "12345678aa", "12345678b"));
  EXPECT_THAT(IdsAbove("12345678"), ElementsAre("12345678a", "12345678aa", "12345678b"));
}

class SessionIndexPropertyTest : public SessionIndexTest,
                                 public ::testing::WithParamInterface<unsigned> {};

TEST_P(SessionIndexPropertyTest, IsASortedSet) {
  std::mt19937 random(GetParam());
  std::set<std::string> model;
  // A small alphabet and long common prefixes, so that many ids are equal or nearly so.
  const auto random_id = [&] {
    std::string id(random() % 2 == 0 ? 0 : 7 + random() % 40, 'p');
    for (size_t i = 0, size = 1 + random() % 4; i < size; ++i) {
      id += static_cast<char>('x' + random() % 3);
    }
    return id;
  };
  for (int i = 0; i < 500; ++i) {
    const std::string id = random_id();
    ASSERT_EQ(index_.Find(id) != nullptr, model.contains(id));
    if (!model.contains(id)) {
      Insert(id);
      model.insert(id);
    } else {
      Erase(id);
      model.erase(id);
    }
  }
  EXPECT_THAT(IdsAbove(""), ElementsAreArray(model));
  const std::string after = random_id();
  EXPECT_THAT(IdsAbove(after),
              ElementsAreArray(std::vector<std::string>(model.upper_bound(after), model.end())));
}

INSTANTIATE_TEST_SUITE_P(Seeds, SessionIndexPropertyTest, ::testing::Range(0u, 50u));

}  // namespace
}  // namespace rnnserve::testing
