// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests whole programs in the interpreter: states, weights, types at the edge. The operations are
// tested one by one in numpy_cases_test.cc.

#include "core/program/program_interpreter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/program/compiled_program.h"
#include "core/program/read_program.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsNan;

// Reads a program, which must be valid.
Program ReadOrDie(const std::string& text) {
  const auto program = ReadProgram(nlohmann::json::parse(text), "program");
  EXPECT_THAT(program, IsOk());
  return program.value_or(Program());
}

// Runs one step of a program without weights.
ProgramInterpreter::Result RunOnce(const std::string& text, const ProgramInterpreter::Row& row) {
  WeightMap weights;
  const auto interpreter = ProgramInterpreter::Create(ReadOrDie(text), weights);
  EXPECT_THAT(interpreter, IsOk());
  return interpreter->Run(row);
}

TEST(ProgramInterpreterTest, ComputesOutputsAndNextStates) {
  // y = h' = tanh(0) + (x . kernel) + decay * h
  WeightMap weights;
  weights.Add("kernel", {2, 3}, {1, 2, 3, 4, 5, 6});
  weights.Add("decay", {3}, {0.5f, 0, -1});
  const auto interpreter = ProgramInterpreter::Create(ReadOrDie(R"({
    "program_version": 1,
    "inputs": [{"name": "x", "shape": [2]}],
    "states": [{"name": "h", "shape": [3], "next": "h2"}],
    "weights": {"kernel": [2, 3], "decay": [3]},
    "operations": [
      {"op": "dot", "in": ["x", "kernel"], "out": "xw", "equation": "a,ac->c"},
      {"op": "mul", "in": ["h", "decay"], "out": "hd"},
      {"op": "add", "in": ["xw", "hd"], "out": "h2"},
      {"op": "mul", "in": ["h2", 2], "out": "y2"}],
    "outputs": [{"name": "y", "value": "h2"}, {"name": "twice", "value": "y2"}]})"),
                                                      weights);
  ASSERT_THAT(interpreter, IsOk());

  const auto result = interpreter->Run({{{1, 10}}, {{2, 2, 2}}, {}});

  EXPECT_THAT(result.next_states, ElementsAre(ElementsAre(42, 52, 61)));
  EXPECT_THAT(result.outputs, ElementsAre(ElementsAre(42, 52, 61), ElementsAre(84, 104, 122)));
}

TEST(ProgramInterpreterTest, PutsTheOverlapInFrontOfTheNextFrame) {
  const char* text = R"({
    "program_version": 1,
    "inputs": [{"name": "x", "shape": [3], "overlap": 2}],
    "operations": [{"op": "neg", "in": ["x"], "out": "y"}],
    "outputs": [{"name": "y", "value": "y"}]})";

  const auto first = RunOnce(text, {{{1, 2, 3}}, {{0, 0}}, {}});
  const auto second = RunOnce(text, {{{4, 5, 6}}, first.next_states, {}});

  EXPECT_THAT(first.outputs, ElementsAre(ElementsAre(0, 0, -1, -2, -3)));
  EXPECT_THAT(first.next_states, ElementsAre(ElementsAre(2, 3)));
  EXPECT_THAT(second.outputs, ElementsAre(ElementsAre(-2, -3, -4, -5, -6)));
  EXPECT_THAT(second.next_states, ElementsAre(ElementsAre(5, 6)));
}

TEST(ProgramInterpreterTest, KeepsAnOverlapThatIsLongerThanTheFrame) {
  const char* text = R"({
    "program_version": 1,
    "inputs": [{"name": "x", "shape": [1], "overlap": 3}],
    "outputs": [{"name": "y", "value": "x"}]})";

  const auto result = RunOnce(text, {{{4}}, {{1, 2, 3}}, {}});

  EXPECT_THAT(result.outputs, ElementsAre(ElementsAre(1, 2, 3, 4)));
  EXPECT_THAT(result.next_states, ElementsAre(ElementsAre(2, 3, 4)));
}

TEST(ProgramInterpreterTest, GivesNanForWholeNumbersThatAFloatMayNotHold) {
  const char* text = R"({
    "program_version": 1,
    "inputs": [{"name": "x", "shape": [3], "type": "int32"}],
    "operations": [{"op": "add", "in": ["x", 1], "out": "y"}],
    "outputs": [{"name": "y", "value": "y"}]})";

  const auto result = RunOnce(text, {{{16777214, 16777215, 16777216}}, {}, {}});

  EXPECT_THAT(result.outputs, ElementsAre(ElementsAre(16777215, 16777216, IsNan())));
}

TEST(ProgramInterpreterTest, ExchangesTruthValuesAsZeroAndOne) {
  const char* text = R"({
    "program_version": 1,
    "inputs": [{"name": "x", "shape": [3], "type": "bool"}],
    "operations": [{"op": "not", "in": ["x"], "out": "y"}],
    "outputs": [{"name": "y", "value": "y"}]})";

  EXPECT_THAT(RunOnce(text, {{{0, 1, 1}}, {}, {}}).outputs, ElementsAre(ElementsAre(1, 0, 0)));
}

TEST(ProgramInterpreterTest, RefusesWeightsOfAnotherShape) {
  WeightMap weights;
  weights.Add("w", {3}, {1, 2, 3});
  const Program program = ReadOrDie(R"({
    "program_version": 1,
    "inputs": [{"name": "x", "shape": [2]}],
    "weights": {"w": [2]},
    "operations": [{"op": "mul", "in": ["x", "w"], "out": "y"}],
    "outputs": [{"name": "y", "value": "y"}]})");

  EXPECT_THAT(ProgramInterpreter::Create(program, weights),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("[3]"), "MODEL_WEIGHTS"));
}

TEST(ProgramInterpreterTest, RefusesAnInitialStateOfAnotherType) {
  const Program program = ReadOrDie(R"({
    "program_version": 1,
    "inputs": [{"name": "x", "shape": []}],
    "states": [{"name": "n", "shape": [2], "type": "int32", "initial": "n0", "next": "n"}],
    "weights": {"n0": [2]},
    "outputs": [{"name": "y", "value": "n"}]})");
  WeightMap weights;

  weights.Add("n0", {2}, {3, 16777216});
  EXPECT_THAT(ProgramInterpreter::Create(program, weights), IsOk());
  EXPECT_THAT(CompiledProgram::Create(program, weights), IsOk());
  weights.Add("n0", {2}, {3, 0.5f});
  const auto is_refused = StatusIs(
      absl::StatusCode::kInvalidArgument,
      HasSubstr("the state 'n' is int32, but the weight 'n0' that it begins with holds 0.5"),
      "MODEL_WEIGHTS");
  EXPECT_THAT(ProgramInterpreter::Create(program, weights), is_refused);
  EXPECT_THAT(CompiledProgram::Create(program, weights), is_refused);
}

}  // namespace
}  // namespace rnnserve::testing
