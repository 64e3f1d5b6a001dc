// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests Engine::Infer on whole batches, with models that can stream and models that cannot.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "tests/core/engine/engine_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class EngineInferTest : public EngineFixture {
 protected:
  static OwnedTensor Rows(const std::vector<float>& values, int64_t batch, int64_t features = 1) {
    const auto time = static_cast<int64_t>(values.size()) / batch / features;
    return OwnedTensor::Floats({batch, time, features}, values);
  }
  static std::vector<float> Random(size_t count) {
    std::mt19937 random(5);
    std::uniform_real_distribution<float> uniform(-1, 1);
    std::vector<float> values(count);
    for (float& value : values) value = uniform(random);
    return values;
  }
};

TEST_F(EngineInferTest, ComputesEveryRow) {
  const OwnedTensor input = Rows({1, 2, 3, 4, 5, 6}, 2);

  const auto result = Infer(InferOf("doubling", input));

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->outputs[0].shape, Shape({2, 3, 1}));
  EXPECT_THAT(result->outputs[0].values, ElementsAre(1, 4, 11, 4, 13, 32));
  EXPECT_THAT(result->state, IsEmpty());
}

TEST_F(EngineInferTest, ReturnsTheLastOutputIfTheModelDoes) {
  const OwnedTensor input = Rows(Random(3 * 4 * 2), 3, 2);

  const auto result = Infer(InferOf("classifier", input));

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->outputs[0].shape, Shape({3, 2}));
  EXPECT_THAT(result->outputs[0].values, SizeIs(6));
}

TEST_F(EngineInferTest, ReturnsTheStatesIfAsked) {
  const OwnedTensor input = Rows({1, 2, 3, 4}, 2);
  InferCall call = InferOf("doubling", input);
  call.return_state = true;

  const auto result = Infer(call);

  ASSERT_THAT(result->state, SizeIs(1));
  EXPECT_EQ(result->state[0].layer, "sum");
  EXPECT_EQ(result->state[0].shape, Shape({2, 1}));
  EXPECT_THAT(result->state[0].values, ElementsAre(4, 10));
}

TEST_F(EngineInferTest, BeginsAtTheGivenStates) {
  const OwnedTensor input = Rows({1, 1}, 2);
  const OwnedTensor states = OwnedTensor::Floats({2, 1}, {5, 10});
  InferCall call = InferOf("doubling", input);
  call.initial_state = {{"sum", "h", states}};

  EXPECT_THAT(Infer(call)->outputs[0].values, ElementsAre(11, 21));
}

TEST_F(EngineInferTest, MasksEachRowByItself) {
  const OwnedTensor input = Rows({1, 2, 3, 1, 2, 3}, 2);
  const OwnedTensor mask = OwnedTensor::Bools({2, 3}, {1, 1, 0, 0, 1, 1});
  InferCall call = InferOf("doubling", input);
  call.inputs[0].mask = mask;

  EXPECT_THAT(Infer(call)->outputs[0].values, ElementsAre(1, 4, 4, 0, 2, 7));
}

TEST_F(EngineInferTest, TakesTokenIdsOfEveryIntegerType) {
  const OwnedTensor narrow = OwnedTensor::Int32s({2, 2}, {1, 4, 0, 3});
  const OwnedTensor wide = OwnedTensor::Int64s({2, 2}, {1, 4, 0, 3});

  const auto result = Infer(InferOf("token", narrow));

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->outputs[0].shape, Shape({2, 2, 2}));
  EXPECT_EQ(Infer(InferOf("token", wide))->outputs[0].values, result->outputs[0].values);
}

TEST_F(EngineInferTest, IsTheSameAsTheStepsOfASession) {
  const OwnedTensor input = Rows(Random(5 * 2), 1, 2);
  const OwnedTensor steps = OwnedTensor::Floats({5, 2}, Random(5 * 2));
  Open("forecaster", "a").IgnoreError();

  EXPECT_THAT(Infer(InferOf("forecaster", input))->outputs[0].values,
              ElementsAreArray(Step(StepOf("a", steps))->outputs[0].values));
}

TEST_F(EngineInferTest, SharesCellStepsWithSessions) {
  RecordingObserver& observer = observer_.Of("doubling");
  observer.Hold();
  Open("doubling", "a").IgnoreError();
  const OwnedTensor one = OwnedTensor::Floats({2, 1}, {1, 1});
  const auto step = StartStep(StepOf("a", one));
  observer.AwaitStopped();
  const OwnedTensor input = Rows({1, 2, 3}, 3);
  Answer<InferResult> infer;
  engine_->Infer(InferOf("doubling", input), infer.callback());
  observer.Release();

  EXPECT_THAT(infer.Wait()->outputs[0].values, ElementsAre(1, 2, 3));
  EXPECT_THAT(step.Wait()->outputs[0].values, ElementsAre(1, 3));
  EXPECT_THAT(observer.cell_step_rows(), ElementsAre(1, 4));
}

TEST_F(EngineInferTest, NamesTheFirstRowThatIsNotFinite) {
  const OwnedTensor input = Rows({1, 1, 3e38f, 3e38f, 3e38f, 3e38f}, 3);

  EXPECT_THAT(Infer(InferOf("doubling", input)),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("row 1"), HasSubstr("timestep 1 of 2")), "STATE_NONFINITE"));
}

TEST_F(EngineInferTest, RefusesABatchThatDoesNotFitIntoTheQueueAsAWhole) {
  EngineOptions options;
  options.batching.max_batch_rows = 1;
  options.max_queued_steps = 4;
  Restart(options);
  RecordingObserver& observer = observer_.Of("doubling");
  observer.Hold();
  const OwnedTensor three = Rows({1, 2, 3}, 3);
  const OwnedTensor two = Rows({1, 2}, 2);
  Answer<InferResult> first;
  engine_->Infer(InferOf("doubling", three), first.callback());
  observer.AwaitStopped();
  Answer<InferResult> second;
  engine_->Infer(InferOf("doubling", three), second.callback());

  EXPECT_THAT(second.Wait(),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("2 rows wait for a worker, of at most 4; 3 more"), "QUEUE_LIMIT"));
  Answer<InferResult> third;
  engine_->Infer(InferOf("doubling", two), third.callback());
  observer.Release();
  EXPECT_THAT(first.Wait(), IsOk());
  EXPECT_THAT(third.Wait()->outputs[0].values, ElementsAre(1, 2));
}

TEST_F(EngineInferTest, ComputesAModelThatCannotStream) {
  const OwnedTensor input = Rows(Random(2 * 3 * 2), 2, 2);
  InferCall call = InferOf("bidirectional", input);
  call.return_state = true;

  const auto result = Infer(call);

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->outputs[0].shape, Shape({2, 3, 6}));
  ASSERT_THAT(result->state, SizeIs(2));
  EXPECT_EQ(result->state[1].name, "backward/h");
  EXPECT_EQ(result->state[1].shape, Shape({2, 3}));
  // The backward half ends at the first timestep, so its state is its output there.
  EXPECT_EQ(
      std::vector<float>(result->outputs[0].values.begin() + 3,
                         result->outputs[0].values.begin() + 6),
      std::vector<float>(result->state[1].values.begin(), result->state[1].values.begin() + 3));
}

TEST_F(EngineInferTest, LimitsTheMemoryOfAModelThatCannotStream) {
  EngineOptions options;
  options.max_infer_bytes = 10'000;
  Restart(options);
  const OwnedTensor few = Rows(Random(2 * 2 * 2), 2, 2);
  const OwnedTensor many = Rows(Random(20 * 10 * 2), 20, 2);

  EXPECT_THAT(Infer(InferOf("bidirectional", few)), IsOk());
  EXPECT_THAT(
      Infer(InferOf("bidirectional", many)),
      StatusIs(absl::StatusCode::kInvalidArgument,
               AllOf(HasSubstr("20 rows of 10 timesteps"), HasSubstr("10000")), "INFER_BYTES"));
}

// A row must give the same bits in a batch of one, in a batch of many, in any order, and together
// with steps of sessions.
class EngineInvarianceTest : public EngineInferTest,
                             public ::testing::WithParamInterface<const char*> {};

TEST_P(EngineInvarianceTest, ARowDoesNotDependOnItsBatch) {
  constexpr int64_t kBatch = 70;  // more than a worker takes at once
  constexpr int64_t kTime = 5;
  constexpr size_t kRowBytes = kTime * 2 * sizeof(float);
  const OwnedTensor all = OwnedTensor::Floats({kBatch, kTime, 2}, Random(kBatch * kTime * 2));
  std::vector<size_t> order(kBatch);
  std::iota(order.begin(), order.end(), size_t{0});
  std::shuffle(order.begin(), order.end(), std::mt19937(3));
  std::string shuffled;
  for (const size_t row : order) {
    shuffled += std::string(all.view().bytes.substr(row * kRowBytes, kRowBytes));
  }

  const auto together = Infer(InferOf(GetParam(), all));
  const auto reordered =
      Infer(InferOf(GetParam(), OwnedTensor(DataType::kFloat32, {kBatch, kTime, 2}, shuffled)));

  ASSERT_THAT(together, IsOk());
  const size_t size = together->outputs[0].values.size() / kBatch;
  for (size_t i = 0; i < order.size(); ++i) {
    const OwnedTensor row(DataType::kFloat32, {1, kTime, 2},
                          shuffled.substr(i * kRowBytes, kRowBytes));
    const auto alone = Infer(InferOf(GetParam(), row));
    const auto begin = together->outputs[0].values.begin() + static_cast<int64_t>(order[i] * size);
    EXPECT_TRUE(std::equal(alone->outputs[0].values.begin(), alone->outputs[0].values.end(), begin))
        << "row " << i;
    EXPECT_TRUE(std::equal(alone->outputs[0].values.begin(), alone->outputs[0].values.end(),
                           reordered->outputs[0].values.begin() + static_cast<int64_t>(i * size)))
        << "row " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, EngineInvarianceTest,
                         ::testing::Values("classifier", "forecaster", "bidirectional"));

}  // namespace
}  // namespace rnnserve::testing
