// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests which names pair, and that everything ambiguous is refused.

#include "core/import/onnx/state_pairs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/import/onnx/onnx_file.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

struct Named {
  const char* input;
  const char* output;
};

class NamesPairTest : public ::testing::TestWithParam<Named> {};

TEST_P(NamesPairTest, Pairs) {
  EXPECT_TRUE(NamesPair(GetParam().input, GetParam().output));
  EXPECT_FALSE(NamesPair(GetParam().output, GetParam().output));
}

INSTANTIATE_TEST_SUITE_P(
    Names, NamesPairTest,
    ::testing::Values(Named{"h", "hn"}, Named{"state", "stateN"}, Named{"x_in", "x_out"},
                      Named{"cache", "cache_out"}, Named{"h0", "hn"}, Named{"h_0", "h_n"},
                      Named{"past_key_values.0.key", "present.0.key"}, Named{"past_0", "present_0"},
                      Named{"in_state", "out_state"}, Named{"prev_h", "next_h"},
                      Named{"hidden", "new_hidden"}),
    [](const auto& named) { return "Case" + std::to_string(named.index); });

TEST(StatePairsTest, DoesNotPairNumbersOrOtherNames) {
  EXPECT_FALSE(NamesPair("input_1", "output_1"));
  EXPECT_FALSE(NamesPair("input", "output"));
  EXPECT_FALSE(NamesPair("input_3", "tf_op_layer_stack_2"));
  EXPECT_FALSE(NamesPair("h", "cn"));
}

onnx::ModelProto Model(const std::vector<std::string>& inputs,
                       const std::vector<std::string>& outputs) {
  onnx::ModelProto model = EmptyOnnx();
  for (const std::string& name : inputs) AddInput(*model.mutable_graph(), name, {"1", "2"});
  for (const std::string& name : outputs) AddOutput(*model.mutable_graph(), name, {"1", "2"});
  return model;
}

TEST(StatePairsTest, PairsByNameAndNotByPosition) {
  const OnnxModel model = Read(Model({"x", "h", "c"}, {"cn", "y", "hn"}));

  EXPECT_THAT(*PairStates(model.graph, {}), ElementsAre(Pair("c", "cn"), Pair("h", "hn")));
}

TEST(StatePairsTest, RefusesTwoCandidates) {
  const OnnxModel model = Read(Model({"h"}, {"hn", "h_out"}));

  EXPECT_THAT(PairStates(model.graph, {}),
              IsError(absl::StatusCode::kInvalidArgument, "ONNX_STATES", "'hn', 'h_out'"));
}

TEST(StatePairsTest, RefusesOneOutputForTwoStates) {
  const OnnxModel model = Read(Model({"h", "h0"}, {"hn"}));

  EXPECT_THAT(PairStates(model.graph, {}),
              IsError(absl::StatusCode::kInvalidArgument, "ONNX_STATES", "--state"));
}

TEST(StatePairsTest, RefusesPairsOfDifferentShapes) {
  onnx::ModelProto proto = Model({"h"}, {});
  AddOutput(*proto.mutable_graph(), "hn", {"1", "3"});

  EXPECT_THAT(PairStates(Read(proto).graph, {}),
              IsError(absl::StatusCode::kInvalidArgument, "ONNX_STATES", "--state h=none"));
}

TEST(StatePairsTest, OptionsDecide) {
  const OnnxModel model = Read(Model({"h", "a"}, {"hn", "h_out", "b"}));
  OnnxOptions options;
  options.state = {{"h", "h_out"}, {"a", "b"}};

  EXPECT_THAT(*PairStates(model.graph, options), ElementsAre(Pair("a", "b"), Pair("h", "h_out")));
  options.state = {{"h", ""}};
  EXPECT_THAT(*PairStates(model.graph, options), IsEmpty());
}

TEST(StatePairsTest, RefusesOptionsThatNameNothing) {
  const OnnxModel model = Read(Model({"h"}, {"hn"}));
  OnnxOptions options;
  options.state = {{"nothing", "hn"}};
  EXPECT_THAT(PairStates(model.graph, options),
              IsError(absl::StatusCode::kInvalidArgument, "MODEL_CONFIG", "'nothing'"));
  options.state = {{"h", "nothing"}};
  EXPECT_THAT(PairStates(model.graph, options),
              IsError(absl::StatusCode::kInvalidArgument, "MODEL_CONFIG", "'nothing'"));
}

TEST(StatePairsTest, NamesCandidatesOfEqualShape) {
  const OnnxModel model = Read(Model({"input_3"}, {"stack_2"}));

  EXPECT_EQ(StateCandidates(model.graph, {}), "'input_3' and 'stack_2'");
}

}  // namespace
}  // namespace rnnserve::testing
