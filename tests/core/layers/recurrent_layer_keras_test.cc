// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Repeats Keras' own unit tests of SimpleRNN, LSTM, GRU and RNN, with the numbers that they expect.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/core/layers/keras_constants.h"
#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

std::unique_ptr<Layer> KerasLayer(const std::string& class_name, int64_t features,
                                  const Json& config) {
  WeightMap weights;
  AddKerasWeights("", class_name, features, config, &weights);
  auto layer = Build(Object(class_name, config), Sequences(features), weights);
  EXPECT_THAT(layer, IsOk());
  return *std::move(layer);
}

struct KerasCase {
  std::string name;
  std::string class_name;
  Json config;
  Values x;
  MaskBits mask;
  std::vector<Table> initial_state;
  Table expected;
};

class RecurrentLayerKerasTest : public ::testing::TestWithParam<KerasCase> {};

TEST_P(RecurrentLayerKerasTest, GivesTheNumbersOfKeras) {
  const KerasCase& test = GetParam();
  const auto features = static_cast<int64_t>(test.x[0][0].size());
  const auto layer = KerasLayer(test.class_name, features, test.config);

  const auto run =
      RunLayer(*layer, test.x, test.mask,
               test.initial_state.empty() ? StateColumns{} : ColumnsOf(*layer, test.initial_state));

  EXPECT_THAT(run.y(), NearValues(AllUnits(test.expected, test.config["units"])));
}

const Table kTwoStates = {{0, 1}, {2, 3}};
const MaskBits kLstmMask = {{1, 1, 1, 0}, {1, 1, 0, 0}};
const MaskBits kMask = {{1, 1, 0, 1}, {1, 0, 0, 1}};

std::string CaseName(const ::testing::TestParamInfo<KerasCase>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Lstm, RecurrentLayerKerasTest,
    ::testing::Values(
        KerasCase{"Plain",
                  "LSTM",
                  {{"units", 3}},
                  KerasX364(),
                  {},
                  {},
                  {{0.6288687f}, {0.86899155f}, {0.9460773f}}},
        KerasCase{"Backwards",
                  "LSTM",
                  {{"units", 3}, {"go_backwards", true}},
                  KerasX364(),
                  {},
                  {},
                  {{0.35622165f}, {0.74789524f}, {0.8872726f}}},
        KerasCase{"PlainForgetBias",
                  "LSTM",
                  {{"units", 3}, {"unit_forget_bias", false}},
                  KerasX364(),
                  {},
                  {},
                  {{0.57019705f}, {0.8661914f}, {0.9459622f}}},
        KerasCase{"NoBias",
                  "LSTM",
                  {{"units", 3}, {"use_bias", false}},
                  KerasX364(),
                  {},
                  {},
                  {{0.54986924f}, {0.86226785f}, {0.9443936f}}},
        KerasCase{"Masked",
                  "LSTM",
                  {{"units", 2}, {"return_sequences", true}},
                  KerasX243(),
                  kLstmMask,
                  {},
                  {{0.0158891f, 0.05552048f, 0.11755939f, 0.11755939f},
                   {0.14185596f, 0.28556206f, 0.28556206f, 0.28556206f}}},
        KerasCase{
            "MaskedZero",
            "LSTM",
            {{"units", 2}, {"return_sequences", true}, {"zero_output_for_mask", true}},
            KerasX243(),
            kLstmMask,
            {},
            {{0.0158891f, 0.05552048f, 0.11755939f, 0.0f}, {0.14185596f, 0.28556206f, 0.0f, 0.0f}}},
        KerasCase{"MaskedBackwards",
                  "LSTM",
                  {{"units", 2}, {"go_backwards", true}},
                  KerasX243(),
                  {{0, 1, 1, 1}, {0, 0, 1, 1}},
                  {},
                  {{0.15341201f}, {0.3844719f}}}),
    CaseName);

INSTANTIATE_TEST_SUITE_P(
    Gru, RecurrentLayerKerasTest,
    ::testing::Values(KerasCase{"Plain",
                                "GRU",
                                {{"units", 3}},
                                KerasX364(),
                                {},
                                {},
                                {{0.5217289f}, {0.6371659f}, {0.39384964f}}},
                      KerasCase{"Backwards",
                                "GRU",
                                {{"units", 3}, {"go_backwards", true}},
                                KerasX364(),
                                {},
                                {},
                                {{0.24406259f}, {0.611516f}, {0.3928808f}}},
                      KerasCase{"ResetBefore",
                                "GRU",
                                {{"units", 3}, {"reset_after", false}},
                                KerasX364(),
                                {},
                                {},
                                {{0.51447755f}, {0.6426879f}, {0.40208298f}}},
                      KerasCase{"NoBias",
                                "GRU",
                                {{"units", 3}, {"use_bias", false}},
                                KerasX364(),
                                {},
                                {},
                                {{0.49988455f}, {0.64701194f}, {0.4103359f}}},
                      KerasCase{"Masked",
                                "GRU",
                                {{"units", 2}, {"return_sequences", true}},
                                KerasX243(),
                                kMask,
                                {},
                                {{0.03606692f, 0.09497581f, 0.09497581f, 0.19393763f},
                                 {0.16051409f, 0.16051409f, 0.16051409f, 0.30818558f}}},
                      KerasCase{"MaskedBackwards",
                                "GRU",
                                {{"units", 2}, {"go_backwards", true}},
                                KerasX243(),
                                kMask,
                                {},
                                {{0.11669192f}, {0.28380975f}}}),
    CaseName);

INSTANTIATE_TEST_SUITE_P(SimpleRnn, RecurrentLayerKerasTest,
                         ::testing::Values(KerasCase{"Plain",
                                                     "SimpleRNN",
                                                     {{"units", 4}},
                                                     KerasX234(),
                                                     {},
                                                     {},
                                                     {{0.405432f}, {0.73605347f}}},
                                           KerasCase{"Backwards",
                                                     "SimpleRNN",
                                                     {{"units", 4}, {"go_backwards", true}},
                                                     KerasX234(),
                                                     {},
                                                     {},
                                                     {{0.11144729f}, {0.5528889f}}},
                                           KerasCase{"InitialState",
                                                     "SimpleRNN",
                                                     {{"units", 4}},
                                                     KerasX243(),
                                                     {},
                                                     {{{0, 1, 2, 3}, {4, 5, 6, 7}}},
                                                     {{0.33621645f}, {0.6262637f}}},
                                           KerasCase{"InitialStateBackwards",
                                                     "SimpleRNN",
                                                     {{"units", 4}, {"go_backwards", true}},
                                                     KerasX243(),
                                                     {},
                                                     {{{0, 1, 2, 3}, {4, 5, 6, 7}}},
                                                     {{0.07344437f}, {0.43043602f}}},
                                           KerasCase{
                                               "Masked",
                                               "SimpleRNN",
                                               {{"units", 2}, {"return_sequences", true}},
                                               KerasX243(),
                                               kMask,
                                               {},
                                               {{0.0599281f, 0.15122814f, 0.15122814f, 0.32394567f},
                                                {0.3969304f, 0.3969304f, 0.3969304f, 0.608085f}}}),
                         CaseName);

struct InitialStateCase {
  std::string name;
  std::string class_name;
  bool go_backwards;
  Table expected;
};

class RecurrentLayerInitialStateTest : public ::testing::TestWithParam<InitialStateCase> {};

TEST_P(RecurrentLayerInitialStateTest, GivesTheNumbersOfKeras) {
  const InitialStateCase& test = GetParam();
  const auto layer =
      KerasLayer(test.class_name, 3, {{"units", 2}, {"go_backwards", test.go_backwards}});
  const std::vector<Table> states(layer->states().size(), kTwoStates);

  const auto run = RunLayer(*layer, KerasX243(), {}, ColumnsOf(*layer, states));

  EXPECT_THAT(run.y(), NearValues({{test.expected[0]}, {test.expected[1]}}));
}

INSTANTIATE_TEST_SUITE_P(
    All, RecurrentLayerInitialStateTest,
    ::testing::Values(
        InitialStateCase{
            "Lstm", "LSTM", false, {{0.20574439f, 0.3558822f}, {0.64930826f, 0.66276f}}},
        InitialStateCase{
            "LstmBackwards", "LSTM", true, {{0.13281618f, 0.2790356f}, {0.5839337f, 0.5992567f}}},
        InitialStateCase{
            "Gru", "GRU", false, {{0.23774096f, 0.33508456f}, {0.83659905f, 1.0227708f}}},
        InitialStateCase{
            "GruBackwards", "GRU", true, {{0.13486053f, 0.23261218f}, {0.78257304f, 0.9691353f}}}),
    [](const auto& test) { return test.param.name; });

struct StatefulCase {
  std::string class_name;
  Table second_call;
};

class RecurrentLayerStatefulTest : public ::testing::TestWithParam<StatefulCase> {};

TEST_P(RecurrentLayerStatefulTest, ASecondCallContinuesWhereTheFirstEnded) {
  const auto layer = KerasLayer(GetParam().class_name, 4, {{"units", 4}, {"stateful", true}});
  const auto first = RunLayer(*layer, KerasX234());

  const auto second = RunLayer(*layer, KerasX234(), {}, first.state_columns());

  EXPECT_THAT(second.y(), NearValues(AllUnits(GetParam().second_call, 4)));
}

INSTANTIATE_TEST_SUITE_P(All, RecurrentLayerStatefulTest,
                         ::testing::Values(StatefulCase{"SimpleRNN", {{0.40559256f}, {0.7361247f}}},
                                           StatefulCase{"LSTM", {{0.3124785f}, {0.6863672f}}},
                                           StatefulCase{"GRU", {{0.29542392f}, {0.5885018f}}}),
                         [](const auto& test) { return test.param.class_name; });

// A stack of two cells of the Keras documentation, h' = x K + h R, with 3 and 2 units. All weights
// are 1.
class StackedLayerKerasTest : public ::testing::Test {
 protected:
  std::unique_ptr<Layer> Stack(bool return_sequences) {
    Json cells;
    int64_t features = 4;
    for (const int64_t units : {3, 2}) {
      const std::string scope = absl::StrCat("cells/", cells.size(), "/");
      weights_.AddConstant(scope + "kernel", {features, units}, 1.0f);
      weights_.AddConstant(scope + "recurrent_kernel", {units, units}, 1.0f);
      cells.push_back(Object("rnnserve>MinimalRNNCell", {{"units", units}}));
      features = units;
    }
    const Json cell = Object("StackedRNNCells", {{"cells", cells}});
    auto layer = Build(Object("RNN", {{"cell", cell}, {"return_sequences", return_sequences}}),
                       Sequences(4), weights_);
    EXPECT_THAT(layer, IsOk());
    return *std::move(layer);
  }

 private:
  WeightMap weights_;
};

TEST_F(StackedLayerKerasTest, GivesTheNumbersOfKeras) {
  EXPECT_THAT(RunLayer(*Stack(false), KerasX234()).y(), NearValues(AllUnits({{786}, {4386}}, 2)));
  EXPECT_THAT(RunLayer(*Stack(true), KerasX234()).y(),
              NearValues(AllUnits({{18, 156, 786}, {162, 1020, 4386}}, 2)));
}

TEST_F(StackedLayerKerasTest, HoldsTheStatesOfEveryCell) {
  const auto layer = Stack(false);

  const auto run = RunLayer(*layer, KerasX234());

  ASSERT_EQ(layer->states().size(), 2u);
  EXPECT_EQ(layer->states()[0].name, "0/h");
  EXPECT_EQ(layer->states()[1].name, "1/h");
  EXPECT_THAT(run.state(0), NearTable({{158, 158, 158}, {782, 782, 782}}));
  EXPECT_THAT(run.state(1), NearTable({{786, 786}, {4386, 4386}}));
}

TEST_F(StackedLayerKerasTest, ASecondCallContinuesWhereTheFirstEnded) {
  const auto layer = Stack(false);
  const auto first = RunLayer(*layer, KerasX234());

  const auto second = RunLayer(*layer, KerasX234(), {}, first.state_columns());

  EXPECT_THAT(second.y(), NearValues(AllUnits({{34092}, {173196}}, 2)));
}

TEST_F(StackedLayerKerasTest, AMaskFreezesEveryCellAndRepeatsTheLastOutput) {
  const auto layer = Stack(true);

  const auto run = RunLayer(*layer, KerasX234(), {{1, 0, 0}, {0, 1, 0}});
  const auto first_only = RunLayer(*layer, Slice(KerasX234(), 0, 1));
  const auto second_only = RunLayer(*layer, Slice(KerasX234(), 1, 2));

  EXPECT_THAT(run.y()[0], NearTable({{18, 18}, {18, 18}, {18, 18}}));
  EXPECT_EQ(run.y()[1][0], (std::vector<float>{0, 0}));
  EXPECT_EQ(run.y()[1][2], second_only.y()[1][0]);
  EXPECT_EQ(run.state(0)[0], first_only.state(0)[0]);
  EXPECT_EQ(run.state(1)[1], second_only.state(1)[1]);
}

}  // namespace
}  // namespace rnnserve::testing
