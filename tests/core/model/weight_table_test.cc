// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests the weights and errors that a layer gets while it is built.

#include "core/model/weight_table.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

class WeightTableTest : public ::testing::Test {
 protected:
  void Add(const std::string& name, Shape shape, const std::vector<float>& values) {
    table_.emplace(name, rnnserve::Weight{std::move(shape), AlignedBuffer::CopyFrom(values)});
  }

  WeightTable table_;
  WeightTableSource source_{table_};
};

TEST_F(WeightTableTest, FindsAWeightByNameAndShape) {
  Add("lstm/kernel", {1, 2}, {3, 4});

  const auto weight = source_.Weight("lstm/kernel", {1, 2});

  ASSERT_THAT(weight, IsOk());
  EXPECT_THAT(*weight, ElementsAre(3, 4));
}

TEST_F(WeightTableTest, NamesAMissingWeightAndItsShape) {
  EXPECT_THAT(source_.Weight("lstm/bias", {8}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("'lstm/bias' of shape [8] is missing"), "MODEL_WEIGHTS"));
}

TEST_F(WeightTableTest, NamesBothShapes) {
  Add("lstm/kernel", {1, 2}, {3, 4});

  EXPECT_THAT(source_.Weight("lstm/kernel", {2, 1}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("'lstm/kernel' has shape [1, 2]; its layer needs [2, 1]"),
                       "MODEL_WEIGHTS"));
}

TEST_F(WeightTableTest, RefusesValuesThatAreNotFinite) {
  Add("a", {3}, {1, kNan, 2});
  Add("b", {2}, {1, -kInfinity});

  EXPECT_THAT(source_.Weight("a", {3}), StatusIs(absl::StatusCode::kInvalidArgument,
                                                 HasSubstr("at element 1"), "MODEL_WEIGHTS"));
  EXPECT_THAT(source_.Weight("b", {2}), StatusIs(absl::StatusCode::kInvalidArgument,
                                                 HasSubstr("-inf at element 1"), "MODEL_WEIGHTS"));
}

TEST_F(WeightTableTest, NamesEveryWeightThatWasNotRequested) {
  Add("a", {1}, {1});
  Add("b", {1}, {1});
  Add("c", {1}, {1});

  ASSERT_THAT(source_.Weight("b", {1}), IsOk());

  EXPECT_THAT(source_.CheckAllUsed(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("'a', 'c'"), Not(HasSubstr("'b'"))), "MODEL_WEIGHTS"));
}

TEST_F(WeightTableTest, IsOkIfAllWereRequested) {
  Add("a", {0}, {});

  ASSERT_THAT(source_.Weight("a", {0}), IsOk());

  EXPECT_THAT(source_.CheckAllUsed(), IsOk());
}

}  // namespace
}  // namespace rnnserve::testing
