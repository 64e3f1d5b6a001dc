// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests models of a few units whose results can be computed by hand. The goldens show that the
// layers compute what Keras computes.

#include "core/model/model.h"

#include <gtest/gtest.h>

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

// Returns a recurrent layer of one unit, h := 2 h + x.
Json Doubling(const std::string& name, bool return_sequences, WeightTable& table) {
  Add(table, name + "/kernel", {1, 1}, {1});
  Add(table, name + "/recurrent_kernel", {1, 1}, {2});
  return LayerJson("SimpleRNN", name,
                   {{"units", 1},
                    {"activation", "linear"},
                    {"use_bias", false},
                    {"return_sequences", return_sequences}});
}

// Returns a layer with y = factor x.
Json Times(const std::string& name, float factor, WeightTable& table) {
  Add(table, name + "/kernel", {1, 1}, {factor});
  return LayerJson("Dense", name, {{"units", 1}, {"use_bias", false}});
}

absl::StatusOr<ModelPtr> Create(std::vector<Json> layers, const WeightTable& table,
                                MaskRules mask_rules = MaskRules::kKeras30) {
  const Json json = SequentialJson(std::move(layers));
  WeightTableSource weights(table);
  return Model::Create(KerasConfig(json, "model"), weights, LayerRegistry::BuiltIn(), "digest",
                       mask_rules);
}

// Returns a model that doubles its state, adds the input and multiplies by 10, with an output for
// every timestep.
ModelPtr SequenceModel() {
  WeightTable table;
  return *Create({InputJson(1), Doubling("rnn", true, table), Times("ten", 10, table)}, table);
}

// Returns the same model with one output after the last timestep.
ModelPtr LastModel() {
  WeightTable table;
  return *Create({InputJson(1), Doubling("rnn", false, table), Times("ten", 10, table)}, table);
}

// Returns a model that masks -1 and then doubles its state and adds the input.
ModelPtr MaskingModel() {
  WeightTable table;
  return *Create({InputJson(1), LayerJson("Masking", "masking", {{"mask_value", -1.0}}),
                  Doubling("rnn", true, table)},
                 table);
}

// A workspace that is filled and read with plain numbers.
class Runner {
 public:
  Runner(const ModelPtr& model, int64_t batch, int64_t time)
      : model_(model), workspace_(*model, batch, {time}) {
    for (int64_t b = 0; b < batch; ++b) {
      const auto initial = model->initial_state();
      std::copy(initial.begin(), initial.end(), workspace_.states().column(b));
    }
  }

  // Runs rows of timesteps of one feature. The mask has the same form, or is empty.
  void RunSequencePart(const std::vector<std::vector<float>>& x,
                       const std::vector<std::vector<int>>& mask = {}) {
    workspace_.SetTimes({static_cast<int64_t>(x[0].size())});
    const Sequence input = workspace_.input();
    for (size_t b = 0; b < x.size(); ++b) {
      for (size_t t = 0; t < x[b].size(); ++t) {
        input.At(static_cast<int64_t>(t)).column(static_cast<int64_t>(b))[0] = x[b][t];
        if (mask.empty()) continue;
        workspace_.mask()[b * x[b].size() + t] = static_cast<uint8_t>(mask[b][t]);
      }
    }
    workspace_.UseMask(0, !mask.empty());
    model_->RunSequencePart(workspace_);
  }

  std::vector<float> Output(int64_t b) {
    const ConstSequence output = model_->output(workspace_);
    std::vector<float> values;
    for (int64_t t = 0; t < output.time; ++t) values.push_back(output.At(t).column(b)[0]);
    return values;
  }

  float* state(int64_t b) { return workspace_.states().column(b); }
  Workspace& workspace() { return workspace_; }

 private:
  ModelPtr model_;
  Workspace workspace_;
};

TEST(ModelTest, RunsEveryRowThroughAllLayers) {
  Runner runner(SequenceModel(), 2, 3);

  runner.RunSequencePart({{1, 1, 1}, {0, 1, 0}});

  EXPECT_THAT(runner.Output(0), ElementsAre(10, 30, 70));
  EXPECT_THAT(runner.Output(1), ElementsAre(0, 10, 20));
}

TEST(ModelTest, ContinuesFromTheStatesOfTheLastRun) {
  Runner runner(SequenceModel(), 1, 2);

  runner.RunSequencePart({{1, 1}});
  runner.RunSequencePart({{1}});

  EXPECT_THAT(runner.Output(0), ElementsAre(70));
  EXPECT_EQ(runner.state(0)[0], 7);
}

TEST(ModelTest, RunsTheTailOnlyWhenRequested) {
  const ModelPtr model = LastModel();
  Runner runner(model, 1, 2);
  ASSERT_FALSE(model->outputs().front().spec.has_time);

  runner.RunSequencePart({{1, 1}});
  EXPECT_THAT(runner.Output(0), ElementsAre(0));

  model->RunTail(runner.workspace());
  EXPECT_THAT(runner.Output(0), ElementsAre(30));
}

TEST(ModelTest, HasAnEmptyTailIfTheLastLayerDropsTheTime) {
  WeightTable table;
  const ModelPtr model = *Create({InputJson(1), Doubling("rnn", false, table)}, table);
  Runner runner(model, 1, 2);

  runner.RunSequencePart({{1, 1}});
  model->RunTail(runner.workspace());

  EXPECT_FALSE(model->outputs().front().spec.has_time);
  EXPECT_THAT(runner.Output(0), ElementsAre(3));
}

TEST(ModelTest, HandsTheMaskOfTheCallToTheFirstLayer) {
  Runner runner(SequenceModel(), 2, 3);

  runner.RunSequencePart({{1, 9, 1}, {9, 1, 1}}, {{1, 0, 1}, {0, 1, 1}});

  EXPECT_THAT(runner.Output(0), ElementsAre(10, 10, 30));
  EXPECT_THAT(runner.Output(1), ElementsAre(0, 10, 30));
}

TEST(ModelTest, HandsTheMaskThroughARecurrentLayerAccordingToTheRules) {
  WeightTable table;
  const std::vector<Json> layers = {InputJson(1), Doubling("first", true, table),
                                    Doubling("second", true, table)};
  const std::vector<std::vector<int>> mask = {{1, 0, 1}};
  Runner handed_on(*Create(layers, table, MaskRules::kKeras30), 1, 3);
  Runner stopped(*Create(layers, table, MaskRules::kKeras316), 1, 3);

  handed_on.RunSequencePart({{1, 5, 1}}, mask);
  stopped.RunSequencePart({{1, 5, 1}}, mask);

  // The first layer gives 1, 1, 3 in both cases.
  EXPECT_THAT(handed_on.Output(0), ElementsAre(1, 1, 5));
  EXPECT_THAT(stopped.Output(0), ElementsAre(1, 3, 9));
}

TEST(ModelTest, HandsTheMaskOfALayerToTheNext) {
  Runner runner(MaskingModel(), 1, 3);

  runner.RunSequencePart({{1, -1, 1}}, {{0, 0, 0}});

  EXPECT_THAT(runner.Output(0), ElementsAre(1, 1, 3));
}

TEST(ModelTest, ForgetsTheLastOutputWhenStatesAreReplaced) {
  const ModelPtr model = MaskingModel();
  Runner runner(model, 1, 1);
  runner.RunSequencePart({{1}});

  runner.state(0)[0] = 5;
  model->OnStatesReplaced(runner.state(0));
  runner.RunSequencePart({{-1}});

  EXPECT_THAT(runner.Output(0), ElementsAre(0));
  EXPECT_EQ(runner.state(0)[0], 5);
}

TEST(ModelTest, LaysOutTheStatesOfAllLayers) {
  WeightTable table;
  Add(table, "lstm/kernel", {1, 80}, std::vector<float>(80));
  Add(table, "lstm/recurrent_kernel", {20, 80}, std::vector<float>(1600));
  const ModelPtr model = *Create({InputJson(1), Doubling("rnn", true, table),
                                  LayerJson("LSTM", "lstm", {{"units", 20}, {"use_bias", false}})},
                                 table);
  const StateLayout& layout = model->state_layout();

  ASSERT_EQ(layout.tensors.size(), 3);
  EXPECT_EQ(layout.tensors[0].layer, "rnn");
  EXPECT_EQ(layout.tensors[1].layer, "lstm");
  EXPECT_EQ(layout.tensors[1].name, "h");
  EXPECT_EQ(layout.tensors[2].name, "c");
  EXPECT_EQ(layout.tensors[2].shape, Shape({20}));
  // The block holds h and the last output of one unit, 16 floats each, then h, c and the last
  // output of 20 units, 32 floats each.
  EXPECT_EQ(layout.tensors[1].offset, 32);
  EXPECT_EQ(layout.tensors[2].offset, 64);
  EXPECT_EQ(layout.size, 32 + 3 * 32);
  EXPECT_EQ(static_cast<int64_t>(model->initial_state().size()), layout.size);
}

TEST(ModelTest, ReportsItsShapesAndSizes) {
  const ModelPtr model = LastModel();

  EXPECT_EQ(model->digest(), "digest");
  EXPECT_EQ(model->inputs().front().name, "x");
  EXPECT_EQ(model->inputs().front().spec.shape, Shape({1}));
  EXPECT_EQ(model->outputs().front().name, "ten");
  EXPECT_EQ(model->outputs().front().spec.shape, Shape({1}));
  EXPECT_EQ(model->num_parameters(), 3);
  EXPECT_FALSE(model->inputs().front().is_token_ids);
  EXPECT_TRUE(model->is_streamable());
}

TEST(ModelTest, ReadsTokenIds) {
  WeightTable table;
  Add(table, "embedding/embeddings", {3, 1}, {0, 1, 5});
  const Json embedding = LayerJson("Embedding", "embedding",
                                   {{"input_dim", 3}, {"output_dim", 1}, {"mask_zero", true}});
  const ModelPtr model = *Create({InputJson(0), embedding, Doubling("rnn", true, table)}, table);
  Runner runner(model, 1, 3);

  runner.RunSequencePart({{1, 0, 2}});

  EXPECT_EQ(model->inputs().front().size, 1);
  EXPECT_TRUE(model->inputs().front().is_token_ids);
  EXPECT_EQ(model->inputs().front().num_tokens, 3);
  EXPECT_THAT(runner.Output(0), ElementsAre(1, 1, 7));
}

TEST(ModelTest, NamesTheLayerThatCannotStream) {
  WeightTable table;
  Json backwards = Doubling("back", true, table);
  backwards["config"]["go_backwards"] = true;
  const ModelPtr model = *Create({InputJson(1), Doubling("rnn", true, table), backwards}, table);

  EXPECT_THAT(model->non_streamable_reason(), HasSubstr("layer 'back'"));
}

TEST(ModelTest, RunsWithoutAllocating) {
  const ModelPtr model = LastModel();
  Runner runner(model, 2, 3);
  runner.RunSequencePart({{1, 1, 1}, {0, 1, 0}});

  MallocCounter allocations;
  model->RunSequencePart(runner.workspace());
  model->RunTail(runner.workspace());

  EXPECT_EQ(allocations.count(), 0);
}

TEST(ModelTest, RefusesAModelWithoutFeaturesOrTokenIds) {
  WeightTable table;

  EXPECT_THAT(Create({InputJson(0), Doubling("rnn", true, table)}, table),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("layer 'x'"), "MODEL_CONFIG"));
}

TEST(ModelTest, RefusesARecurrentLayerAfterOneThatDropsTheTime) {
  WeightTable table;

  EXPECT_THAT(
      Create({InputJson(1), Doubling("a", false, table), Doubling("b", true, table)}, table),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("layer 'b'"), "MODEL_CONFIG"));
}

TEST(ModelTest, NamesAWeightOfAnotherShape) {
  WeightTable table;
  const Json layer = Doubling("rnn", true, table);
  table.erase("rnn/kernel");
  Add(table, "rnn/kernel", {1, 2}, {1, 1});

  EXPECT_THAT(Create({InputJson(1), layer}, table),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("'rnn/kernel' has shape [1, 2]; its layer needs [1, 1]"),
                       "MODEL_WEIGHTS"));
}

}  // namespace
}  // namespace rnnserve::testing
