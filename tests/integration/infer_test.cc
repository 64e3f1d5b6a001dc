// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests whole batches on a real server: Infer compared with sessions, masks, states, and models
// that cannot be streamed.

#include "tests/integration/served_models.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;

class InferTest : public ServedModelsTest {};

TEST_F(InferTest, ARowEqualsASessionBitForBit) {
  const std::vector<float> row = Series(5, 7 * 12);
  std::vector<float> batch = Series(6, 7 * 12);
  batch.insert(batch.end(), row.begin(), row.end());
  ASSERT_TRUE(Open(kVowels, "infer-row").ok());
  v1::InferResponse response;

  ASSERT_TRUE(Infer(InferOf(kVowels, Floats({2, 7, 12}, batch)), &response).ok());

  EXPECT_THAT(response.output().shape(), ElementsAre(2, 9));
  const std::vector<float> both = Values(response.output());
  const std::vector<float> last(both.begin() + 9, both.end());
  EXPECT_EQ(last, StepOutput("infer-row", Floats({7, 12}, row)));
}

TEST_F(InferTest, SequencesComeBackWithTheirTimeAxis) {
  v1::InferResponse response;

  ASSERT_TRUE(Infer(InferOf(kSunspots, Floats({2, 5, 1}, Series(7, 10))), &response).ok());

  EXPECT_THAT(response.output().shape(), ElementsAre(2, 5, 1));
  EXPECT_EQ(Values(response.output()).size(), 10u);
}

TEST_F(InferTest, AMaskedRowEqualsTheShortOne) {
  v1::InferRequest masked = InferOf(kSunspots, Floats({1, 5, 1}, {0.1f, 0.2f, 0.3f, 9.0f, 9.0f}));
  *masked.mutable_mask() = Bools({1, 5}, {true, true, true, false, false});
  masked.set_return_state(true);
  v1::InferRequest shorter = InferOf(kSunspots, Floats({1, 3, 1}, {0.1f, 0.2f, 0.3f}));
  shorter.set_return_state(true);
  v1::InferResponse expected;
  v1::InferResponse response;
  ASSERT_TRUE(Infer(shorter, &expected).ok());

  ASSERT_TRUE(Infer(masked, &response).ok());

  std::vector<float> begin = Values(response.output());
  begin.resize(3);
  EXPECT_EQ(begin, Values(expected.output()));
  ASSERT_EQ(response.state_size(), expected.state_size());
  for (int i = 0; i < response.state_size(); ++i) {
    EXPECT_EQ(Values(response.state(i).value()), Values(expected.state(i).value()));
  }
}

TEST_F(InferTest, PaddingThatTheModelMasksItselfChangesNothing) {
  constexpr float kMaskValue = -99.0f;  // the value that the model's Masking layer skips
  std::vector<float> row = Series(8, 3 * 12);
  v1::InferResponse expected;
  v1::InferResponse response;
  ASSERT_TRUE(Infer(InferOf(kVowels, Floats({1, 3, 12}, row)), &expected).ok());
  row.resize(5 * 12, kMaskValue);

  ASSERT_TRUE(Infer(InferOf(kVowels, Floats({1, 5, 12}, row)), &response).ok());

  EXPECT_EQ(Values(response.output()), Values(expected.output()));
}

TEST_F(InferTest, StatesAreAcceptedAndReturned) {
  const std::vector<float> series = Series(9, 10);
  v1::InferRequest first =
      InferOf(kSunspots, Floats({1, 4, 1}, {series.begin(), series.begin() + 4}));
  first.set_return_state(true);
  v1::InferResponse half;
  v1::InferResponse whole;
  v1::InferResponse second_half;
  ASSERT_TRUE(Infer(first, &half).ok());
  ASSERT_TRUE(Infer(InferOf(kSunspots, Floats({1, 10, 1}, series)), &whole).ok());
  v1::InferRequest second =
      InferOf(kSunspots, Floats({1, 6, 1}, {series.begin() + 4, series.end()}));
  *second.mutable_initial_state() = half.state();

  ASSERT_TRUE(Infer(second, &second_half).ok());

  ASSERT_EQ(half.state_size(), 2);
  const std::vector<float> all = Values(whole.output());
  EXPECT_EQ(Values(second_half.output()), std::vector<float>(all.begin() + 4, all.end()));
}

TEST_F(InferTest, TokenIdsMayBeInt32OrInt64) {
  v1::Tensor wide;
  for (const int64_t extent : {1, 3}) wide.add_shape(extent);
  for (const int64_t id : {1, 2, 0}) wide.add_int_values(id);
  v1::InferResponse narrow_response;
  v1::InferResponse wide_response;

  ASSERT_TRUE(Infer(InferOf(kTokens, Ints({1, 3}, {1, 2, 0})), &narrow_response).ok());
  ASSERT_TRUE(Infer(InferOf(kTokens, wide), &wide_response).ok());

  const std::vector<float> typed(wide_response.output().float_values().begin(),
                                 wide_response.output().float_values().end());
  EXPECT_EQ(Values(narrow_response.output()), typed);
}

// The vowels model has a Dropout layer.
TEST_F(InferTest, TrainingGivesEqualRowsDifferentSamplesOfOneSeed) {
  std::vector<float> rows = Series(11, 4 * 12);
  rows.insert(rows.end(), rows.begin(), rows.begin() + 4 * 12);
  v1::InferRequest request = InferOf(kVowels, Floats({2, 4, 12}, rows));
  request.set_training(true);
  request.set_seed(5);
  v1::InferResponse first;
  v1::InferResponse again;

  ASSERT_TRUE(Infer(request, &first).ok());
  ASSERT_TRUE(Infer(request, &again).ok());

  EXPECT_EQ(first.seed(), 5u);
  const std::vector<float> samples = Values(first.output());
  EXPECT_EQ(Values(again.output()), samples);
  EXPECT_NE(std::vector<float>(samples.begin(), samples.begin() + 9),
            std::vector<float>(samples.begin() + 9, samples.end()));
}

TEST_F(InferTest, TrainingReturnsTheSeedThatTheServerChose) {
  v1::InferRequest request = InferOf(kVowels, Floats({1, 4, 12}, Series(12, 4 * 12)));
  v1::InferResponse inference;
  ASSERT_TRUE(Infer(request, &inference).ok());
  request.set_training(true);
  v1::InferResponse chosen;
  v1::InferResponse other;
  v1::InferResponse repeated;

  ASSERT_TRUE(Infer(request, &chosen).ok());
  ASSERT_TRUE(Infer(request, &other).ok());
  request.set_seed(chosen.seed());
  ASSERT_TRUE(Infer(request, &repeated).ok());

  EXPECT_FALSE(inference.has_seed());
  EXPECT_NE(chosen.seed(), other.seed());
  EXPECT_EQ(Values(repeated.output()), Values(chosen.output()));
  EXPECT_NE(Values(chosen.output()), Values(inference.output()));
}

TEST_F(InferTest, AModelThatCannotBeStreamedIsServedByInfer) {
  v1::DescribeModelRequest describe;
  describe.set_model(kTwoWay);
  v1::DescribeModelResponse model;
  ASSERT_TRUE(model_stub().DescribeModel(Context().get(), describe, &model).ok());
  const int64_t features = model.input().shape(0);
  v1::InferResponse response;

  const grpc::Status status = Infer(
      InferOf(kTwoWay, Floats({2, 3, features}, Series(10, static_cast<size_t>(6 * features)))),
      &response);

  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_FALSE(model.summary().streamable());
  EXPECT_FALSE(model.non_streamable_reason().empty());
  EXPECT_THAT(Open(kTwoWay, "two-way"), FailsWith(grpc::StatusCode::FAILED_PRECONDITION,
                                                  "NOT_STREAMABLE", model.non_streamable_reason()));
}

}  // namespace
}  // namespace rnnserve::testing
