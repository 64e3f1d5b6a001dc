// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that SessionsByModel counts by name, shares arenas between models with the same state size,
// and holds a model only while it has sessions.

#include "core/session/sessions_by_model.h"

#include <gtest/gtest.h>

#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

SessionsOfModel& Add(SessionsByModel& models, const std::string& name, const ModelPtr& model) {
  SessionsOfModel& added = models.FindOrAdd(name, {model});
  models.Count(added, 1);
  return added;
}

TEST(SessionsByModelTest, CountsByNameAndInTotal) {
  SessionsByModel models;
  const ModelPtr doubling = DoublingModel();
  const ModelPtr classifier = ClassifierModel();
  Add(models, "a", doubling);
  Add(models, "a", doubling);
  Add(models, "b", classifier);

  EXPECT_EQ(models.usage("a").sessions, 2);
  EXPECT_EQ(models.usage("a").state_bytes, 2 * doubling->state_layout().bytes());
  EXPECT_EQ(models.usage("b").sessions, 1);
  EXPECT_EQ(models.usage("c").sessions, 0);
  EXPECT_EQ(models.total().sessions, 3);
  EXPECT_EQ(models.total().state_bytes,
            2 * doubling->state_layout().bytes() + classifier->state_layout().bytes());
}

TEST(SessionsByModelTest, ANameMayStandForTwoModels) {
  SessionsByModel models;
  Add(models, "a", DoublingModel());
  Add(models, "a", ClassifierModel());

  EXPECT_EQ(models.usage("a").sessions, 2);
}

TEST(SessionsByModelTest, ModelsOfOneStateSizeShareAnArena) {
  SessionsByModel models;

  EXPECT_EQ(&Add(models, "a", DoublingModel()).states, &Add(models, "b", DoublingModel()).states);
  EXPECT_NE(&Add(models, "a", DoublingModel()).states, &Add(models, "c", ForecasterModel()).states);
}

TEST(SessionsByModelTest, ReleasesAModelWithItsLastSession) {
  SessionsByModel models;
  ModelPtr model = DoublingModel();
  const std::weak_ptr<const Model> watched = model;
  SessionsOfModel& added = Add(models, "a", model);
  models.Count(added, 1);
  model.reset();

  models.Count(added, -1);
  EXPECT_FALSE(watched.expired());
  SessionsOfModelPtr last = models.Count(added, -1);

  EXPECT_FALSE(watched.expired());
  EXPECT_EQ(last->name, "a");
  last.reset();
  EXPECT_TRUE(watched.expired());
  EXPECT_EQ(models.usage("a").sessions, 0);
}

}  // namespace
}  // namespace rnnserve::testing
