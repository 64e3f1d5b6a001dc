// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the time loop of RecurrentLayer with a cell whose numbers can be checked by eye: a
// SimpleRNN of one unit with weights of 1 and no activation, which adds up its inputs.
// recurrent_layer_keras_test.cc compares the gated cells with the numbers of Keras.

#include "core/layers/recurrent_layer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/layers/layer_registry.h"
#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Returns the adding layer with additional options.
std::unique_ptr<Layer> Adder(const Json& options = Json::object()) {
  Json config = {{"units", 1}, {"activation", "linear"}, {"use_bias", false}};
  config.update(options);
  WeightMap weights;
  weights.AddConstant("kernel", {1, 1}, 1.0f);
  weights.AddConstant("recurrent_kernel", {1, 1}, 1.0f);
  auto layer = Build(Object("SimpleRNN", config), Sequences(1), weights);
  EXPECT_THAT(layer, IsOk());
  return *std::move(layer);
}

std::unique_ptr<Layer> SequenceAdder(Json options = Json::object()) {
  options["return_sequences"] = true;
  return Adder(options);
}

TEST(RecurrentLayerTest, ReturnsTheLastOutput) {
  const auto layer = Adder();

  const auto run = RunLayer(*layer, Scalars({{1, 2, 3}, {10, 20, 30}}));

  EXPECT_EQ(run.y(), Scalars({{6}, {60}}));
  EXPECT_EQ(run.state(0), (Table{{6}, {60}}));
  EXPECT_FALSE(layer->output().has_time);
  EXPECT_EQ(layer->output_shape(), Shape({1}));
}

TEST(RecurrentLayerTest, ReturnsEveryOutput) {
  const auto layer = SequenceAdder();

  const auto run = RunLayer(*layer, Scalars({{1, 2, 3}, {10, 20, 30}}));

  EXPECT_EQ(run.y(), Scalars({{1, 3, 6}, {10, 30, 60}}));
  EXPECT_TRUE(layer->output().has_time);
}

TEST(RecurrentLayerTest, RunsOneTimestep) {
  EXPECT_EQ(RunLayer(*Adder(), Scalars({{5}})).y(), Scalars({{5}}));
  EXPECT_EQ(RunLayer(*SequenceAdder(), Scalars({{5}})).y(), Scalars({{5}}));
}

TEST(RecurrentLayerTest, StartsFromTheGivenState) {
  const auto layer = SequenceAdder();

  const auto run =
      RunLayer(*layer, Scalars({{1, 2}, {3, 4}}), {}, ColumnsOf(*layer, {{{100}, {200}}}));

  EXPECT_EQ(run.y(), Scalars({{101, 103}, {203, 207}}));
}

TEST(RecurrentLayerTest, GoingBackwardsLeavesTheOutputInTheOrderOfProcessing) {
  const auto layer = SequenceAdder({{"go_backwards", true}});

  const auto run = RunLayer(*layer, Scalars({{1, 2, 4}}));

  EXPECT_EQ(run.y(), Scalars({{4, 6, 7}}));
  EXPECT_EQ(run.state(0), (Table{{7}}));
}

TEST(RecurrentLayerTest, OnlyForwardLayersCanStream) {
  EXPECT_TRUE(Adder()->can_stream());
  EXPECT_FALSE(Adder({{"go_backwards", true}})->can_stream());
}

TEST(RecurrentLayerMaskTest, MaskedTimestepRepeatsTheOutputAndKeepsTheState) {
  const auto run = RunLayer(*SequenceAdder(), Scalars({{1, 2, 3}}), {{1, 0, 1}});

  EXPECT_EQ(run.y(), Scalars({{1, 1, 4}}));
  EXPECT_EQ(run.state(0), (Table{{4}}));
}

TEST(RecurrentLayerMaskTest, LeadingMaskedTimestepsEmitZeroAndNotTheInitialState) {
  const auto layer = SequenceAdder();

  const auto run =
      RunLayer(*layer, Scalars({{1, 2, 3}}), {{0, 0, 1}}, ColumnsOf(*layer, {{{100}}}));

  EXPECT_EQ(run.y(), Scalars({{0, 0, 103}}));
}

TEST(RecurrentLayerMaskTest, FullyMaskedRowEmitsZeroAndKeepsTheInitialState) {
  const auto last = Adder();
  const auto sequence = SequenceAdder();
  const Values x = Scalars({{1, 2, 3}});

  const auto last_run = RunLayer(*last, x, {{0, 0, 0}}, ColumnsOf(*last, {{{100}}}));
  const auto sequence_run = RunLayer(*sequence, x, {{0, 0, 0}}, ColumnsOf(*sequence, {{{100}}}));

  EXPECT_EQ(last_run.y(), Scalars({{0}}));
  EXPECT_EQ(last_run.state(0), (Table{{100}}));
  EXPECT_EQ(sequence_run.y(), Scalars({{0, 0, 0}}));
  EXPECT_EQ(sequence_run.state(0), (Table{{100}}));
}

TEST(RecurrentLayerMaskTest, TrailingMaskedTimestepsLeaveTheLastOutputThatCounts) {
  const auto run = RunLayer(*Adder(), Scalars({{1, 2, 3, 4}}), {{1, 1, 0, 0}});

  EXPECT_EQ(run.y(), Scalars({{3}}));
}

TEST(RecurrentLayerMaskTest, RowsAreMaskedIndependently) {
  const auto run = RunLayer(*SequenceAdder(), Scalars({{1, 2, 3}, {1, 2, 3}, {1, 2, 3}}),
                            {{1, 1, 1}, {0, 1, 0}, {1, 0, 0}});

  EXPECT_EQ(run.y(), Scalars({{1, 3, 6}, {0, 2, 2}, {1, 1, 1}}));
}

TEST(RecurrentLayerMaskTest, ZeroOutputForMaskEmitsZeroAndKeepsTheState) {
  const auto run = RunLayer(*SequenceAdder({{"zero_output_for_mask", true}}),
                            Scalars({{1, 2, 3, 4, 5}}), {{1, 0, 0, 1, 0}});

  EXPECT_EQ(run.y(), Scalars({{1, 0, 0, 5, 0}}));
  EXPECT_EQ(run.state(0), (Table{{5}}));
}

// The documentation of Keras says that the option matters only with return_sequences, but Keras
// always applies it.
TEST(RecurrentLayerMaskTest, ZeroOutputForMaskAlsoZeroesASingleOutput) {
  const auto layer = Adder({{"zero_output_for_mask", true}});

  EXPECT_EQ(RunLayer(*layer, Scalars({{1, 2, 3}}), {{1, 1, 0}}).y(), Scalars({{0}}));
  EXPECT_EQ(RunLayer(*layer, Scalars({{1, 2, 3}}), {{1, 0, 1}}).y(), Scalars({{4}}));
}

TEST(RecurrentLayerMaskTest, GoingBackwardsProcessesThePaddingFirst) {
  const auto layer = SequenceAdder({{"go_backwards", true}});

  const auto run = RunLayer(*layer, Scalars({{1, 2, 4, 8}}), {{1, 1, 0, 0}});

  EXPECT_EQ(run.y(), Scalars({{0, 0, 2, 3}}));
}

TEST(RecurrentLayerMaskTest, TheMaskIsHandedOnUnreversedAndOnlyWithSequences) {
  const Values x = Scalars({{1, 2, 3}});
  const MaskBits mask = {{1, 1, 0}};

  EXPECT_EQ(RunLayer(*SequenceAdder({{"go_backwards", true}}), x, mask).output_mask(), mask);
  EXPECT_THAT(RunLayer(*Adder(), x, mask).output_mask(), IsEmpty());
  EXPECT_THAT(RunLayer(*SequenceAdder(), x).output_mask(), IsEmpty());
}

TEST(RecurrentLayerMaskTest, NotANumberInAMaskedTimestepDoesNotSpread) {
  const Values x = Scalars({{kNaN, 1, kInfinity, 2, -kInfinity}});
  const MaskBits mask = {{0, 1, 0, 1, 0}};

  EXPECT_EQ(RunLayer(*SequenceAdder(), x, mask).y(), Scalars({{0, 1, 1, 3, 3}}));
  EXPECT_EQ(RunLayer(*SequenceAdder({{"zero_output_for_mask", true}}), x, mask).y(),
            Scalars({{0, 1, 0, 3, 0}}));
  EXPECT_EQ(RunLayer(*Adder(), x, mask).state(0), (Table{{3}}));
}

TEST(RecurrentLayerMaskTest, AnAllTrueMaskChangesNothing) {
  const Values x = Scalars({{1, 2, 3}});

  EXPECT_EQ(Bits(RunLayer(*SequenceAdder(), x, {{1, 1, 1}}).y()),
            Bits(RunLayer(*SequenceAdder(), x).y()));
}

TEST(RecurrentLayerCarryTest, AMaskedCallRepeatsTheOutputOfTheCallBefore) {
  const auto layer = SequenceAdder();
  const auto first = RunLayer(*layer, Scalars({{1, 2}}));

  const auto second = RunLayer(*layer, Scalars({{9, 3}}), {{0, 1}}, first.state_columns());

  EXPECT_EQ(second.y(), Scalars({{3, 6}}));
}

TEST(RecurrentLayerCarryTest, SettingTheStateForgetsTheOutput) {
  const auto layer = SequenceAdder();
  AlignedBuffer column = std::move(RunLayer(*layer, Scalars({{1, 2}})).state_columns()[0]);

  layer->OnStatesReplaced(column.data());
  StateColumns columns;
  columns.push_back(std::move(column));
  const auto run = RunLayer(*layer, Scalars({{9, 3}}), {{0, 1}}, columns);

  EXPECT_EQ(run.y(), Scalars({{0, 6}}));
}

TEST(RecurrentLayerCarryTest, CarriesNoOutputThatNothingReads) {
  EXPECT_EQ(Adder()->state_size(), 2 * kColumnQuantum);
  EXPECT_EQ(Adder({{"zero_output_for_mask", true}})->state_size(), kColumnQuantum);
}

// A cell whose output is not a state and is wider than its state. The state adds up the inputs, and
// the output is ten and twenty times the state. The initial state is 5, as a custom
// get_initial_state may return.
class TenfoldCell final : public Cell {
 public:
  explicit TenfoldCell(std::vector<Shape> constants = {}, int num_states = 1)
      : Cell({.input = {1},
              .output = {2},
              .states = std::vector<StateSpec>(static_cast<size_t>(num_states), {"sum", {1}}),
              .constants = std::move(constants)}) {}

  int64_t num_parameters() const override { return 0; }
  void InitialState(int /*state_index*/, absl::Span<float> value) const override { value[0] = 5; }
  void Step(const CellStep& step) const override {
    for (int64_t b = 0; b < step.x.cols; ++b) {
      const float sum = step.state[0].column(b)[0] + step.x.column(b)[0];
      step.next_state[0].column(b)[0] = sum;
      step.y.column(b)[0] = 10 * sum;
      step.y.column(b)[1] = 20 * sum;
    }
  }
};

absl::StatusOr<std::unique_ptr<Layer>> BuildWithCell(std::vector<Shape> constants, int num_states) {
  CellRegistry cells;
  cells.Register("test>TenfoldCell", [=](const auto&, const auto&, const auto&, auto&) {
    return absl::StatusOr<std::unique_ptr<Cell>>(
        std::make_unique<TenfoldCell>(constants, num_states));
  });
  const Json cell = {{"class_name", "TenfoldCell"}, {"registered_name", "test>TenfoldCell"}};
  const Json object = Object("RNN", {{"cell", cell}, {"return_sequences", true}});
  WeightMap none;
  return LayerRegistry::BuiltIn(std::move(cells))
      .Create(KerasConfig(object, "layer 'layer'"), Sequences(1), none);
}

TEST(RecurrentLayerCellTest, AMaskedTimestepRepeatsTheOutputAndNotTheState) {
  const auto layer = BuildWithCell({}, 1);
  ASSERT_THAT(layer, IsOk());

  const auto run = RunLayer(**layer, Scalars({{9, 1, 9, 2}}), {{0, 1, 0, 1}});

  EXPECT_EQ(run.y(), (Values{{{0, 0}, {60, 120}, {60, 120}, {80, 160}}}));
  EXPECT_EQ(run.state(0), (Table{{8}}));
}

TEST(RecurrentLayerCellTest, LimitsTheNumberOfStates) {
  EXPECT_THAT(BuildWithCell({}, RecurrentLayer::kMaxStates), IsOk());
  EXPECT_THAT(
      BuildWithCell({}, RecurrentLayer::kMaxStates + 1),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("65 states"), "OPTION_UNSUPPORTED"));
}

TEST(RecurrentLayerCellTest, NamesTheStatesOfTheCell) {
  WeightMap weights;
  weights.AddConstant("kernel", {3, 8}, 0.0f);
  weights.AddConstant("recurrent_kernel", {2, 8}, 0.0f);
  weights.AddConstant("bias", {8}, 0.0f);
  const auto layer = Build(Object("LSTM", {{"units", 2}}), Sequences(3), weights);
  ASSERT_THAT(layer, IsOk());

  ASSERT_EQ((*layer)->states().size(), 2u);
  EXPECT_EQ((*layer)->states()[0].name, "h");
  EXPECT_EQ((*layer)->states()[1].name, "c");
  EXPECT_EQ((*layer)->states()[1].shape, Shape({2}));
  EXPECT_EQ((*layer)->num_parameters(), 24 + 16 + 8);
  EXPECT_EQ((*layer)->name(), "layer");
  EXPECT_EQ((*layer)->class_name(), "LSTM");
}

TEST(RecurrentLayerOptionsTest, StatefulAndUnrollChangeNothing) {
  const auto layer = SequenceAdder({{"stateful", true}, {"unroll", true}, {"time_major", false}});

  EXPECT_EQ(RunLayer(*layer, Scalars({{1, 2}}), {{1, 0}}).y(), Scalars({{1, 1}}));
}

TEST(RecurrentLayerOptionsTest, ReportsThatItReturnsTheState) {
  EXPECT_FALSE(Adder()->returns_state());
  EXPECT_TRUE(Adder({{"return_state", true}})->returns_state());
}

struct BadLayer {
  std::string name;
  Json object;
  ValueSpec input;
  absl::StatusCode code;
  std::string reason;
  std::string text;
};

Json SimpleRnn(const Json& options) {
  Json config = {{"units", 1}};
  config.update(options);
  return Object("SimpleRNN", config);
}

class RecurrentLayerErrorTest : public ::testing::TestWithParam<BadLayer> {};

TEST_P(RecurrentLayerErrorTest, NamesTheLayerAndTheFault) {
  const BadLayer& bad = GetParam();
  WeightMap weights;
  weights.AddConstant("kernel", {2, 1}, 1.0f);

  EXPECT_THAT(Build(bad.object, bad.input, weights),
              StatusIs(bad.code, HasSubstr(bad.text), bad.reason));
}

INSTANTIATE_TEST_SUITE_P(
    All, RecurrentLayerErrorTest,
    ::testing::Values(
        BadLayer{"BehindADroppedTimeAxis", SimpleRnn(Json::object()), Vectors(2),
                 absl::StatusCode::kInvalidArgument, "MODEL_CONFIG",
                 "layer 'layer': the input is incompatible with the layer: expected ndim=3, found "
                 "ndim=2"},
        BadLayer{"TokenIds", SimpleRnn(Json::object()), TokenIds(),
                 absl::StatusCode::kInvalidArgument, "MODEL_CONFIG",
                 "expected ndim=3, found ndim=2"},
        BadLayer{"NotABoolean", SimpleRnn({{"return_sequences", 1}}), Sequences(2),
                 absl::StatusCode::kInvalidArgument, "MODEL_CONFIG", "'return_sequences' is 1"},
        BadLayer{"TimeMajor", SimpleRnn({{"time_major", true}}), Sequences(2),
                 absl::StatusCode::kUnimplemented, "OPTION_UNSUPPORTED",
                 "layer 'layer': time_major"},
        BadLayer{"NoCell", Object("RNN"), Sequences(2), absl::StatusCode::kInvalidArgument,
                 "MODEL_CONFIG", "layer 'layer': 'cell'"},
        BadLayer{"UnknownCell", Object("RNN", {{"cell", Object("OddCell")}}), Sequences(2),
                 absl::StatusCode::kUnimplemented, "CELL_UNSUPPORTED", "OddCell"},
        BadLayer{"MissingWeight", SimpleRnn(Json::object()), Sequences(2),
                 absl::StatusCode::kInvalidArgument, "MODEL_WEIGHTS", "recurrent_kernel"},
        BadLayer{"WrongInputSize", SimpleRnn(Json::object()), Sequences(3),
                 absl::StatusCode::kInvalidArgument, "MODEL_WEIGHTS", "[3, 1]"}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace rnnserve::testing
