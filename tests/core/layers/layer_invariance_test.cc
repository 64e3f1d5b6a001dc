// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the guarantees of all layers, for every kind of layer: the bits of a row depend neither on
// the other rows of the batch nor on how its timesteps are cut into runs, and a run allocates
// nothing. The tests use all masks of four timesteps, one in each of 16 rows, and sizes around the
// padding of a column.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/layers/layer.h"
#include "tests/core/layers/layer_fixture.h"
#include "tests/support/malloc_counter.h"
#include "tests/support/program_texts.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

constexpr int kTime = 4;
constexpr int64_t kFeatures = 18;

struct LayerCase {
  std::string name;
  Json object;
  bool reads_token_ids = false;
};

Json Units(int units, const Json& options = Json::object()) {
  Json config = {{"units", units}, {"return_sequences", true}};
  config.update(options);
  return config;
}

Json Stack() {
  const Json cells = {Object("LSTMCell", {{"units", 3}}), Object("GRUCell", {{"units", 17}}),
                      Object("SimpleRNNCell", {{"units", 5}})};
  return Object("StackedRNNCells", {{"cells", cells}});
}

Json ProgramCell(const std::string& program, const Json& options = Json::object()) {
  Json config = {{"cell", ProgramCellObject(program)}, {"return_sequences", true}};
  config.update(options);
  return Object("RNN", config);
}

Json StackWithPrograms() {
  const Json cells = {ProgramCellObject(GruText(kFeatures, 5)), Object("LSTMCell", {{"units", 17}}),
                      ProgramCellObject(SimpleRnnText(17, 3))};
  return Object("StackedRNNCells", {{"cells", cells}});
}

// Returns a program with two outputs, the second of which has more elements than the first, and
// states of two ranks: a sum and the last two inputs.
std::string TwoOutputsText() {
  return R"({
    "program_version": 1,
    "inputs": [{"name": "x", "shape": [18]}],
    "states": [{"name": "sum", "shape": [18], "next": "sum2"},
               {"name": "last", "shape": [2, 18], "next": "last2"}],
    "weights": {"kernel": [36, 19]},
    "operations": [
      {"op": "add", "in": ["sum", "x"], "out": "sum2"},
      {"op": "reshape", "in": ["x"], "out": "row", "shape": [1, 18]},
      {"op": "concat", "in": ["last", "row"], "out": "three", "axis": 0},
      {"op": "slice", "in": ["three"], "out": "last2", "slices": [[1, 3], [0, 18]]},
      {"op": "reshape", "in": ["last2"], "out": "flat", "shape": [36]},
      {"op": "dot", "in": ["flat", "kernel"], "out": "y", "equation": "a,ac->c"}],
    "outputs": [{"name": "total", "value": "sum2"}, {"name": "y", "value": "y"}]})";
}

// Returns a program without states.
std::string StatelessText() {
  return R"({
    "program_version": 1,
    "inputs": [{"name": "x", "shape": [18]}],
    "weights": {"kernel": [18, 19]},
    "operations": [
      {"op": "dot", "in": ["x", "kernel"], "out": "z", "equation": "a,ac->c"},
      {"op": "gelu", "in": ["z"], "out": "y"}],
    "outputs": [{"name": "y", "value": "y"}, {"name": "x", "value": "x"}]})";
}

Json Bidirectional(const Json& layer, const std::string& merge_mode) {
  return Object("Bidirectional", {{"layer", layer}, {"merge_mode", merge_mode}});
}

std::vector<LayerCase> StreamableCases() {
  const Json zero = {{"zero_output_for_mask", true}};
  const Json last = {{"return_sequences", false}};
  const Json last_zero = {{"return_sequences", false}, {"zero_output_for_mask", true}};
  return {
      {"SimpleRnn", Object("SimpleRNN", Units(19))},
      {"Lstm", Object("LSTM", Units(19))},
      {"LstmZero", Object("LSTM", Units(16, zero))},
      {"LstmLast", Object("LSTM", Units(19, last))},
      {"LstmLastZero", Object("LSTM", Units(19, last_zero))},
      {"Gru", Object("GRU", Units(19))},
      {"GruResetBefore", Object("GRU", Units(7, {{"reset_after", false}}))},
      {"Stack", Object("RNN", {{"cell", Stack()}, {"return_sequences", true}})},
      {"Dense", Object("Dense", {{"units", 19}, {"activation", "softmax"}})},
      {"Activation", Object("Activation", {{"activation", "gelu"}})},
      {"Relu", Object("ReLU", {{"negative_slope", 0.1}, {"max_value", 0.5}, {"threshold", 0.1}})},
      {"LeakyRelu", Object("LeakyReLU")},
      {"Elu", Object("ELU", {{"alpha", 0.7}})},
      {"Softmax", Object("Softmax")},
      {"LayerNormalization", Object("LayerNormalization")},
      {"Dropout", Object("Dropout", {{"rate", 0.5}})},
      {"Masking", Object("Masking", {{"mask_value", 0.0}})},
      {"TimeDistributed", Object("TimeDistributed", {{"layer", Object("Dense", {{"units", 3}})}})},
      {"TimeDistributedSoftmax", Object("TimeDistributed", {{"layer", Object("Softmax")}})},
      {"Rescaling", Object("Rescaling", {{"scale", 0.3}, {"offset", 0.1}})},
      {"Prelu", Object("PReLU", {{"shared_axes", {1}}})},
      {"RmsNormalization", Object("RMSNormalization")},
      {"UnitNormalization", Object("UnitNormalization")},
      {"Reshape", Object("Reshape", {{"target_shape", {-1, 3, 6}}})},
      {"GlobalAverage", Object("GlobalAveragePooling1D")},
      {"GlobalMaximum", Object("GlobalMaxPooling1D")},
      {"ConvCausal",
       Object("Conv1D", {{"filters", 19}, {"kernel_size", 3}, {"padding", "causal"}})},
      {"ConvOneStep", Object("Conv1D", {{"filters", 19}, {"kernel_size", 1}})},
      {"Embedding",
       Object("Embedding", {{"input_dim", 9}, {"output_dim", 19}, {"mask_zero", true}}), true},
      {"ProgramSimpleRnn", ProgramCell(SimpleRnnText(kFeatures, 19))},
      {"ProgramLstmZero", ProgramCell(LstmText(kFeatures, 16), zero)},
      {"ProgramGruLast", ProgramCell(GruText(kFeatures, 19), last)},
      {"ProgramMlstm", ProgramCell(MlstmText(2, 9))},
      {"ProgramGatedDeltaNetLastZero", ProgramCell(GatedDeltaNetText(3, 6), last_zero)},
      {"ProgramMamba", ProgramCell(MambaText(kFeatures, 8))},
      {"ProgramStack", Object("RNN", {{"cell", StackWithPrograms()}, {"return_sequences", true}})},
      {"ProgramLayer", ProgramLayerObject(TwoOutputsText())},
      {"ProgramLayerZero", ProgramLayerObject(TwoOutputsText(), zero)},
      {"ProgramLayerRwkv7", ProgramLayerObject(Rwkv7Text(2, 9))},
      {"ProgramLayerStateless", ProgramLayerObject(StatelessText())},
  };
}

std::vector<LayerCase> AllCases() {
  const Json lstm = Object("LSTM", Units(19));
  const Json gru_last = Object("GRU", Units(16, {{"return_sequences", false}}));
  std::vector<LayerCase> cases = StreamableCases();
  cases.push_back({"LstmBackwards", Object("LSTM", Units(19, {{"go_backwards", true}}))});
  cases.push_back(
      {"ConvSame", Object("Conv1D", {{"filters", 19}, {"kernel_size", 3}, {"padding", "same"}})});
  cases.push_back({"Separable", Object("SeparableConv1D", {{"filters", 19}, {"kernel_size", 2}})});
  cases.push_back({"MaxPooling", Object("MaxPooling1D", {{"pool_size", 2}})});
  cases.push_back({"ZeroPadding", Object("ZeroPadding1D")});
  cases.push_back({"GroupNormalization", Object("GroupNormalization", {{"groups", 3}})});
  cases.push_back({"BidirectionalConcat", Bidirectional(lstm, "concat")});
  cases.push_back({"BidirectionalAverage", Bidirectional(lstm, "ave")});
  cases.push_back({"BidirectionalLast", Bidirectional(gru_last, "concat")});
  return cases;
}

class LayerInvarianceTest : public ::testing::TestWithParam<LayerCase> {
 protected:
  void SetUp() override {
    const LayerCase& test = GetParam();
    auto built =
        Build(test.object, test.reads_token_ids ? TokenIds() : Sequences(kFeatures), weights_);
    ASSERT_THAT(built, IsOk());
    layer_ = *std::move(built);
    if (test.reads_token_ids) {
      x_ = Counting(static_cast<int64_t>(masks_.size()), kTime, 1);
      for (auto& row : x_) {
        for (auto& timestep : row)
          timestep[0] = static_cast<float>(static_cast<int>(timestep[0]) % 9);
      }
    } else {
      x_ = Random(static_cast<int64_t>(masks_.size()), kTime, kFeatures, 1);
      // Masking masks this timestep.
      for (auto& row : x_) row[2].assign(row[2].size(), 0.0f);
    }
  }

  size_t num_outputs() const { return 1 + layer_->more_outputs().size(); }

  // Returns the bits of all states of a row.
  std::vector<uint32_t> StateBits(const PreparedRun& run, size_t b) const {
    std::vector<uint32_t> bits;
    for (size_t k = 0; k < layer_->states().size(); ++k) {
      const auto state = Bits(Table{run.state(k)[b]});
      bits.insert(bits.end(), state.begin(), state.end());
    }
    return bits;
  }

  void ExpectSameRow(const PreparedRun& actual, size_t actual_row, const PreparedRun& expected,
                     size_t expected_row) const {
    for (size_t k = 0; k < num_outputs(); ++k) {
      EXPECT_EQ(Bits(actual.output(k)[actual_row]), Bits(expected.output(k)[expected_row]));
    }
    EXPECT_EQ(StateBits(actual, actual_row), StateBits(expected, expected_row));
    ASSERT_EQ(actual.output_mask().empty(), expected.output_mask().empty());
    if (!expected.output_mask().empty()) {
      EXPECT_EQ(actual.output_mask()[actual_row], expected.output_mask()[expected_row]);
    }
  }

  const MaskBits masks_ = EveryMask(kTime);
  AnyWeights weights_;
  std::unique_ptr<Layer> layer_;
  Values x_;
};

TEST_P(LayerInvarianceTest, ARowAloneEqualsTheRowInABatch) {
  const auto together = RunLayer(*layer_, x_, masks_);

  for (size_t b = 0; b < x_.size(); ++b) {
    SCOPED_TRACE(::testing::Message() << "mask " << ::testing::PrintToString(masks_[b]));
    ExpectSameRow(RunLayer(*layer_, {x_[b]}, {masks_[b]}), 0, together, b);
  }
}

TEST_P(LayerInvarianceTest, TheOrderOfTheRowsDoesNotMatter) {
  const Values x(x_.rbegin(), x_.rend());
  const MaskBits masks(masks_.rbegin(), masks_.rend());

  const auto forward = RunLayer(*layer_, x_, masks_);
  const auto reversed = RunLayer(*layer_, x, masks);

  for (size_t b = 0; b < x_.size(); ++b) ExpectSameRow(reversed, x_.size() - 1 - b, forward, b);
}

TEST_P(LayerInvarianceTest, AnAllTrueMaskEqualsNoMask) {
  const auto with = RunLayer(*layer_, x_, MaskBits(x_.size(), std::vector<int>(kTime, 1)));
  const auto without = RunLayer(*layer_, x_);

  for (size_t k = 0; k < num_outputs(); ++k) {
    EXPECT_EQ(Bits(with.output(k)), Bits(without.output(k)));
  }
  for (size_t b = 0; b < x_.size(); ++b) EXPECT_EQ(StateBits(with, b), StateBits(without, b));
}

TEST_P(LayerInvarianceTest, ARunAllocatesNothing) {
  PreparedRun run(*layer_, x_, masks_);

  const MallocCounter allocations;
  run.Run();

  EXPECT_EQ(allocations.count(), 0);
}

INSTANTIATE_TEST_SUITE_P(Layers, LayerInvarianceTest, ::testing::ValuesIn(AllCases()),
                         [](const auto& test) { return test.param.name; });

// These guarantees hold only for layers that can stream.
class LayerStreamingTest : public LayerInvarianceTest {
 protected:
  // Runs the timesteps in pieces that end at these times, from the initial states, and checks that
  // each piece gives the results of the whole run.
  void ExpectPiecesEqualWhole(const std::vector<size_t>& ends) const {
    const auto whole = RunLayer(*layer_, x_, masks_);
    StateColumns states;
    size_t begin = 0;
    for (const size_t end : ends) {
      const auto piece =
          RunLayer(*layer_, Slice(x_, begin, end), Slice(masks_, begin, end), states);
      for (size_t k = 0; k < num_outputs(); ++k) {
        if (layer_->output().has_time) {
          EXPECT_EQ(Bits(piece.output(k)), Bits(Slice(whole.output(k), begin, end)));
        } else if (end == kTime) {
          EXPECT_EQ(Bits(piece.output(k)), Bits(whole.output(k)));
        }
      }
      if (!whole.output_mask().empty()) {
        EXPECT_EQ(piece.output_mask(), Slice(whole.output_mask(), begin, end));
      }
      if (end == kTime) {
        for (size_t b = 0; b < x_.size(); ++b) EXPECT_EQ(StateBits(piece, b), StateBits(whole, b));
      }
      states = piece.state_columns();
      begin = end;
    }
  }
};

TEST_P(LayerStreamingTest, SingleTimestepsEqualOneRun) {
  ASSERT_TRUE(layer_->can_stream());

  ExpectPiecesEqualWhole({1, 2, 3, 4});
}

TEST_P(LayerStreamingTest, AnyCutInTwoEqualsOneRun) {
  for (const size_t cut : {1, 2, 3}) {
    SCOPED_TRACE(::testing::Message() << "cut behind timestep " << cut);
    ExpectPiecesEqualWhole({cut, kTime});
  }
}

INSTANTIATE_TEST_SUITE_P(Layers, LayerStreamingTest, ::testing::ValuesIn(StreamableCases()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace rnnserve::testing
