// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that IdIndex finds all ids that were inserted and no others, at any size.

#include "core/session/id_index.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace rnnserve {
namespace {

struct IdOfElement {
  absl::string_view operator()(uint32_t number) const { return (*ids)[number]; }
  const std::vector<std::string>* ids;
};

class IdIndexTest : public ::testing::Test {
 protected:
  void InsertAll(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) ids_.push_back(absl::StrCat("id-", i));
    for (uint32_t i = 0; i < count; ++i) index_.Insert(i);
  }

  std::vector<std::string> ids_;
  IdIndex<IdOfElement> index_{IdOfElement{&ids_}};
};

TEST_F(IdIndexTest, FindsNothingWhenEmpty) {
  EXPECT_EQ(index_.Find("id-0"), std::nullopt);
  EXPECT_EQ(index_.Find(""), std::nullopt);
}

TEST_F(IdIndexTest, FindsEveryId) {
  constexpr uint32_t kCount = 20'000;
  InsertAll(kCount);

  for (uint32_t i = 0; i < kCount; ++i) ASSERT_EQ(index_.Find(absl::StrCat("id-", i)), i);
  EXPECT_EQ(index_.Find("id-20000"), std::nullopt);
}

TEST_F(IdIndexTest, ForgetsAnErasedId) {
  InsertAll(2);

  index_.Erase("id-0");
  index_.Erase("none");

  EXPECT_EQ(index_.Find("id-0"), std::nullopt);
  EXPECT_EQ(index_.Find("id-1"), 1u);
}

}  // namespace
}  // namespace rnnserve
