// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests Bidirectional with a cell that adds up its inputs (see recurrent_layer_test.cc), so that
// every number can be checked by eye, and with the numbers that Keras' own unit tests expect.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/layers/keras_case.h"
#include "tests/core/layers/keras_constants.h"
#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

Json AdderObject(const Json& options) {
  Json config = {{"units", 1}, {"activation", "linear"}, {"use_bias", false}};
  config.update(options);
  return Object("SimpleRNN", config);
}

// Builds a layer whose halves add up their inputs. The backward half doubles them first: its
// recurrent kernel is 1, and its kernel is 2.
absl::StatusOr<std::unique_ptr<Layer>> BuildAdders(const Json& config) {
  WeightMap weights;
  weights.AddConstant("forward/kernel", {1, 1}, 1.0f);
  weights.AddConstant("forward/recurrent_kernel", {1, 1}, 1.0f);
  weights.AddConstant("backward/kernel", {1, 1}, 2.0f);
  weights.AddConstant("backward/recurrent_kernel", {1, 1}, 1.0f);
  return Build(Object("Bidirectional", config), Sequences(1), weights);
}

std::unique_ptr<Layer> Adders(const std::string& merge_mode, bool return_sequences,
                              const Json& options = Json::object()) {
  Json inner = {{"return_sequences", return_sequences}};
  inner.update(options);
  auto layer = BuildAdders({{"merge_mode", merge_mode}, {"layer", AdderObject(inner)}});
  EXPECT_THAT(layer, IsOk());
  return *std::move(layer);
}

TEST(BidirectionalTest, MergesTheLastOutputs) {
  const Values x = Scalars({{1, 2, 4}});

  EXPECT_EQ(RunLayer(*Adders("concat", false), x).y(), (Values{{{7, 14}}}));
  EXPECT_EQ(RunLayer(*Adders("sum", false), x).y(), Scalars({{21}}));
  EXPECT_EQ(RunLayer(*Adders("mul", false), x).y(), Scalars({{98}}));
  EXPECT_EQ(RunLayer(*Adders("ave", false), x).y(), Scalars({{10.5}}));
}

TEST(BidirectionalTest, MergesSequencesInTheOrderOfTime) {
  const Values x = Scalars({{1, 2, 4}});

  EXPECT_EQ(RunLayer(*Adders("concat", true), x).y(), (Values{{{1, 14}, {3, 12}, {7, 8}}}));
  EXPECT_EQ(RunLayer(*Adders("sum", true), x).y(), Scalars({{15, 15, 15}}));
  EXPECT_EQ(RunLayer(*Adders("mul", true), x).y(), Scalars({{14, 36, 56}}));
  EXPECT_EQ(RunLayer(*Adders("ave", true), x).y(), Scalars({{7.5, 7.5, 7.5}}));
}

TEST(BidirectionalTest, ConcatenatesByDefault) {
  const auto layer = BuildAdders({{"layer", AdderObject(Json::object())}});
  ASSERT_THAT(layer, IsOk());

  EXPECT_EQ((*layer)->output_shape(), Shape({2}));
}

TEST(BidirectionalTest, MaskedTimestepsOfASequenceAreZero) {
  const Values x = Scalars({{1, 2, 4, 8}, {1, 2, 4, 8}});
  const MaskBits mask = {{1, 1, 0, 0}, {0, 1, 0, 1}};

  EXPECT_EQ(RunLayer(*Adders("concat", true), x, mask).y(),
            (Values{{{1, 6}, {3, 4}, {0, 0}, {0, 0}}, {{0, 0}, {2, 20}, {0, 0}, {10, 16}}}));
  EXPECT_EQ(RunLayer(*Adders("mul", true), x, mask).y(), Scalars({{6, 12, 0, 0}, {0, 40, 0, 160}}));
}

// The forward half gives its output at the last timestep that is not masked, and the backward half
// its output at the first.
TEST(BidirectionalTest, SingleOutputsSkipMaskedTimesteps) {
  const auto run = RunLayer(*Adders("concat", false), Scalars({{1, 2, 4, 8}}), {{0, 1, 1, 0}});

  EXPECT_EQ(run.y(), (Values{{{6, 12}}}));
}

TEST(BidirectionalTest, ZeroOutputForMaskFollowsReturnSequences) {
  const Json zero = {{"zero_output_for_mask", true}};
  const Json repeat = {{"zero_output_for_mask", false}};
  const Values x = Scalars({{1, 2, 4}});

  EXPECT_EQ(RunLayer(*Adders("concat", false, zero), x, {{1, 1, 0}}).y(), (Values{{{3, 6}}}));
  EXPECT_EQ(RunLayer(*Adders("concat", true, repeat), x, {{1, 1, 0}}).y(),
            (Values{{{1, 6}, {3, 4}, {0, 0}}}));
}

TEST(BidirectionalTest, FullyMaskedRowEmitsZeroAndKeepsTheStates) {
  const auto layer = Adders("concat", false);

  const auto run =
      RunLayer(*layer, Scalars({{1, 2}}), {{0, 0}}, ColumnsOf(*layer, {{{100}}, {{200}}}));

  EXPECT_EQ(run.y(), (Values{{{0, 0}}}));
  EXPECT_EQ(run.state(0), (Table{{100}}));
  EXPECT_EQ(run.state(1), (Table{{200}}));
}

TEST(BidirectionalTest, EachHalfHasItsStates) {
  const auto layer = Adders("concat", false);

  const auto run = RunLayer(*layer, Scalars({{1, 2}, {3, 4}}), {},
                            ColumnsOf(*layer, {{{100}, {200}}, {{1000}, {2000}}}));

  ASSERT_EQ(layer->states().size(), 2u);
  EXPECT_EQ(layer->states()[0].name, "forward/h");
  EXPECT_EQ(layer->states()[1].name, "backward/h");
  EXPECT_EQ(run.y(), (Values{{{103, 1006}}, {{207, 2014}}}));
  EXPECT_EQ(run.state(0), (Table{{103}, {207}}));
  EXPECT_EQ(run.state(1), (Table{{1006}, {2014}}));
}

TEST(BidirectionalTest, HandsOnTheMaskOnlyWithSequences) {
  const Values x = Scalars({{1, 2}});

  EXPECT_EQ(RunLayer(*Adders("sum", true), x, {{1, 0}}).output_mask(), (MaskBits{{1, 0}}));
  EXPECT_THAT(RunLayer(*Adders("sum", false), x, {{1, 0}}).output_mask(), IsEmpty());
}

TEST(BidirectionalTest, CannotStreamAndReturnsWhatItsHalvesReturn) {
  EXPECT_FALSE(Adders("sum", true)->can_stream());
  EXPECT_TRUE(Adders("sum", true)->output().has_time);
  EXPECT_FALSE(Adders("sum", false)->output().has_time);
  EXPECT_TRUE(Adders("sum", false, {{"return_state", true}})->returns_state());
  EXPECT_EQ(Adders("sum", false)->num_parameters(), 4);
}

TEST(BidirectionalTest, AcceptsABackwardLayer) {
  const auto layer = BuildAdders(
      {{"layer", AdderObject(Json::object())},
       {"backward_layer", AdderObject({{"go_backwards", true}, {"activation", "relu"}})}});
  ASSERT_THAT(layer, IsOk());

  EXPECT_EQ(RunLayer(**layer, Scalars({{-1, -2}})).y(), (Values{{{-3, 0}}}));
}

struct BadConfig {
  std::string name;
  Json config;
  absl::StatusCode code;
  std::string reason;
  std::string text;
};

class BidirectionalErrorTest : public ::testing::TestWithParam<BadConfig> {};

TEST_P(BidirectionalErrorTest, NamesTheLayerAndTheFault) {
  EXPECT_THAT(BuildAdders(GetParam().config),
              StatusIs(GetParam().code, HasSubstr(GetParam().text), GetParam().reason));
}

Json WithBackward(const Json& options) {
  return {{"layer", AdderObject(Json::object())}, {"backward_layer", AdderObject(options)}};
}

INSTANTIATE_TEST_SUITE_P(
    All, BidirectionalErrorTest,
    ::testing::Values(
        BadConfig{"MergeModeUnknown",
                  {{"merge_mode", "max"}, {"layer", AdderObject(Json::object())}},
                  absl::StatusCode::kInvalidArgument,
                  "MODEL_CONFIG",
                  "layer 'layer': merge_mode must be concat, sum, mul, ave or null, found max"},
        BadConfig{"NoLayer",
                  {{"merge_mode", "sum"}},
                  absl::StatusCode::kInvalidArgument,
                  "MODEL_CONFIG",
                  "layer 'layer': 'layer' is null"},
        BadConfig{"OtherLayer",
                  {{"layer", Object("Conv1D")}},
                  absl::StatusCode::kUnimplemented,
                  "LAYER_UNSUPPORTED",
                  "a Conv1D layer"},
        BadConfig{"OtherDtype",
                  {{"layer", AdderObject({{"dtype", "int8"}})}},
                  absl::StatusCode::kUnimplemented,
                  "OPTION_UNSUPPORTED",
                  "int8"},
        BadConfig{"SameDirection", WithBackward(Json::object()), absl::StatusCode::kInvalidArgument,
                  "MODEL_CONFIG", "differ in go_backwards"},
        BadConfig{"OtherSequences",
                  WithBackward({{"go_backwards", true}, {"return_sequences", true}}),
                  absl::StatusCode::kInvalidArgument, "MODEL_CONFIG", "agree in return_sequences"},
        BadConfig{"OtherReturnState",
                  WithBackward({{"go_backwards", true}, {"return_state", true}}),
                  absl::StatusCode::kInvalidArgument, "MODEL_CONFIG", "return_state"}),
    [](const auto& test) { return test.param.name; });

// Builds a layer whose forward half has two units and whose backward half has three. The weights
// are those of Keras' tests.
absl::StatusOr<std::unique_ptr<Layer>> BuildTwoSizes(const std::string& merge_mode) {
  WeightMap weights;
  AddKerasWeights("forward/", "SimpleRNN", 4, {{"units", 2}}, &weights);
  AddKerasWeights("backward/", "SimpleRNN", 4, {{"units", 3}}, &weights);
  const Json config = {
      {"merge_mode", merge_mode},
      {"layer", Object("SimpleRNN", {{"units", 2}})},
      {"backward_layer", Object("SimpleRNN", {{"units", 3}, {"go_backwards", true}})}};
  return Build(Object("Bidirectional", config), Sequences(4), weights);
}

TEST(BidirectionalTest, NamesBothSizesIfTheyDiffer) {
  EXPECT_THAT(BuildTwoSizes("sum"), StatusIs(absl::StatusCode::kInvalidArgument,
                                             HasSubstr("[2] and [3]"), "MODEL_CONFIG"));
}

TEST(BidirectionalTest, ConcatenatesHalvesOfTwoSizes) {
  const auto layer = BuildTwoSizes("concat");
  ASSERT_THAT(layer, IsOk());

  const Values x = {{{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9, 10, 11}}};
  EXPECT_EQ((*layer)->output_shape(), Shape({5}));
  EXPECT_THAT(RunLayer(**layer, x).y(),
              NearValues({{{0.3968728f, 0.3968728f, 0.1056068f, 0.1056068f, 0.1056068f}}}));
}

TEST(BidirectionalTest, NeedsATimeAxis) {
  WeightMap weights;
  AddKerasWeights("forward/", "SimpleRNN", 4, {{"units", 2}}, &weights);

  EXPECT_THAT(
      Build(Object("Bidirectional", {{"layer", Object("SimpleRNN", {{"units", 2}})}}), Vectors(4),
            weights),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("expected ndim=3"), "MODEL_CONFIG"));
}

// Returns a Bidirectional whose halves have the weights of Keras' tests.
std::unique_ptr<Layer> KerasBidirectional(const std::string& class_name, int64_t features,
                                          const std::string& merge_mode, const Json& config) {
  WeightMap weights;
  AddKerasWeights("forward/", class_name, features, config, &weights);
  AddKerasWeights("backward/", class_name, features, config, &weights);
  const Json object =
      Object("Bidirectional", {{"merge_mode", merge_mode}, {"layer", Object(class_name, config)}});
  auto layer = Build(object, Sequences(features), weights);
  EXPECT_THAT(layer, IsOk());
  return *std::move(layer);
}

// Repeats each value for the two units of its half: [batch] of pairs (forward, backward) ->
// [batch][1][4].
Values Halves(const Table& pairs) {
  Values values;
  for (const auto& pair : pairs) values.push_back({{pair[0], pair[0], pair[1], pair[1]}});
  return values;
}

TEST(BidirectionalKerasTest, SimpleRnn) {
  const auto concat = KerasBidirectional("SimpleRNN", 4, "concat", {{"units", 2}});
  const auto average = KerasBidirectional("SimpleRNN", 4, "ave", {{"units", 2}});

  EXPECT_THAT(RunLayer(*concat, KerasX234()).y(),
              NearValues(Halves({{0.39687276f, 0.10004295f}, {0.7237238f, 0.53391594f}})));
  EXPECT_THAT(RunLayer(*average, KerasX234()).y(),
              NearValues(AllUnits({{0.24845785f}, {0.6288199f}}, 2)));
}

TEST(BidirectionalKerasTest, GruSequences) {
  const auto layer =
      KerasBidirectional("GRU", 4, "sum", {{"units", 2}, {"return_sequences", true}});

  EXPECT_THAT(
      RunLayer(*layer, KerasX234()).y(),
      NearValues(AllUnits(
          {{0.20937867f, 0.34462988f, 0.40290534f}, {0.59829646f, 0.6734641f, 0.6479671f}}, 2)));
}

TEST(BidirectionalKerasTest, GruMasked) {
  const auto layer = KerasBidirectional("GRU", 3, "concat", {{"units", 2}});

  EXPECT_THAT(RunLayer(*layer, KerasX243(), {{1, 1, 0, 1}, {1, 0, 0, 1}}).y(),
              NearValues(Halves({{0.19393763f, 0.11669192f}, {0.30818558f, 0.28380975f}})));
}

TEST(BidirectionalKerasTest, LstmStates) {
  const auto layer =
      KerasBidirectional("LSTM", 3, "concat", {{"units", 2}, {"return_state", true}});

  const auto run = RunLayer(*layer, KerasX243());

  EXPECT_THAT(run.y(), NearValues(Halves({{0.1990008f, 0.12659755f}, {0.52335435f, 0.44717982f}})));
  ASSERT_EQ(layer->states().size(), 4u);
  EXPECT_EQ(layer->states()[3].name, "backward/c");
  EXPECT_THAT(run.state(1), NearTable({{0.35567185f, 0.35567185f}, {1.0492687f, 1.0492687f}}));
  EXPECT_THAT(run.state(3), NearTable({{0.2501858f, 0.2501858f}, {0.941473f, 0.941473f}}));
}

TEST(BidirectionalKerasTest, LstmInitialStates) {
  const auto layer = KerasBidirectional("LSTM", 3, "concat", {{"units", 2}});
  const std::vector<Table> states = {
      {{0, 1}, {2, 3}}, {{0, 2}, {4, 6}}, {{0, 3}, {6, 9}}, {{0, 4}, {8, 12}}};

  const auto run = RunLayer(*layer, KerasX243(), {}, ColumnsOf(*layer, states));

  EXPECT_THAT(run.y(), NearValues({{{0.20794602f, 0.4577124f, 0.14046375f, 0.48191673f}},
                                   {{0.6682636f, 0.6711909f, 0.60943645f, 0.60950446f}}}));
}

TEST(BidirectionalKerasTest, ASecondCallContinuesWhereTheFirstEnded) {
  const auto layer = KerasBidirectional("LSTM", 3, "concat", {{"units", 2}, {"stateful", true}});
  const auto first = RunLayer(*layer, KerasX243());

  const auto second = RunLayer(*layer, KerasX243(), {}, first.state_columns());

  EXPECT_THAT(second.y(),
              NearValues(Halves({{0.26234663f, 0.16959146f}, {0.6137073f, 0.5381646f}})));
}

// The expected numbers are from Keras. keras_case.h has the rule for the input and the weights.
TEST(BidirectionalTest, JoinsTheLastAxisOfHigherRanks) {
  const Json inner = Object(
      "ConvLSTM1D",
      {{"filters", 2}, {"kernel_size", {2}}, {"padding", "same"}, {"return_sequences", true}});
  WeightMap weights;
  for (const std::string half : {"forward/", "backward/"}) {
    AddPatternWeight(half + "kernel", {2, 1, 8}, &weights);
    AddPatternWeight(half + "recurrent_kernel", {2, 2, 8}, &weights);
    AddPatternWeight(half + "bias", {8}, &weights);
  }
  const auto layer =
      Build(Object("Bidirectional", {{"layer", inner}}), Sequences(2, {3, 1}), weights);
  ASSERT_THAT(layer, IsOk());

  EXPECT_EQ((*layer)->output_shape(), Shape({3, 4}));
  EXPECT_THAT(RunLayer(**layer, PatternX(2, 2, 3)).y(),
              NearValues({{{0.122058272f, 0.0169716906f, 0.187326297f, 0.017031977f, -0.0302269328f,
                            0.11151401f, -0.0359367616f, 0.158188596f, -0.0297935717f, 0.107995957f,
                            -0.0343763195f, 0.151887462f},
                           {0.173902571f, 0.0115843527f, 0.103597224f, 0, -0.0407644771f,
                            0.170888096f, -0.0392069109f, 0.118730918f, -0.0307419132f,
                            0.154041886f, -0.0253049284f, 0.0959332436f}},
                          {{0.0844392851f, -0.0200934615f, 0.128612146f, -0.0392385349f,
                            -0.0473190583f, 0.124857046f, -0.063348107f, 0.179092556f,
                            -0.0200934634f, 0.0788021237f, -0.0220647603f, 0.104224667f},
                           {0.116805367f, -0.0503006056f, 0.0649533272f, -0.0430096835f,
                            -0.0656566024f, 0.190483183f, -0.0544186197f, 0.129345044f,
                            -0.0168292243f, 0.0969964713f, -0.014142246f, 0.056642957f}}}));
}

}  // namespace
}  // namespace rnnserve::testing
