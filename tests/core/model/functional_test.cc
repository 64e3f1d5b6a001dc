// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests graphs of a few units whose results can be computed by hand: which output a layer reads,
// which mask applies, and from which state a layer starts.

#include <gtest/gtest.h>

#include "core/model/model.h"
#include "core/model/weight_table.h"
#include "tests/core/model/keras_json.h"
#include "tests/support/malloc_counter.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ModelPtr = std::shared_ptr<const Model>;

void Add(WeightTable& table, const std::string& name, Shape shape,
         const std::vector<float>& values) {
  table.emplace(name, Weight{std::move(shape), AlignedBuffer::CopyFrom(values)});
}

// Returns a recurrent layer of one unit, h := 2 h + x, and adds its weights below `scope`.
Json Doubling(const std::string& name, Json options, WeightTable& table,
              const std::string& scope = "") {
  Add(table, scope + name + "/kernel", {1, 1}, {1});
  Add(table, scope + name + "/recurrent_kernel", {1, 1}, {2});
  options.update({{"units", 1}, {"activation", "linear"}, {"use_bias", false}});
  return LayerJson("SimpleRNN", name, std::move(options));
}

// Returns a layer with y = factor x.
Json Times(const std::string& name, float factor, WeightTable& table,
           const std::string& scope = "") {
  Add(table, scope + name + "/kernel", {1, 1}, {factor});
  return LayerJson("Dense", name, {{"units", 1}, {"use_bias", false}});
}

const Json kSequence = {nullptr, nullptr, 1};
const Json kVector = {nullptr, 1};

Json At(const std::string& layer, int call = 0, int tensor = 0) { return {layer, call, tensor}; }

absl::StatusOr<ModelPtr> Create(const Json& json, const WeightTable& table) {
  WeightTableSource weights(table);
  return Model::Create(KerasConfig(json, "model"), weights, LayerRegistry::BuiltIn(), "digest");
}

// Runs one row. Each input has one feature and is given as the values of its timesteps. The outputs
// are returned in the same form.
std::vector<std::vector<float>> OutputsOf(const ModelPtr& model,
                                          const std::vector<std::vector<float>>& inputs) {
  std::vector<int64_t> times;
  for (const auto& input : inputs) times.push_back(static_cast<int64_t>(input.size()));
  Workspace workspace(*model, 1, times);
  for (size_t i = 0; i < inputs.size(); ++i) {
    for (size_t t = 0; t < inputs[i].size(); ++t) {
      workspace.input(i).At(static_cast<int64_t>(t)).column(0)[0] = inputs[i][t];
    }
  }
  const auto initial = model->initial_state();
  std::copy(initial.begin(), initial.end(), workspace.states().column(0));
  MallocCounter allocations;
  model->RunSequencePart(workspace);
  model->RunTail(workspace);
  EXPECT_EQ(allocations.count(), 0);
  std::vector<std::vector<float>> outputs;
  for (size_t i = 0; i < model->outputs().size(); ++i) {
    auto& values = outputs.emplace_back();
    const ConstSequence output = model->output(workspace, i);
    for (int64_t t = 0; t < output.time; ++t) values.push_back(output.At(t).column(0)[0]);
  }
  return outputs;
}

TEST(FunctionalTest, FollowsTheCallsAndNotTheOrderOfTheFile) {
  WeightTable table;
  const Json model =
      FunctionalJson({Called(Times("ten", 10, table), {TensorJson("two")}),
                      Called(Times("two", 2, table), {TensorJson("x")}), InputJson("x", kSequence)},
                     {At("x")}, {At("ten")});

  const auto created = Create(model, table);

  ASSERT_THAT(created, IsOk());
  EXPECT_TRUE((*created)->is_streamable());
  EXPECT_THAT(OutputsOf(*created, {{1, 3}}), ElementsAre(ElementsAre(20, 60)));
}

TEST(FunctionalTest, ReadsSeveralInputsAndGivesSeveralOutputs) {
  WeightTable table;
  const Json sum =
      Called(LayerJson("Add", "sum"), {Json::array({TensorJson("a"), TensorJson("b")})});
  const Json model = FunctionalJson({InputJson("a", kSequence), InputJson("b", kSequence), sum,
                                     Called(Times("ten", 10, table), {TensorJson("sum")})},
                                    {At("a"), At("b")}, {At("sum"), At("ten")});

  const auto created = Create(model, table);

  ASSERT_THAT(created, IsOk());
  EXPECT_EQ((*created)->inputs()[1].name, "b");
  EXPECT_EQ((*created)->outputs()[1].name, "ten");
  EXPECT_TRUE((*created)->is_streamable());
  EXPECT_THAT(OutputsOf(*created, {{1, 2}, {3, 4}}),
              ElementsAre(ElementsAre(4, 6), ElementsAre(40, 60)));
}

TEST(FunctionalTest, ALayerThatIsCalledTwiceHasOneWeightAndTwoStates) {
  WeightTable table;
  Json shared = Called(Doubling("rnn", {{"return_sequences", true}}, table), {TensorJson("a")});
  shared = Called(std::move(shared), {TensorJson("b")});
  const Json model = FunctionalJson({InputJson("a", kSequence), InputJson("b", kSequence), shared},
                                    {At("a"), At("b")}, {At("rnn", 0), At("rnn", 1)});

  const auto created = Create(model, table);

  ASSERT_THAT(created, IsOk());
  EXPECT_EQ((*created)->num_parameters(), 2);
  ASSERT_EQ((*created)->state_layout().tensors.size(), 2);
  EXPECT_EQ((*created)->state_layout().tensors[0].layer, "rnn");
  EXPECT_EQ((*created)->state_layout().tensors[1].layer, "rnn:1");
  EXPECT_THAT(OutputsOf(*created, {{1, 1}, {5}}), ElementsAre(ElementsAre(1, 3), ElementsAre(5)));
}

TEST(FunctionalTest, ADecoderStartsFromTheStateOfItsEncoder) {
  WeightTable table;
  const Json encoder =
      Called(Doubling("encoder", {{"return_state", true}}, table), {TensorJson("a")});
  const Json decoder =
      Called(Doubling("decoder", {{"return_sequences", true}}, table), {TensorJson("b")},
             {{"initial_state", {TensorJson("encoder", 0, 1)}}});
  const Json model =
      FunctionalJson({InputJson("a", kSequence), InputJson("b", kSequence), encoder, decoder},
                     {At("a"), At("b")}, {At("decoder"), At("encoder", 0, 1)});

  const auto created = Create(model, table);

  ASSERT_THAT(created, IsOk());
  EXPECT_EQ((*created)->outputs()[1].name, "encoder:1");
  // The encoder's final state is 2 * 1 + 1 = 3.
  EXPECT_THAT(OutputsOf(*created, {{1, 1}, {0, 0, 1}}),
              ElementsAre(ElementsAre(6, 12, 25), ElementsAre(3)));
}

TEST(FunctionalTest, AVectorCanBeTheInitialState) {
  WeightTable table;
  const Json rnn = Called(Doubling("rnn", Json::object(), table), {TensorJson("x")},
                          {{"initial_state", TensorJson("h")}});
  const Json model = FunctionalJson({InputJson("x", kSequence), InputJson("h", kVector), rnn},
                                    {At("x"), At("h")}, {At("rnn")});

  const auto created = Create(model, table);

  ASSERT_THAT(created, IsOk());
  EXPECT_FALSE((*created)->inputs()[1].spec.has_time);
  EXPECT_THAT(OutputsOf(*created, {{1, 1}, {10}}), ElementsAre(ElementsAre(43)));
}

// Keras passes the mask of a tensor on only to a call that has no other tensor.
TEST(FunctionalTest, ACallWithAnInitialStateIgnoresTheMaskOfItsInput) {
  WeightTable table;
  const Json masking =
      Called(LayerJson("Masking", "masking", {{"mask_value", 0.0}}), {TensorJson("x")});
  const Json with_state = Called(Doubling("with_state", Json::object(), table),
                                 {TensorJson("masking")}, {{"initial_state", TensorJson("h")}});
  const Json without = Called(Doubling("without", Json::object(), table), {TensorJson("masking")});
  const Json model = FunctionalJson(
      {InputJson("x", kSequence), InputJson("h", kVector), masking, with_state, without},
      {At("x"), At("h")}, {At("with_state"), At("without")});

  const auto created = Create(model, table);

  ASSERT_THAT(created, IsOk());
  EXPECT_THAT(OutputsOf(*created, {{1, 0}, {0}}), ElementsAre(ElementsAre(2), ElementsAre(1)));
}

TEST(FunctionalTest, AMaskThatIsPassedApplies) {
  WeightTable table;
  const Json is_used =
      Called(LayerJson("NotEqual", "not_equal", {{"value", 7.0}}), {TensorJson("x")});
  const Json any = Called(LayerJson("Any", "any", {{"axis", -1}, {"keepdims", false}}),
                          {TensorJson("not_equal")});
  const Json rnn = Called(Doubling("rnn", Json::object(), table), {TensorJson("x")},
                          {{"mask", TensorJson("any")}, {"training", false}});
  const Json model =
      FunctionalJson({InputJson("x", kSequence), is_used, any, rnn}, {At("x")}, {At("rnn")});

  const auto created = Create(model, table);

  ASSERT_THAT(created, IsOk());
  EXPECT_THAT(OutputsOf(*created, {{1, 7, 1}}), ElementsAre(ElementsAre(3)));
}

TEST(FunctionalTest, AnInnerModelIsExpanded) {
  WeightTable table;
  Json inner = SequentialJson(
      {InputJson("y", kSequence), Doubling("rnn", {{"return_sequences", true}}, table, "inner/"),
       Times("ten", 10, table, "inner/")},
      "inner");
  inner = Called(std::move(inner), {TensorJson("x")});
  const Json model = FunctionalJson(
      {InputJson("x", kSequence), inner, Called(Times("two", 2, table), {TensorJson("inner")})},
      {At("x")}, {At("two")});

  const auto created = Create(model, table);

  ASSERT_THAT(created, IsOk());
  EXPECT_EQ((*created)->plan().layer_names[0], "inner/rnn");
  EXPECT_EQ((*created)->state_layout().tensors[0].layer, "inner/rnn");
  EXPECT_THAT(OutputsOf(*created, {{1, 1}}), ElementsAre(ElementsAre(20, 60)));
}

TEST(FunctionalTest, ASequentialReturnsBothOutputsOfABidirectionalWithoutMerge) {
  WeightTable table;
  Json forward = Doubling("forward", Json::object(), table);
  Json backward = Doubling("backward", {{"go_backwards", true}}, table);
  WeightTable scoped;
  for (auto& [name, weight] : table) scoped.emplace("both/" + name, std::move(weight));
  const Json both =
      LayerJson("Bidirectional", "both",
                {{"merge_mode", nullptr}, {"layer", forward}, {"backward_layer", backward}});

  const auto created = Create(SequentialJson({InputJson("x", kSequence), both}), scoped);

  ASSERT_THAT(created, IsOk());
  EXPECT_EQ((*created)->outputs()[1].name, "both:1");
  EXPECT_THAT(OutputsOf(*created, {{1, 0}}), ElementsAre(ElementsAre(2), ElementsAre(1)));
}

TEST(FunctionalTest, OutputsInAnObjectAreNamedAndOrderedByItsKeys) {
  WeightTable table;
  const Json model =
      FunctionalJson({InputJson("x", kSequence), Called(Times("two", 2, table), {TensorJson("x")}),
                      Called(Times("ten", 10, table), {TensorJson("x")})},
                     {At("x")}, {{"mean", At("ten")}, {"all", {At("two"), At("ten")}}});

  const auto created = Create(model, table);

  ASSERT_THAT(created, IsOk());
  ASSERT_EQ((*created)->outputs().size(), 3);
  EXPECT_EQ((*created)->outputs()[0].name, "all/0");
  EXPECT_EQ((*created)->outputs()[1].name, "all/1");
  EXPECT_EQ((*created)->outputs()[2].name, "mean");
  EXPECT_THAT(OutputsOf(*created, {{1, 2}}),
              ElementsAre(ElementsAre(2, 4), ElementsAre(10, 20), ElementsAre(10, 20)));
}

TEST(FunctionalTest, RefusesOutputsThatWouldHaveOneName) {
  WeightTable table;
  const Json model =
      FunctionalJson({InputJson("x", kSequence), Called(Times("two", 2, table), {TensorJson("x")})},
                     {At("x")}, {{"a", {{"b", At("two")}}}, {"a/b", At("two")}});

  EXPECT_THAT(Create(model, table),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("two outputs have the name 'a/b'"), "MODEL_CONFIG"));
}

TEST(FunctionalTest, RefusesAnOutputWithoutAName) {
  WeightTable table;
  const Json model =
      FunctionalJson({InputJson("x", kSequence), Called(Times("two", 2, table), {TensorJson("x")})},
                     {At("x")}, {{"", At("two")}});

  EXPECT_THAT(Create(model, table), StatusIs(absl::StatusCode::kInvalidArgument,
                                             HasSubstr("empty name"), "MODEL_CONFIG"));
}

TEST(FunctionalTest, RefusesATensorWithoutASource) {
  WeightTable table;
  const Json model = FunctionalJson(
      {InputJson("x", kSequence), Called(Times("two", 2, table), {TensorJson("three")})}, {At("x")},
      {At("two")});

  EXPECT_THAT(Create(model, table), StatusIs(absl::StatusCode::kInvalidArgument,
                                             HasSubstr("layer 'two'"), "MODEL_CONFIG"));
}

TEST(FunctionalTest, RefusesALayerThatReadsItself) {
  WeightTable table;
  const Json model = FunctionalJson(
      {InputJson("x", kSequence), Called(Times("two", 2, table), {TensorJson("two")})}, {At("x")},
      {At("two")});

  EXPECT_THAT(Create(model, table), StatusIs(absl::StatusCode::kInvalidArgument,
                                             HasSubstr("layer 'two'"), "MODEL_CONFIG"));
}

TEST(FunctionalTest, RefusesAnOutputThatALayerDoesNotHave) {
  WeightTable table;
  const Json model =
      FunctionalJson({InputJson("x", kSequence), Called(Times("two", 2, table), {TensorJson("x")})},
                     {At("x")}, {At("two", 0, 1)});

  EXPECT_THAT(Create(model, table),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("tensor 1 of it is read, but it has 1"), "MODEL_CONFIG"));
}

TEST(FunctionalTest, RefusesTooFewInitialStates) {
  WeightTable table;
  Add(table, "lstm/kernel", {1, 4}, std::vector<float>(4));
  Add(table, "lstm/recurrent_kernel", {1, 4}, std::vector<float>(4));
  const Json lstm = Called(LayerJson("LSTM", "lstm", {{"units", 1}, {"use_bias", false}}),
                           {TensorJson("x")}, {{"initial_state", {TensorJson("h")}}});
  const Json model = FunctionalJson({InputJson("x", kSequence), InputJson("h", kVector), lstm},
                                    {At("x"), At("h")}, {At("lstm")});

  EXPECT_THAT(Create(model, table),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("has 2 states, its initial_state 1"), "MODEL_CONFIG"));
}

TEST(FunctionalTest, ReportsTheTimestepsThatALayerCannotProcess) {
  WeightTable table;
  const Json sum =
      Called(LayerJson("Add", "sum"), {Json::array({TensorJson("a"), TensorJson("b")})});
  const Json model = FunctionalJson({InputJson("a", kSequence), InputJson("b", kSequence), sum},
                                    {At("a"), At("b")}, {At("sum")});
  const auto created = Create(model, table);
  ASSERT_THAT(created, IsOk());

  EXPECT_THAT((*created)->ValueTimes({3, 3}), IsOk());
  EXPECT_THAT((*created)->ValueTimes({3, 4}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("layer 'sum' cannot work on 3 and 4 timesteps"), "TIMESTEPS"));
}

// Returns why a model of the sequences 'a' and 'b' and the vector 'v' with these layers and output
// cannot stream; empty if it can.
std::string NonStreamableReason(std::vector<Json> layers, const std::string& output,
                                const WeightTable& table) {
  layers.insert(layers.begin(),
                {InputJson("a", kSequence), InputJson("b", kSequence), InputJson("v", kVector)});
  const auto created =
      Create(FunctionalJson(std::move(layers), {At("a"), At("b"), At("v")}, {At(output)}), table);
  if (!created.ok()) return created.status().ToString();
  return (*created)->non_streamable_reason();
}

TEST(FunctionalTest, AVectorThatIsAnInputMayBeReadAtEveryTimestep) {
  WeightTable table;
  const std::string reason = NonStreamableReason(
      {Called(Times("two", 2, table), {TensorJson("v")}),
       Called(LayerJson("Add", "sum"), {Json::array({TensorJson("a"), TensorJson("two")})}),
       Called(LayerJson("Add", "all"), {Json::array({TensorJson("sum"), TensorJson("b")})})},
      "all", table);

  EXPECT_EQ(reason, "");
}

TEST(FunctionalTest, AVectorFromTheEndOfASequenceMayNotBeReadAtEveryTimestep) {
  WeightTable table;
  const std::string reason = NonStreamableReason(
      {Called(Doubling("last", Json::object(), table), {TensorJson("a")}),
       Called(Times("two", 2, table), {TensorJson("last")}),
       Called(LayerJson("Add", "sum"), {Json::array({TensorJson("b"), TensorJson("two")})}),
       Called(LayerJson("Add", "all"), {Json::array({TensorJson("sum"), TensorJson("v")})})},
      "all", table);

  EXPECT_EQ(reason, "layer 'sum' (Add) needs the end of the sequence first");
}

TEST(FunctionalTest, ALayerMayBeginAtAStateThatIsAnInput) {
  WeightTable table;
  const std::string reason = NonStreamableReason(
      {Called(LayerJson("Add", "both"), {Json::array({TensorJson("a"), TensorJson("b")})}),
       Called(Times("two", 2, table), {TensorJson("v")}),
       Called(Doubling("rnn", Json::object(), table), {TensorJson("both")},
              {{"initial_state", {TensorJson("two")}}})},
      "rnn", table);

  EXPECT_EQ(reason, "");
}

TEST(FunctionalTest, ALayerThatBeginsAtTheEndOfAnotherSequenceCannotStream) {
  WeightTable table;
  const std::string reason = NonStreamableReason(
      {Called(Doubling("encoder", Json::object(), table), {TensorJson("a")}),
       Called(LayerJson("Add", "start"), {Json::array({TensorJson("encoder"), TensorJson("v")})}),
       Called(Doubling("decoder", Json::object(), table), {TensorJson("b")},
              {{"initial_state", {TensorJson("start")}}})},
      "decoder", table);

  EXPECT_EQ(reason, "layer 'decoder' begins at a state of the model's own");
}

TEST(FunctionalTest, InputsWithoutATimeAxisCannotStream) {
  WeightTable table;
  const Json model = FunctionalJson(
      {InputJson("u", kVector), InputJson("v", kVector),
       Called(LayerJson("Add", "sum"), {Json::array({TensorJson("u"), TensorJson("v")})})},
      {At("u"), At("v")}, {At("sum")});

  const auto created = Create(model, table);

  ASSERT_THAT(created, IsOk());
  EXPECT_EQ((*created)->non_streamable_reason(), "none of the model's inputs has a time axis");
}

// Returns a step program as a layer, and adds its weight. Its inputs are a and b, its constant is
// gain, and it has two states, two outputs and steps that count from 100:
//
//   total' = total + gain a,  count' = count + b
Json TotalAndCount(const std::string& name, WeightTable& table) {
  Add(table, name + "/first", {1}, {100});
  Json layer = LayerJson("Program", name, {{"program", Json::parse(R"({
    "program_version": 1,
    "inputs": [{"name": "a", "shape": [1]}, {"name": "b", "shape": [1]}],
    "constants": [{"name": "gain", "shape": [1]}],
    "states": [{"name": "total", "shape": [1], "next": "total2"},
               {"name": "count", "shape": [1], "initial": "first", "next": "count2"}],
    "weights": {"first": [1]},
    "operations": [
      {"op": "mul", "in": ["gain", "a"], "out": "scaled"},
      {"op": "add", "in": ["total", "scaled"], "out": "total2"},
      {"op": "add", "in": ["count", "b"], "out": "count2"}],
    "outputs": [{"name": "total", "value": "total2"}, {"name": "count", "value": "count2"}]})")}});
  layer["registered_name"] = "rnnserve>Program";
  return layer;
}

// Returns a model around TotalAndCount "p": the sequences a and b and the vector gain; the outputs
// total, of 2 a, and ten times the count.
Json AroundTotalAndCount(WeightTable& table) {
  const Json program =
      Called(TotalAndCount("p", table),
             Json::array({Json::array({TensorJson("two"), TensorJson("b"), TensorJson("gain")})}));
  return FunctionalJson(
      {InputJson("a", kSequence), InputJson("b", kSequence), InputJson("gain", kVector),
       Called(Times("two", 2, table), {TensorJson("a")}), program,
       Called(Times("ten", 10, table), {TensorJson("p", 0, 1)})},
      {At("a"), At("b"), At("gain")}, {At("p"), At("ten")});
}

TEST(FunctionalTest, AProgramReadsSeveralLayersAndFeedsSeveral) {
  WeightTable table;

  const auto created = Create(AroundTotalAndCount(table), table);

  ASSERT_THAT(created, IsOk());
  EXPECT_TRUE((*created)->is_streamable());
  ASSERT_EQ((*created)->state_layout().tensors.size(), 2);
  EXPECT_EQ((*created)->state_layout().tensors[0].layer, "p");
  EXPECT_EQ((*created)->state_layout().tensors[0].name, "total");
  EXPECT_EQ((*created)->state_layout().tensors[1].name, "count");
  EXPECT_THAT(OutputsOf(*created, {{1, 2, 3}, {1, 0, 1}, {10}}),
              ElementsAre(ElementsAre(20, 60, 120), ElementsAre(1010, 1010, 1020)));
}

TEST(FunctionalTest, AProgramGoesOnAtItsStatesInTheNextRun) {
  WeightTable table;
  const auto created = Create(AroundTotalAndCount(table), table);
  ASSERT_THAT(created, IsOk());
  const Model& model = **created;
  Workspace workspace(model, 1, {1, 1, 1});
  const auto initial = model.initial_state();
  std::copy(initial.begin(), initial.end(), workspace.states().column(0));

  std::vector<float> totals, counts;
  for (const float a : {1.0f, 2.0f, 3.0f}) {
    workspace.input(0).At(0).column(0)[0] = a;
    workspace.input(1).At(0).column(0)[0] = 1;
    workspace.input(2).At(0).column(0)[0] = 10 * a;
    model.RunSequencePart(workspace);
    model.RunTail(workspace);
    totals.push_back(model.output(workspace, 0).At(0).column(0)[0]);
    counts.push_back(model.output(workspace, 1).At(0).column(0)[0]);
  }

  EXPECT_THAT(totals, ElementsAre(20, 100, 280));
  EXPECT_THAT(counts, ElementsAre(1010, 1020, 1030));
}

TEST(FunctionalTest, AProgramThatIsCalledTwiceHasTwiceItsStates) {
  WeightTable table;
  Json program = TotalAndCount("p", table);
  const Json gain = TensorJson("gain");
  program = Called(program, Json::array({Json::array({TensorJson("a"), TensorJson("b"), gain})}));
  program = Called(
      program, Json::array({Json::array({TensorJson("p", 0, 0), TensorJson("p", 0, 1), gain})}));
  const Json json = FunctionalJson(
      {InputJson("a", kSequence), InputJson("b", kSequence), InputJson("gain", kVector), program},
      {At("a"), At("b"), At("gain")}, {At("p", 0, 0), At("p", 1, 0), At("p", 1, 1)});

  const auto created = Create(json, table);

  ASSERT_THAT(created, IsOk());
  ASSERT_EQ((*created)->state_layout().tensors.size(), 4);
  EXPECT_EQ((*created)->state_layout().tensors[2].layer, "p:1");
  EXPECT_THAT(OutputsOf(*created, {{1, 1}, {1, 1}, {2}}),
              ElementsAre(ElementsAre(2, 4), ElementsAre(4, 12), ElementsAre(201, 303)));
}

TEST(FunctionalTest, AProgramNamesTheInputThatDoesNotFit) {
  WeightTable table;
  const Json program =
      Called(TotalAndCount("p", table),
             Json::array({Json::array({TensorJson("a"), TensorJson("gain"), TensorJson("gain")})}));
  const Json json = FunctionalJson({InputJson("a", kSequence), InputJson("gain", kVector), program},
                                   {At("a"), At("gain")}, {At("p")});

  EXPECT_THAT(Create(json, table),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("input 'b' of the program is given a tensor without a time axis"),
                       "MODEL_CONFIG"));
}

TEST(FunctionalTest, TheTimestepsOfAStepFollowFromTheFloatsOfItsOutputs) {
  WeightTable table;
  const Json last = Called(Doubling("last", Json::object(), table), {TensorJson("a")});
  const Json ten = Called(Times("ten", 10, table), {TensorJson("a")});
  const auto mixed = Create(
      FunctionalJson({InputJson("a", kSequence), last, ten}, {At("a")}, {At("ten"), At("last")}),
      table);
  const auto end =
      Create(FunctionalJson({InputJson("a", kSequence), last}, {At("a")}, {At("last")}), table);
  ASSERT_THAT(mixed, IsOk());
  ASSERT_THAT(end, IsOk());

  EXPECT_EQ((*mixed)->StepOutputFloats(5), 6);
  EXPECT_EQ((*mixed)->TimestepsOfStepOutput(6), 5);
  EXPECT_EQ((*mixed)->TimestepsOfStepOutput(1), std::nullopt);
  EXPECT_EQ((*end)->StepOutputFloats(5), 1);
  EXPECT_EQ((*end)->TimestepsOfStepOutput(1), 1);
  EXPECT_EQ((*end)->TimestepsOfStepOutput(2), std::nullopt);
}

}  // namespace
}  // namespace rnnserve::testing
