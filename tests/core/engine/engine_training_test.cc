// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests Engine::Infer in training: seeds, rows, and which calls are refused.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/core/engine/engine_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class EngineTrainingTest : public EngineFixture {
 protected:
  // Returns equal rows of 3 timesteps of 2 features.
  static OwnedTensor EqualRows(int64_t batch) {
    return OwnedTensor::Floats({batch, 3, 2},
                               std::vector<float>(static_cast<size_t>(batch) * 6, 1));
  }

  absl::StatusOr<InferResult> Train(const std::string& model, int64_t batch, uint64_t seed) {
    const OwnedTensor input = EqualRows(batch);
    InferCall call = InferOf(model, input);
    call.training_seed = seed;
    return Infer(std::move(call));
  }

  // Returns the outputs of a row: 3 timesteps of 3 values.
  static std::vector<float> Row(const InferResult& result, int64_t row) {
    const auto begin = result.outputs[0].values.begin() + row * 9;
    return {begin, begin + 9};
  }
};

TEST_F(EngineTrainingTest, ASeedGivesTheSameResultAgain) {
  const auto first = Train("dropout", 2, 7);
  const auto again = Train("dropout", 2, 7);
  const auto other = Train("dropout", 2, 8);

  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->outputs[0].values, again->outputs[0].values);
  EXPECT_NE(first->outputs[0].values, other->outputs[0].values);
  EXPECT_EQ(first->training_seed, 7u);
}

TEST_F(EngineTrainingTest, EqualRowsAreDifferentSamplesWhateverTheBatch) {
  const auto few = Train("dropout", 2, 7);
  const auto many = Train("dropout", 70, 7);

  EXPECT_NE(Row(*few, 0), Row(*few, 1));
  EXPECT_EQ(Row(*few, 0), Row(*many, 0));
  EXPECT_EQ(Row(*few, 1), Row(*many, 1));
}

TEST_F(EngineTrainingTest, AModelWithoutDropoutGivesTheSameAsWithoutTraining) {
  const OwnedTensor input = EqualRows(2);

  for (const char* model : {"classifier", "forecaster", "bidirectional"}) {
    EXPECT_EQ(Train(model, 2, 7)->outputs[0].values,
              Infer(InferOf(model, input))->outputs[0].values)
        << model;
  }
}

TEST_F(EngineTrainingTest, InferenceHasNoSeed) {
  const OwnedTensor input = EqualRows(2);

  const auto result = Infer(InferOf("dropout", input));

  EXPECT_EQ(result->training_seed, std::nullopt);
  EXPECT_EQ(Row(*result, 0), Row(*result, 1));
}

TEST_F(EngineTrainingTest, ALayerThatNeedsTheBatchIsRefusedByName) {
  EXPECT_THAT(Train("normalized", 1, 7),
              StatusIs(absl::StatusCode::kUnimplemented,
                       AllOf(HasSubstr("'norm'"), HasSubstr("statistics of the whole batch")),
                       "TRAINING_UNSUPPORTED"));
  EXPECT_THAT(Infer(InferOf("normalized", EqualRows(1))), IsOk());
}

// A call with training needs a workspace for the whole batch. A call without training is computed
// row by row and needs none.
TEST_F(EngineTrainingTest, ItsMemoryIsLimited) {
  EngineOptions options;
  options.max_infer_bytes = 20'000;
  Restart(options);
  const OwnedTensor input = EqualRows(20);

  EXPECT_THAT(Infer(InferOf("dropout", input)), IsOk());
  EXPECT_THAT(Train("dropout", 20, 7),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("20 rows of 3 timesteps"),
                       "INFER_BYTES"));
}

}  // namespace
}  // namespace rnnserve::testing
