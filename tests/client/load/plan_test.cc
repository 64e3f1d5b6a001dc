// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the small parts of a load: the mix of models, the rates of a sweep, random input, the
// measurement window and the processor times of threads.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "absl/strings/str_cat.h"
#include "client/load/measurement_window.h"
#include "client/load/model_input.h"
#include "client/load/model_mix.h"
#include "client/load/rates.h"
#include "client/load/thread_times.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::StatusIs;
using ::rnnserve::testing::TemporaryFolder;
using ::testing::DoubleNear;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Window = MeasurementWindow;

TEST(ModelMixTest, ReadsAWeight) {
  EXPECT_EQ(ParseModelShare("a")->model, "a");
  EXPECT_EQ(ParseModelShare("a")->weight, 1);
  EXPECT_EQ(ParseModelShare("a=2.5")->weight, 2.5);
  for (const char* wrong : {"", "=1", "a=", "a=0", "a=-1", "a=nan", "a=inf", "a=x"}) {
    EXPECT_THAT(ParseModelShare(wrong),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("NAME=WEIGHT")))
        << wrong;
  }
}

TEST(ModelMixTest, SpreadsTheModelsEvenly) {
  EXPECT_THAT(SpreadModels({{"a", 3}, {"b", 1}}, 8), ElementsAre(0, 0, 1, 0, 0, 0, 1, 0));
  EXPECT_THAT(SpreadModels({{"a", 0.001}}, 3), ElementsAre(0, 0, 0));
}

TEST(ModelMixTest, EveryRunOfSessionsHasTheShares) {
  const std::vector<size_t> models = SpreadModels({{"a", 5}, {"b", 2}, {"c", 3}}, 1000);

  std::vector<double> counts(3);
  for (size_t i = 0; i < models.size(); ++i) {
    ++counts[models[i]];
    const auto n = static_cast<double>(i + 1);
    EXPECT_THAT(counts, ElementsAre(DoubleNear(0.5 * n, 1.01), DoubleNear(0.2 * n, 1.01),
                                    DoubleNear(0.3 * n, 1.01)));
  }
}

TEST(RatesTest, ReadsAListOrARange) {
  EXPECT_THAT(*ParseRates("1000,2500,0.5"), ElementsAre(1000, 2500, 0.5));
  EXPECT_THAT(*ParseRates("1000:5000:5"), ElementsAre(1000, 2000, 3000, 4000, 5000));
  EXPECT_THAT(*ParseRates("10:1:2"), ElementsAre(10, 1));
}

TEST(RatesTest, RefusesOtherTexts) {
  for (const char* wrong : {"", "x", "0", "-1", "1,", "1:2", "1:2:1", "1:2:2.5", "0:2:3", "1:2:101",
                            "1:2:3:4", "1e8", "nan"}) {
    EXPECT_THAT(ParseRates(wrong),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("FROM:TO:COUNT")))
        << wrong;
  }
}

v1::DescribeModelResponse FloatModel() {
  v1::DescribeModelResponse model;
  model.mutable_input()->set_dtype(v1::DATA_TYPE_FLOAT32);
  model.mutable_input()->add_shape(2);
  model.mutable_input()->add_shape(3);
  return model;
}

v1::DescribeModelResponse TokenModel(int64_t num_tokens) {
  v1::DescribeModelResponse model;
  model.mutable_input()->set_dtype(v1::DATA_TYPE_INT32);
  v1::LayerSummary* embedding = model.add_layers();
  embedding->set_class_name("Embedding");
  embedding->add_output_shape(8);
  embedding->set_num_parameters(8 * num_tokens);
  return model;
}

template <typename T>
std::vector<T> ValuesOf(const v1::Tensor& tensor) {
  std::vector<T> values(tensor.raw().size() / sizeof(T));
  std::memcpy(values.data(), tensor.raw().data(), tensor.raw().size());
  return values;
}

TEST(ModelInputTest, MakesFeatures) {
  const ModelInput input = ModelInput::Make(FloatModel(), 10, 1).value();
  Random random(2);
  v1::Tensor tensor;

  input.Fill(4, random, &tensor);

  EXPECT_EQ(tensor.dtype(), v1::DATA_TYPE_FLOAT32);
  EXPECT_THAT(tensor.shape(), ElementsAre(4, 2, 3));
  const std::vector<float> values = ValuesOf<float>(tensor);
  ASSERT_EQ(values.size(), 24u);
  EXPECT_THAT(values, Each(::testing::AllOf(::testing::Ge(-1), ::testing::Lt(1))));
  EXPECT_GT(std::set<float>(values.begin(), values.end()).size(), 20u);
}

TEST(ModelInputTest, MakesTokenIdsThatTheEmbeddingKnows) {
  const ModelInput input = ModelInput::Make(TokenModel(4), 500, 1).value();
  Random random(2);
  v1::Tensor tensor;

  input.Fill(500, random, &tensor);

  EXPECT_THAT(tensor.shape(), ElementsAre(500));
  const std::vector<int32_t> values = ValuesOf<int32_t>(tensor);
  EXPECT_EQ(std::set<int32_t>(values.begin(), values.end()), (std::set<int32_t>{1, 2, 3}));
}

TEST(ModelInputTest, KnowsNoTokenButZeroWithoutAnEmbedding) {
  v1::DescribeModelResponse model = TokenModel(4);
  model.clear_layers();
  Random random(2);
  v1::Tensor tensor;

  ModelInput::Make(model, 5, 1).value().Fill(5, random, &tensor);

  EXPECT_THAT(ValuesOf<int32_t>(tensor), Each(0));
}

TEST(ModelInputTest, AppendsRowsOfOneTensor) {
  const ModelInput input = ModelInput::Make(FloatModel(), 10, 1).value();
  Random random(2);
  Random same(2);
  v1::Tensor rows;
  v1::Tensor first;
  v1::Tensor second;

  input.AppendRow(4, random, &rows);
  input.AppendRow(4, random, &rows);

  input.Fill(4, same, &first);
  input.Fill(4, same, &second);
  EXPECT_EQ(rows.dtype(), v1::DATA_TYPE_FLOAT32);
  EXPECT_THAT(rows.shape(), ElementsAre(2, 4, 2, 3));
  EXPECT_EQ(rows.raw(), first.raw() + second.raw());
}

TEST(ModelInputTest, RefusesAModelWithSeveralInputs) {
  v1::DescribeModelResponse model = FloatModel();
  model.add_inputs()->set_name("a");
  model.add_inputs()->set_name("b");

  EXPECT_THAT(ModelInput::Make(model, 1, 1),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("2 inputs")));
}

TEST(ModelInputTest, RefusesAStepThatIsTooLarge) {
  EXPECT_THAT(ModelInput::Make(FloatModel(), 10'000'000, 1),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("67108864")));
}

constexpr absl::Duration kBegin = absl::Seconds(100);

TEST(MeasurementWindowTest, EndsWithTheTime) {
  Window window(kBegin, absl::Seconds(10), 1000);

  EXPECT_EQ(window.Admit(kBegin - absl::Nanoseconds(1), 1), Window::kWarmUp);
  EXPECT_EQ(window.Admit(kBegin, 1), Window::kFirstHalf);
  EXPECT_EQ(window.Admit(kBegin + absl::Seconds(5), 1), Window::kSecondHalf);
  EXPECT_EQ(window.Admit(kBegin + absl::Seconds(10), 1), Window::kAfter);
  EXPECT_EQ(window.LengthOf(Window::kFirstHalf), absl::Seconds(5));
  EXPECT_EQ(window.LengthOf(Window::kSecondHalf), absl::Seconds(5));
}

TEST(MeasurementWindowTest, EndsWithTheSteps) {
  Window window(kBegin, absl::Seconds(10), 4);

  EXPECT_EQ(window.Admit(kBegin - absl::Seconds(1), 100), Window::kWarmUp);
  EXPECT_EQ(window.Admit(kBegin, 1), Window::kFirstHalf);
  EXPECT_EQ(window.Admit(kBegin + absl::Seconds(1), 1), Window::kFirstHalf);
  EXPECT_EQ(window.Admit(kBegin + absl::Seconds(2), 1), Window::kSecondHalf);
  EXPECT_EQ(window.end(), kBegin + absl::Seconds(10));
  // The message that reaches the limit is sent as a whole.
  EXPECT_EQ(window.Admit(kBegin + absl::Seconds(3), 2), Window::kSecondHalf);
  EXPECT_EQ(window.Admit(kBegin + absl::Seconds(3), 1), Window::kAfter);
  EXPECT_EQ(window.end(), kBegin + absl::Seconds(3));
  EXPECT_EQ(window.LengthOf(Window::kFirstHalf), absl::Seconds(2));
  EXPECT_EQ(window.LengthOf(Window::kSecondHalf), absl::Seconds(1));
}

TEST(MeasurementWindowTest, ReturnsThePartOfAnAnswer) {
  const Window window(kBegin, absl::Seconds(10), 1000);

  EXPECT_EQ(window.PartOf(kBegin - absl::Nanoseconds(1)), Window::kWarmUp);
  EXPECT_EQ(window.PartOf(kBegin), Window::kFirstHalf);
  EXPECT_EQ(window.PartOf(kBegin + absl::Seconds(5)), Window::kSecondHalf);
  EXPECT_EQ(window.PartOf(kBegin + absl::Seconds(10)), Window::kAfter);
}

TEST(MeasurementWindowTest, CanBeEndedEarly) {
  Window window(kBegin, absl::Seconds(10), 1000);

  window.End(kBegin + absl::Seconds(3));
  window.End(kBegin + absl::Seconds(6));

  EXPECT_EQ(window.end(), kBegin + absl::Seconds(3));
  EXPECT_EQ(window.LengthOf(Window::kFirstHalf), absl::Seconds(3));
  EXPECT_EQ(window.LengthOf(Window::kSecondHalf), absl::ZeroDuration());
}

TEST(MeasurementWindowTest, MeasuresNothingIfItEndsInTheWarmUp) {
  Window window(kBegin, absl::Seconds(10), 1000);

  window.End(kBegin - absl::Seconds(1));

  EXPECT_EQ(window.Admit(kBegin, 1), Window::kAfter);
  EXPECT_EQ(window.LengthOf(Window::kFirstHalf), absl::ZeroDuration());
}

TEST(ThreadTimesTest, ReadsEveryThread) {
  const TemporaryFolder folder;
  for (const char* thread : {"17", "18"}) std::filesystem::create_directory(folder.path() / thread);
  std::ofstream(folder.path() / "17" / "schedstat") << "1500000000 7 8\n";

  const ThreadTimes times = ReadThreadTimes(folder.path());

  EXPECT_EQ(times, (ThreadTimes{{"17", absl::Milliseconds(1500)}}));
  EXPECT_TRUE(ReadThreadTimes("/nonexistent").empty());
}

TEST(ThreadTimesTest, ComputesTheUseBetweenTwoReadings) {
  const ThreadTimes before = {{"1", absl::Seconds(10)}, {"2", absl::Seconds(5)}};
  const ThreadTimes after = {
      {"1", absl::Seconds(10.5)}, {"2", absl::Seconds(6)}, {"3", absl::Seconds(1.5)}};

  const ThreadUse use = UseBetween(before, after, absl::Seconds(2));

  EXPECT_DOUBLE_EQ(use.busiest_thread, 0.75);
  EXPECT_DOUBLE_EQ(use.all_threads, 1.5);
  EXPECT_EQ(UseBetween(before, after, absl::ZeroDuration()).all_threads, 0);
}

}  // namespace
}  // namespace rnnserve::client
