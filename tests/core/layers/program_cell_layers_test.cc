// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests cells that are written as step programs inside recurrent layers: whatever a layer does with
// a built-in cell, it does with the same cell as a program. recurrent_layer_test.cc and
// bidirectional_test.cc have the numbers that the layers give with built-in cells.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/layers/layer_registry.h"
#include "tests/core/layers/layer_fixture.h"
#include "tests/support/program_texts.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int kTime = 4;
constexpr int64_t kFeatures = 5;
constexpr int64_t kUnits = 19;  // more than one quantum of a column, and not a multiple of it

// A cell of Keras, once built in and once as a program. Both have the same weights and states.
struct CellPair {
  std::string name;
  Json built_in;
  Json program;
};

CellPair SimpleRnnPair(int64_t features = kFeatures, int64_t units = kUnits) {
  return {"SimpleRnn", Object("SimpleRNNCell", {{"units", units}}),
          ProgramCellObject(SimpleRnnText(features, units))};
}

CellPair LstmPair(int64_t features = kFeatures, int64_t units = kUnits) {
  return {"Lstm", Object("LSTMCell", {{"units", units}}),
          ProgramCellObject(LstmText(features, units))};
}

CellPair GruPair(int64_t features = kFeatures, int64_t units = kUnits) {
  return {"Gru", Object("GRUCell", {{"units", units}}),
          ProgramCellObject(GruText(features, units))};
}

Json Rnn(const Json& cell, const Json& options = Json::object()) {
  Json config = {{"cell", cell}};
  config.update(options);
  return Object("RNN", config);
}

Json StackOf(const std::vector<Json>& cells) {
  return Object("StackedRNNCells", {{"cells", cells}});
}

std::unique_ptr<Layer> BuildOrDie(const Json& object) {
  AnyWeights weights;
  auto layer = Build(object, Sequences(kFeatures), weights);
  EXPECT_THAT(layer, IsOk());
  return *std::move(layer);
}

// Returns inputs for every mask; masked timesteps hold NaN, which must not spread.
Values MaskedInputs(const MaskBits& masks, unsigned seed) {
  Values x = Random(static_cast<int64_t>(masks.size()), kTime, kFeatures, seed);
  for (size_t b = 0; b < masks.size(); ++b) {
    for (size_t t = 0; t < masks[b].size(); ++t) {
      if (masks[b][t] == 0) x[b][t].assign(kFeatures, std::numeric_limits<float>::quiet_NaN());
    }
  }
  return x;
}

void ExpectSameResults(const Layer& layer, const PreparedRun& actual, const PreparedRun& expected) {
  EXPECT_THAT(actual.y(), NearValues(expected.y()));
  for (size_t k = 0; k < layer.more_outputs().size(); ++k) {
    EXPECT_THAT(actual.output(k + 1), NearValues(expected.output(k + 1)));
  }
  for (size_t k = 0; k < layer.states().size(); ++k) {
    EXPECT_THAT(actual.state(k), NearTable(expected.state(k))) << layer.states()[k].name;
  }
  EXPECT_EQ(actual.output_mask(), expected.output_mask());
}

// Checks that two layers look the same to their users and compute the same with every mask: from
// the initial states, from the states after a run and from states that a client sets.
void ExpectSameLayer(const Json& program_object, const Json& built_in_object) {
  const auto program = BuildOrDie(program_object);
  const auto built_in = BuildOrDie(built_in_object);
  const MaskBits masks = EveryMask(kTime);
  const Values x = MaskedInputs(masks, 1);
  ASSERT_EQ(program->output(), built_in->output());
  ASSERT_EQ(program->states().size(), built_in->states().size());
  ASSERT_EQ(program->state_size(), built_in->state_size());
  std::vector<Table> states;
  for (size_t k = 0; k < built_in->states().size(); ++k) {
    const Shape& shape = built_in->states()[k].shape;
    EXPECT_EQ(program->states()[k].name, built_in->states()[k].name);
    ASSERT_EQ(program->states()[k].shape, shape);
    Table& state = states.emplace_back();
    const unsigned seed = 7 + static_cast<unsigned>(k);
    for (auto& row : Random(static_cast<int64_t>(masks.size()), 1, shape[0], seed)) {
      state.push_back(row[0]);
    }
  }
  EXPECT_EQ(program->returns_state(), built_in->returns_state());
  EXPECT_EQ(program->can_stream(), built_in->can_stream());
  EXPECT_EQ(program->loops_over_time(), built_in->loops_over_time());
  EXPECT_EQ(program->num_parameters(), built_in->num_parameters());

  const auto first = RunLayer(*program, x, masks);
  const auto expected_first = RunLayer(*built_in, x, masks);
  const auto without_mask = RunLayer(*program, Random(3, kTime, kFeatures, 2));
  const auto expected_without_mask = RunLayer(*built_in, Random(3, kTime, kFeatures, 2));
  const Values more_x = MaskedInputs(masks, 3);
  const auto second = RunLayer(*program, more_x, masks, first.state_columns());
  const auto expected_second = RunLayer(*built_in, more_x, masks, expected_first.state_columns());
  const auto given = RunLayer(*program, x, masks, ColumnsOf(*program, states));
  const auto expected_given = RunLayer(*built_in, x, masks, ColumnsOf(*built_in, states));

  ExpectSameResults(*built_in, first, expected_first);
  ExpectSameResults(*built_in, without_mask, expected_without_mask);
  ExpectSameResults(*built_in, second, expected_second);
  ExpectSameResults(*built_in, given, expected_given);
}

// The options of a layer, each of which is one bit of a number.
constexpr const char* kOptions[] = {"return_sequences",     "return_state", "go_backwards",
                                    "zero_output_for_mask", "unroll",       "stateful"};
constexpr int kNumOptionSets = 1 << std::size(kOptions);

Json OptionSet(int bits) {
  Json options;
  for (size_t i = 0; i < std::size(kOptions); ++i) options[kOptions[i]] = ((bits >> i) & 1) != 0;
  return options;
}

std::string OptionSetName(int bits) {
  const char* const words[] = {"Sequences", "State", "Backwards", "Zero", "Unroll", "Stateful"};
  std::string name;
  for (size_t i = 0; i < std::size(words); ++i) name += ((bits >> i) & 1) != 0 ? words[i] : "";
  return name.empty() ? "Plain" : name;
}

class ProgramCellOptionsTest : public ::testing::TestWithParam<std::tuple<CellPair, int>> {};

TEST_P(ProgramCellOptionsTest, TheLayerComputesWhatItDoesWithTheBuiltInCell) {
  const auto& [cells, bits] = GetParam();

  ExpectSameLayer(Rnn(cells.program, OptionSet(bits)), Rnn(cells.built_in, OptionSet(bits)));
}

INSTANTIATE_TEST_SUITE_P(Cells, ProgramCellOptionsTest,
                         ::testing::Combine(::testing::Values(SimpleRnnPair(), LstmPair(),
                                                              GruPair()),
                                            ::testing::Range(0, kNumOptionSets)),
                         [](const auto& test) {
                           return std::get<0>(test.param).name +
                                  OptionSetName(std::get<1>(test.param));
                         });

struct StackCase {
  std::string name;
  std::vector<Json> cells;
  std::vector<Json> built_in;
};

std::vector<StackCase> StackCases() {
  const CellPair bottom = LstmPair(kFeatures, 7);
  const CellPair middle = GruPair(7, 17);
  const CellPair top = SimpleRnnPair(17, 3);
  const std::vector<Json> built_in = {bottom.built_in, middle.built_in, top.built_in};
  return {{"ProgramFirst", {bottom.program, middle.built_in, top.built_in}, built_in},
          {"ProgramInTheMiddle", {bottom.built_in, middle.program, top.built_in}, built_in},
          {"ProgramLast", {bottom.built_in, middle.built_in, top.program}, built_in},
          {"ProgramsOnly", {bottom.program, middle.program, top.program}, built_in},
          {"OneProgram", {bottom.program}, {bottom.built_in}}};
}

class ProgramCellStackTest : public ::testing::TestWithParam<StackCase> {};

TEST_P(ProgramCellStackTest, TheStackComputesWhatItDoesWithBuiltInCells) {
  for (const bool sequences : {false, true}) {
    const Json options = {{"return_sequences", sequences}, {"return_state", true}};
    ExpectSameLayer(Rnn(StackOf(GetParam().cells), options),
                    Rnn(StackOf(GetParam().built_in), options));
  }
}

INSTANTIATE_TEST_SUITE_P(All, ProgramCellStackTest, ::testing::ValuesIn(StackCases()),
                         [](const auto& test) { return test.param.name; });

class ProgramCellBidirectionalTest
    : public ::testing::TestWithParam<std::tuple<CellPair, std::string, bool>> {
 protected:
  // Returns the layer around `cell`.
  Json Around(const Json& cell) const {
    const auto& [cells, merge_mode, sequences] = GetParam();
    Json config = {{"layer", Rnn(cell, {{"return_sequences", sequences}})}};
    config["merge_mode"] = merge_mode == "none" ? Json() : Json(merge_mode);
    return Object("Bidirectional", config);
  }
};

TEST_P(ProgramCellBidirectionalTest, BothHalvesComputeWhatTheyDoWithTheBuiltInCell) {
  const CellPair& cells = std::get<0>(GetParam());

  ExpectSameLayer(Around(cells.program), Around(cells.built_in));
}

TEST_P(ProgramCellBidirectionalTest, OneHalfMayHaveABuiltInCell) {
  const CellPair& cells = std::get<0>(GetParam());
  Json mixed = Around(cells.program);
  mixed["config"]["backward_layer"] =
      Rnn(cells.built_in, {{"go_backwards", true}, {"return_sequences", std::get<2>(GetParam())}});

  ExpectSameLayer(mixed, Around(cells.built_in));
}

INSTANTIATE_TEST_SUITE_P(
    Cells, ProgramCellBidirectionalTest,
    ::testing::Combine(::testing::Values(SimpleRnnPair(), LstmPair(), GruPair()),
                       ::testing::Values("concat", "sum", "mul", "ave", "none"), ::testing::Bool()),
    [](const auto& test) {
      return std::get<0>(test.param).name + "_" + std::get<1>(test.param) +
             (std::get<2>(test.param) ? "_sequences" : "_last");
    });

// A program whose numbers can be checked by eye: s' = s + gain x + offset and y = 10 s'. The state
// begins with the weight `first`.
Json AdderText() {
  return Json::parse(R"({
    "program_version": 1,
    "inputs": [{"name": "x", "shape": [1]}],
    "constants": [{"name": "gain", "shape": [1]}, {"name": "offset", "shape": [1]}],
    "states": [{"name": "s", "shape": [1], "initial": "first", "next": "s2"}],
    "weights": {"first": [1]},
    "operations": [
      {"op": "mul", "in": ["gain", "x"], "out": "scaled"},
      {"op": "add", "in": ["scaled", "offset"], "out": "added"},
      {"op": "add", "in": ["s", "added"], "out": "s2"},
      {"op": "mul", "in": ["s2", 10.0], "out": "y"}],
    "outputs": [{"name": "y", "value": "y"}]})");
}

absl::StatusOr<std::unique_ptr<Layer>> BuildAdder(const std::vector<ValueSpec>& inputs,
                                                  Json options = Json::object()) {
  WeightMap weights;
  weights.Add("first", {1}, {5.0f});
  options["cell"] = ProgramCellObject(AdderText().dump());
  return Build(Object("rnnserve>RNN", options), inputs, weights);
}

std::unique_ptr<Layer> Adder(const Json& options = Json::object()) {
  auto layer = BuildAdder({Sequences(1), Vectors(1), Vectors(1)}, options);
  EXPECT_THAT(layer, IsOk());
  return *std::move(layer);
}

PreparedRun RunAdder(const Layer& layer, const RunInput& x, const Table& gains,
                     const StateColumns& states = {}) {
  PreparedRun run(
      layer, {x, {Scalars(gains)}, {Scalars(Table(gains.size(), std::vector<float>{1}))}}, states);
  run.Run();
  return run;
}

TEST(ProgramCellConstantsTest, EveryTimestepOfARowReadsItsConstants) {
  const auto layer = Adder({{"return_sequences", true}});

  const auto run = RunAdder(*layer, {Scalars({{1, 2, 3}, {1, 2, 3}})}, {{10}, {100}});

  EXPECT_EQ(run.y(), Scalars({{160, 370, 680}, {1060, 3070, 6080}}));
  EXPECT_EQ(run.state(0), (Table{{68}, {608}}));
}

TEST(ProgramCellConstantsTest, WorkTogetherWithMasksAndDirection) {
  const auto forward = Adder({{"return_sequences", true}});
  const auto backward = Adder({{"return_sequences", true}, {"go_backwards", true}});
  const RunInput x = {Scalars({{1, 2, 3}}), {{1, 0, 1}}};

  EXPECT_EQ(RunAdder(*forward, x, {{10}}).y(), Scalars({{160, 160, 470}}));
  EXPECT_EQ(RunAdder(*backward, x, {{10}}).y(), Scalars({{360, 360, 470}}));
}

TEST(ProgramCellConstantsTest, MayChangeBetweenTheRunsOfASession) {
  const auto layer = Adder({{"return_sequences", true}});
  const auto first = RunAdder(*layer, {Scalars({{1, 2}})}, {{10}});

  const auto second = RunAdder(*layer, {Scalars({{3}})}, {{100}}, first.state_columns());

  EXPECT_TRUE(layer->can_stream());
  EXPECT_EQ(second.y(), Scalars({{3380}}));
}

TEST(ProgramCellConstantsTest, ReachTheProgramThroughAStack) {
  WeightMap weights;
  weights.AddConstant("cells/0/kernel", {1, 1}, 2.0f);
  weights.AddConstant("cells/0/recurrent_kernel", {1, 1}, 0.0f);
  weights.Add("cells/1/first", {1}, {5.0f});
  const Json doubler =
      Object("SimpleRNNCell", {{"units", 1}, {"activation", "linear"}, {"use_bias", false}});
  const Json stack = StackOf({doubler, ProgramCellObject(AdderText().dump())});
  const auto layer = Build(Object("rnnserve>RNN", {{"cell", stack}, {"return_sequences", true}}),
                           {Sequences(1), Vectors(1), Vectors(1)}, weights);
  ASSERT_THAT(layer, IsOk());

  const auto run = RunAdder(**layer, {Scalars({{1, 2}})}, {{10}});

  EXPECT_EQ(run.y(), Scalars({{260, 670}}));
}

TEST(ProgramCellConstantsTest, MustHaveTheNumberAndTheShapesOfTheProgram) {
  EXPECT_THAT(
      BuildAdder({Sequences(1), Vectors(1)}),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("layer 'layer': the cell takes 2 constants, found 1"), "MODEL_CONFIG"));
  EXPECT_THAT(
      BuildAdder({Sequences(1), Vectors(1), Vectors(3)}),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("constant 1 of the cell is [1] without time, found [3]"), "MODEL_CONFIG"));
  EXPECT_THAT(BuildAdder({Sequences(1), Sequences(1), Vectors(1)}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("constant 0"), HasSubstr("found [1] at every timestep")),
                       "MODEL_CONFIG"));
}

TEST(ProgramCellInitialStateTest, ASequenceBeginsWithTheStateOfTheProgram) {
  const auto layer = Adder();

  EXPECT_EQ(RunAdder(*layer, {Scalars({{1}})}, {{10}}).y(), Scalars({{160}}));
  EXPECT_EQ(RunAdder(*layer, {Scalars({{1}})}, {{10}}, ColumnsOf(*layer, {{{100}}})).y(),
            Scalars({{1110}}));
}

TEST(ProgramCellInitialStateTest, LeadingMaskedTimestepsEmitZeroAndKeepIt) {
  const auto layer = Adder({{"return_sequences", true}});

  const auto run =
      RunAdder(*layer, {Scalars({{1, 2, 3}, {1, 2, 3}}), {{0, 0, 1}, {0, 0, 0}}}, {{10}, {10}});

  EXPECT_EQ(run.y(), Scalars({{0, 0, 360}, {0, 0, 0}}));
  EXPECT_EQ(run.state(0), (Table{{36}, {5}}));
}

// Returns a program of one state that adds up its inputs, of shape [1]. The state begins with the
// weight `first`.
std::string SumText() {
  return R"({
    "program_version": 1,
    "inputs": [{"name": "x", "shape": [1]}],
    "states": [{"name": "s", "shape": [1], "initial": "first", "next": "s2"}],
    "weights": {"first": [1]},
    "operations": [{"op": "add", "in": ["s", "x"], "out": "s2"}],
    "outputs": [{"name": "y", "value": "s2"}]})";
}

TEST(ProgramCellInitialStateTest, BelongsToEachHalfOfABidirectionalAndToEachCellOfAStack) {
  WeightMap weights;
  weights.Add("forward/first", {1}, {5.0f});
  weights.Add("backward/first", {1}, {7.0f});
  weights.Add("cells/0/first", {1}, {100.0f});
  weights.Add("cells/1/first", {1}, {1000.0f});
  const Json cell = ProgramCellObject(SumText());
  const auto both = Build(Object("Bidirectional", {{"layer", Rnn(cell)}}), Sequences(1), weights);
  const auto stack = Build(Rnn(StackOf({cell, cell})), Sequences(1), weights);
  ASSERT_THAT(both, IsOk());
  ASSERT_THAT(stack, IsOk());

  EXPECT_EQ(RunLayer(**both, Scalars({{1, 2}})).y(), (Values{{{8, 10}}}));
  EXPECT_EQ(RunLayer(**stack, Scalars({{1, 2}})).y(), Scalars({{1000 + 101 + 103}}));
}

// A program whose input, output and state are matrices.
TEST(ProgramCellShapesTest, ValuesMayHaveAnyRank) {
  const std::string text = R"({
    "program_version": 1,
    "inputs": [{"name": "x", "shape": [2, 1]}],
    "states": [{"name": "s", "shape": [1, 2, 1], "next": "s2"}],
    "operations": [
      {"op": "reshape", "in": ["x"], "out": "wide", "shape": [1, 2, 1]},
      {"op": "add", "in": ["s", "wide"], "out": "s2"},
      {"op": "reshape", "in": ["s2"], "out": "y", "shape": [1, 2]}],
    "outputs": [{"name": "y", "value": "y"}]})";
  const auto layer =
      Build(Rnn(ProgramCellObject(text), {{"return_sequences", true}}), Sequences(2, {2, 1}));
  WeightMap none;
  ASSERT_THAT(layer, IsOk());

  const auto run = RunLayer(**layer, {{{1, 10}, {2, 20}}}, {{1, 1}});

  EXPECT_EQ((*layer)->output_shape(), Shape({1, 2}));
  EXPECT_EQ((*layer)->states()[0].shape, Shape({1, 2, 1}));
  EXPECT_EQ(run.y(), (Values{{{1, 10}, {3, 30}}}));
}

Json SameInTraining(const std::string& text) {
  return ProgramCellObject(text, {{"training", "same"}});
}

TEST(ProgramCellTrainingTest, IsRefusedWhereTheProgramHasNone) {
  const Json cell = LstmPair().program;
  const Json gru = GruPair(kUnits, 3).built_in;
  const auto refuses = HasSubstr("it runs a program, which describes inference only");

  EXPECT_THAT(BuildOrDie(Rnn(cell))->no_training_reason(), refuses);
  EXPECT_THAT(BuildOrDie(Rnn(StackOf({cell, gru})))->no_training_reason(), refuses);
  EXPECT_THAT(BuildOrDie(Object("Bidirectional", {{"layer", Rnn(cell)}}))->no_training_reason(),
              refuses);
}

TEST(ProgramCellTrainingTest, ComputesTheSameWhereTheProgramSaysSo) {
  const auto layer = BuildOrDie(Rnn(SameInTraining(LstmText(kFeatures, kUnits))));
  const Values x = Random(3, kTime, kFeatures, 1);

  EXPECT_EQ(layer->no_training_reason(), "");
  EXPECT_EQ(Bits(TrainLayer(*layer, x, {1, 2, 3}).y()), Bits(RunLayer(*layer, x).y()));
}

TEST(ProgramCellTrainingTest, LeavesTheDropoutOfItsNeighboursInAStackAlone) {
  const Json gru = Object("GRUCell", {{"units", 9}, {"dropout", 0.5}, {"recurrent_dropout", 0.3}});
  const auto program = BuildOrDie(Rnn(StackOf({SameInTraining(LstmText(kFeatures, 7)), gru})));
  const auto built_in = BuildOrDie(Rnn(StackOf({LstmPair(kFeatures, 7).built_in, gru})));
  const Values x = Random(3, kTime, kFeatures, 1);

  const auto trained = TrainLayer(*program, x, {1, 2, 3});

  EXPECT_THAT(trained.y(), NearValues(TrainLayer(*built_in, x, {1, 2, 3}).y()));
  EXPECT_NE(trained.y(), RunLayer(*program, x).y());
}

struct BadCell {
  std::string name;
  Json cell;
  absl::StatusCode code;
  std::string reason;
  std::string text;
};

// Returns a cell around SumText with one part of the program replaced.
Json Sum(const std::string& key, const Json& value) {
  Json program = Json::parse(SumText());
  program[key] = value;
  return ProgramCellObject(program.dump());
}

Json WithoutProgram() {
  Json cell = ProgramCellObject(SumText());
  cell["config"].erase("program");
  return cell;
}

// Returns a cell around SumText whose output is a single number.
Json ScalarOutput() {
  Json program = Json::parse(SumText());
  program["operations"].push_back(
      {{"op", "reshape"}, {"in", {"s2"}}, {"out", "number"}, {"shape", Json::array()}});
  program["outputs"][0]["value"] = "number";
  return ProgramCellObject(program.dump());
}

class ProgramCellErrorTest : public ::testing::TestWithParam<BadCell> {};

TEST_P(ProgramCellErrorTest, NamesTheCellAndTheFault) {
  const BadCell& bad = GetParam();
  WeightMap weights;
  weights.Add("first", {1}, {5.0f});
  weights.AddConstant("cells/0/first", {1}, 5.0f);

  EXPECT_THAT(Build(Rnn(bad.cell), Sequences(1), weights),
              StatusIs(bad.code, HasSubstr(bad.text), bad.reason));
}

INSTANTIATE_TEST_SUITE_P(
    All, ProgramCellErrorTest,
    ::testing::Values(
        BadCell{"NoProgram", WithoutProgram(), absl::StatusCode::kInvalidArgument, "MODEL_CONFIG",
                "layer 'layer', cell: 'program' is missing"},
        BadCell{"NotAProgram", ProgramCellObject("3"), absl::StatusCode::kInvalidArgument,
                "PROGRAM_INVALID", "layer 'layer', cell: the program is not a JSON object"},
        BadCell{"OtherInput", ProgramCellObject(LstmText(3, 2)), absl::StatusCode::kInvalidArgument,
                "MODEL_CONFIG",
                "the input 'x' of the program is [3], but a timestep of the layer is [1]"},
        BadCell{"TwoInputs",
                Sum("inputs", {{{"name", "x"}, {"shape", {1}}}, {{"name", "z"}, {"shape", {1}}}}),
                absl::StatusCode::kInvalidArgument, "MODEL_CONFIG",
                "has one input and one output, found 2 and 1; a Program layer can have several"},
        BadCell{"TwoOutputs",
                Sum("outputs", {{{"name", "y"}, {"value", "s2"}}, {{"name", "z"}, {"value", "x"}}}),
                absl::StatusCode::kInvalidArgument, "MODEL_CONFIG", "found 1 and 2"},
        BadCell{"OutputWithoutAxis", ScalarOutput(), absl::StatusCode::kInvalidArgument,
                "MODEL_CONFIG", "is a single number without an axis; reshape it to [1]"},
        BadCell{"MissingWeight", Sum("weights", {{"first", {1}}, {"other", {2, 3}}}),
                absl::StatusCode::kInvalidArgument, "MODEL_WEIGHTS", "'other' of shape [2, 3]"},
        BadCell{"OtherTraining", ProgramCellObject(SumText(), {{"training", "dropout"}}),
                absl::StatusCode::kInvalidArgument, "MODEL_CONFIG", "'training' is 'dropout'"},
        BadCell{"OtherDtype", ProgramCellObject(SumText(), {{"dtype", "int8"}}),
                absl::StatusCode::kUnimplemented, "OPTION_UNSUPPORTED", "int8"},
        BadCell{"ConstantsThatTheLayerIsNotGiven", ProgramCellObject(AdderText().dump()),
                absl::StatusCode::kInvalidArgument, "MODEL_CONFIG", "takes 2 constants, found 0"},
        BadCell{"SecondOfAStackDoesNotFit",
                StackOf({ProgramCellObject(SumText()), ProgramCellObject(LstmText(3, 2))}),
                absl::StatusCode::kInvalidArgument, "MODEL_CONFIG",
                "the input 'x' of the program is [3], but a timestep of the layer is [1]"}),
    [](const auto& test) { return test.param.name; });

TEST(ProgramCellWeightsTest, AWeightOfAnotherShapeIsRefused) {
  WeightMap weights;
  weights.Add("first", {2}, {5.0f, 6.0f});

  EXPECT_THAT(
      Build(Rnn(ProgramCellObject(SumText())), Sequences(1), weights),
      StatusIs(absl::StatusCode::kInvalidArgument,
               AllOf(HasSubstr("'first'"), HasSubstr("[2]"), HasSubstr("[1]")), "MODEL_WEIGHTS"));
}

TEST(ProgramCellShapesTest, TokenIdsAreNotASequenceOfFeatures) {
  WeightMap weights;
  weights.Add("first", {1}, {5.0f});

  EXPECT_THAT(
      Build(Rnn(ProgramCellObject(SumText())), TokenIds(), weights),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("expected ndim=3"), "MODEL_CONFIG"));
}

}  // namespace
}  // namespace rnnserve::testing
