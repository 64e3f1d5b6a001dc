// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests what the reader makes of valid programs, and that it refuses all others with a text that
// says where the fault is and what mends it. Each bad program is a small change to a good one.

#include "core/program/read_program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/program/limits.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

// h' = tanh(x . kernel + h); y = h'
Json GoodProgram() {
  return Json::parse(R"({
    "program_version": 1,
    "inputs": [{"name": "x", "shape": [3]}],
    "states": [{"name": "h", "shape": [4], "next": "h2"}],
    "weights": {"kernel": [3, 4]},
    "operations": [
      {"op": "dot", "in": ["x", "kernel"], "out": "xw", "equation": "a,ac->c"},
      {"op": "add", "in": ["xw", "h"], "out": "sum"},
      {"op": "tanh", "in": ["sum"], "out": "h2"}],
    "outputs": [{"name": "y", "value": "h2"}]})");
}

absl::StatusOr<Program> Read(const Json& text) { return ReadProgram(text, "layer 'vad'"); }

// Reads a program whose only operation is `operation`, of x float32 [2, 3], n int32 [2, 3], b bool
// [2, 3], v float32 [4], and i, the int32 literal [0, 1].
absl::StatusOr<Program> ReadOperation(const std::string& operation) {
  Json text = Json::parse(R"({
    "program_version": 1,
    "inputs": [{"name": "x", "shape": [2, 3]}, {"name": "n", "shape": [2, 3], "type": "int32"},
               {"name": "b", "shape": [2, 3], "type": "bool"}, {"name": "v", "shape": [4]},
               {"name": "s", "shape": []}, {"name": "image", "shape": [4, 5, 6]}],
    "literals": {"i": {"type": "int32", "shape": [2], "values": [0, 1]}},
    "outputs": [{"name": "y", "value": "x"}]})");
  text["operations"] = {Json::parse(operation)};
  return Read(text);
}

StatusIsMatcher IsInvalid(const ::testing::Matcher<std::string>& text) {
  return StatusIs(absl::StatusCode::kInvalidArgument, text, "PROGRAM_INVALID");
}

StatusIsMatcher IsTooLarge(const ::testing::Matcher<std::string>& text) {
  return StatusIs(absl::StatusCode::kInvalidArgument, text, "MODEL_TOO_LARGE");
}

TEST(ReadProgramTest, KnowsTypeAndShapeOfEveryValue) {
  const auto program = Read(GoodProgram());

  ASSERT_THAT(program, IsOk());
  const Program::Value& next = program->values[program->states[0].next];
  EXPECT_EQ(next.name, "h2");
  EXPECT_EQ(next.shape, Shape({4}));
  EXPECT_EQ(next.type, ElementType::kFloat32);
  EXPECT_EQ(program->outputs[0].value, program->states[0].next);
  EXPECT_THAT(CheckProgram(*program, "layer 'vad'"), IsOk());
}

TEST(ReadProgramTest, GivesANumberTheTypeOfTheOtherOperands) {
  const auto program = ReadOperation(R"({"op": "add", "in": ["x", 1], "out": "t"})");

  ASSERT_THAT(program, IsOk());
  const Program::Literal& literal = program->literals.back();
  EXPECT_EQ(program->values[literal.value].type, ElementType::kFloat32);
  EXPECT_THAT(std::get<std::vector<float>>(literal.elements), ElementsAre(1.0f));
}

TEST(ReadProgramTest, TellsFloatsFromIntegersByThePointIfAllOperandsAreNumbers) {
  const auto floats = ReadOperation(R"({"op": "where", "in": ["b", 1.0, 0], "out": "t"})");
  const auto integers = ReadOperation(R"({"op": "where", "in": ["b", 1, 0], "out": "t"})");

  ASSERT_THAT(floats, IsOk());
  ASSERT_THAT(integers, IsOk());
  EXPECT_EQ(floats->values[floats->operations[0].results[0]].type, ElementType::kFloat32);
  EXPECT_EQ(integers->values[integers->operations[0].results[0]].type, ElementType::kInt32);
}

TEST(ReadProgramTest, TurnsAnOverlapIntoAStateAConcatAndASlice) {
  Json text = GoodProgram();
  text["inputs"][0] = {{"name", "x"}, {"shape", {2}}, {"overlap", 1}};

  const auto program = Read(text);

  ASSERT_THAT(program, IsOk());
  EXPECT_EQ(program->values[program->inputs[0]].shape, Shape({2}));
  ASSERT_EQ(program->states.size(), 2u);
  EXPECT_EQ(program->values[program->states[1].value].name, "x.overlap");
  EXPECT_EQ(program->values[program->states[1].value].shape, Shape({1}));
  EXPECT_EQ(program->operations[0].code, OpCode::kConcat);
  EXPECT_EQ(program->operations[1].code, OpCode::kSlice);
  EXPECT_EQ(program->values[program->operations[2].operands[0]].shape, Shape({3}));
  const auto again = Read(WriteProgram(*program));
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(WriteProgram(*again), WriteProgram(*program));
}

TEST(ReadProgramTest, RefusesAnotherVersionByItsNumber) {
  Json text = GoodProgram();
  text["program_version"] = 2;
  text["loops"] = Json::array();

  EXPECT_THAT(Read(text), StatusIs(absl::StatusCode::kFailedPrecondition,
                                   AllOf(HasSubstr("layer 'vad'"), HasSubstr("version 2"),
                                         HasSubstr("reads version 1")),
                                   "PROGRAM_VERSION"));
}

TEST(ReadProgramTest, NamesAllUnknownOperationsAtOnce) {
  Json text = GoodProgram();
  text["operations"][0]["op"] = "einsum";
  text["operations"][1]["op"] = "softmax";
  text["operations"].push_back({{"op", "einsum"}, {"in", {"x"}}, {"out", "t"}});

  EXPECT_THAT(Read(text), StatusIs(absl::StatusCode::kUnimplemented,
                                   HasSubstr("'einsum' (operations[0]), 'softmax' (operations[1]);"
                                             " PROGRAMS.md"),
                                   "PROGRAM_UNSUPPORTED"));
}

TEST(ReadProgramTest, NamesAnOperationByNumberResultAndOperands) {
  Json text = GoodProgram();
  text["states"][0]["shape"] = {5};

  EXPECT_THAT(Read(text),
              IsInvalid(AllOf(HasSubstr("layer 'vad': operations[1], sum = add(xw float32 [4], h"
                                        " float32 [5]): the shapes [4] and [5] do not broadcast"),
                              HasSubstr("reshape"))));
}

TEST(ReadProgramTest, RefusesUseBeforeDefinition) {
  Json text = GoodProgram();
  std::swap(text["operations"][1], text["operations"][2]);

  EXPECT_THAT(Read(text), IsInvalid(HasSubstr("operations[1], tanh: it reads 'sum' before"
                                              " operations[2] computes it")));
}

TEST(ReadProgramTest, RefusesACycle) {
  Json text = GoodProgram();
  text["operations"][1]["in"] = {"xw", "h2"};

  EXPECT_THAT(Read(text), IsInvalid(HasSubstr("There are no cycles")));
}

TEST(ReadProgramTest, RefusesAnOperationThatReadsItself) {
  Json text = GoodProgram();
  text["operations"][1]["in"] = {"xw", "sum"};

  EXPECT_THAT(Read(text), IsInvalid(HasSubstr("reads 'sum' before operations[1] computes it")));
}

TEST(ReadProgramTest, RefusesANameThatNothingHas) {
  Json text = GoodProgram();
  text["outputs"][0]["value"] = "h3";

  EXPECT_THAT(Read(text), IsInvalid(HasSubstr("outputs[0]: there is no value 'h3'")));
}

TEST(ReadProgramTest, RefusesAStateThatIsNotWritten) {
  Json text = GoodProgram();
  text["states"][0].erase("next");

  EXPECT_THAT(Read(text), IsInvalid(HasSubstr("states[0], 'h': the state is never written")));
}

TEST(ReadProgramTest, RefusesANextStateOfAnotherShape) {
  Json text = GoodProgram();
  text["states"][0]["next"] = "x";

  EXPECT_THAT(Read(text), IsInvalid(HasSubstr("the state h float32 [4] becomes x float32 [3]")));
}

TEST(ReadProgramTest, RefusesANextStateOfAnotherType) {
  Json text = GoodProgram();
  text["operations"].push_back(Json::parse(R"({"op": "is_nan", "in": ["h2"], "out": "bad"})"));
  text["states"][0]["next"] = "bad";

  EXPECT_THAT(Read(text), IsInvalid(HasSubstr("becomes bad bool [4]; type and shape must stay")));
}

TEST(ReadProgramTest, RefusesAnInitialStateWithoutAWeight) {
  Json text = GoodProgram();
  text["states"][0]["initial"] = "h0";
  EXPECT_THAT(Read(text), IsInvalid(HasSubstr("begins with 'h0', but there is no weight")));

  text["weights"]["h0"] = {3};
  EXPECT_THAT(Read(text), IsInvalid(HasSubstr("begins with the weight 'h0' of shape [3]")));

  text["weights"]["h0"] = {4};
  EXPECT_THAT(Read(text), IsOk());
}

TEST(ReadProgramTest, RefusesANameThatIsGivenTwice) {
  Json text = GoodProgram();
  text["operations"][1]["out"] = "xw";
  EXPECT_THAT(Read(text), IsInvalid(HasSubstr("operations[1], add: there is another value 'xw'")));

  text = GoodProgram();
  text["literals"]["kernel"] = Json::parse(R"({"shape": [], "values": [1.0]})");
  EXPECT_THAT(Read(text), IsInvalid(HasSubstr("there is another value 'kernel'")));

  text = GoodProgram();
  text["outputs"].push_back(text["outputs"][0]);
  EXPECT_THAT(Read(text), IsInvalid(HasSubstr("two outputs have the name 'y'")));
}

TEST(ReadProgramTest, RefusesAWeightThatIsNoFloat) {
  Json text = GoodProgram();
  text["weights"]["kernel"] = {{"type", "int32"}, {"shape", {3, 4}}};

  EXPECT_THAT(Read(text), IsInvalid(AllOf(HasSubstr("the weight 'kernel' is an object"),
                                          HasSubstr("weights are float32"))));
}

TEST(ReadProgramTest, RefusesUnknownKeys) {
  Json text = GoodProgram();
  text["step"] = Json::array();
  EXPECT_THAT(Read(text), IsInvalid(HasSubstr("the key 'step' is not known; the keys are "
                                              "program_version, inputs")));

  text = GoodProgram();
  text["states"][0]["dtype"] = "float32";
  EXPECT_THAT(Read(text), IsInvalid(HasSubstr("states[0]: the key 'dtype' is not known")));

  text = GoodProgram();
  text["operations"][2]["axis"] = 0;
  EXPECT_THAT(Read(text), IsInvalid(HasSubstr("operations[2], tanh: the key 'axis' is not known;"
                                              " the keys are op, in, out")));
}

TEST(ReadProgramTest, RefusesNamesThatAreEmptyTooLongOrReserved) {
  for (const auto& [name, text] : std::vector<std::pair<std::string, std::string>>{
           {"", "empty name"}, {std::string(257, 'a'), "257 bytes"}, {"%1", "begins with '%'"}}) {
    Json program = GoodProgram();
    program["operations"][0]["out"] = name;
    EXPECT_THAT(Read(program), IsInvalid(HasSubstr(text))) << name;
  }
}

struct BadLiteral {
  const char* literal;
  const char* text;
};

class BadLiteralTest : public ::testing::TestWithParam<BadLiteral> {};

TEST_P(BadLiteralTest, IsRefused) {
  Json text = GoodProgram();
  text["literals"]["k"] = Json::parse(GetParam().literal);

  EXPECT_THAT(Read(text), IsInvalid(AllOf(HasSubstr("'k'"), HasSubstr(GetParam().text))));
}

INSTANTIATE_TEST_SUITE_P(
    Literals, BadLiteralTest,
    ::testing::Values(
        BadLiteral{R"({"shape": [1], "values": [1e39]})", "1e+39 is not float32"},
        BadLiteral{R"({"shape": [1], "values": ["inf"]})", "\"inf\" is not float32"},
        BadLiteral{R"({"shape": [1], "values": [null]})", "null is not float32"},
        BadLiteral{R"({"shape": [1], "values": [true]})", "true is not float32"},
        BadLiteral{R"({"type": "int32", "shape": [1], "values": [1.5]})", "1.5 is not int32"},
        BadLiteral{R"({"type": "int32", "shape": [1], "values": [2147483648]})", "is not int32"},
        BadLiteral{R"({"type": "int32", "shape": [1], "values": [-2147483649]})", "is not int32"},
        BadLiteral{R"({"type": "bool", "shape": [1], "values": [1]})", "must be true or false"},
        BadLiteral{R"({"type": "int8", "shape": [1], "values": [1]})",
                   "not float32, int32 or bool"},
        BadLiteral{R"({"shape": [2], "values": [1]})", "1 values, but the shape [2]"},
        BadLiteral{R"({"shape": [1, 1], "values": [[1]]})", "[1] is not float32"},
        BadLiteral{R"({"shape": [0], "values": []})", "every extent must be at least 1"},
        BadLiteral{R"({"values": [1]})", "the key 'shape' is missing"},
        BadLiteral{R"([1])", "not a JSON object"}));

struct BadOperation {
  const char* operation;
  const char* text;
};

class BadOperationTest : public ::testing::TestWithParam<BadOperation> {};

TEST_P(BadOperationTest, IsRefused) {
  EXPECT_THAT(ReadOperation(GetParam().operation),
              IsInvalid(AllOf(HasSubstr("operations[0]"), HasSubstr(GetParam().text))));
}

INSTANTIATE_TEST_SUITE_P(
    Operands, BadOperationTest,
    ::testing::Values(
        BadOperation{R"({"op": "add", "in": ["x"], "out": "t"})", "add takes 2 operands, not 1"},
        BadOperation{R"({"op": "concat", "in": [], "out": "t", "axis": 0})",
                     "concat takes 1 or more operands, not 0"},
        BadOperation{R"({"op": "add", "in": ["x", "n"], "out": "t"})", "convert one of them"},
        BadOperation{R"({"op": "add", "in": ["n", 1.5], "out": "t"})", "convert one of them"},
        BadOperation{R"({"op": "add", "in": ["b", "b"], "out": "t"})",
                     "add takes float32 or int32; convert it with cast"},
        BadOperation{R"({"op": "exp", "in": ["n"], "out": "t"})", "exp takes float32"},
        BadOperation{R"({"op": "not", "in": ["x"], "out": "t"})", "not takes bool"},
        BadOperation{R"({"op": "where", "in": ["x", "x", "x"], "out": "t"})",
                     "a condition is bool"},
        BadOperation{R"({"op": "and", "in": ["b", 1], "out": "t"})", "must be true or false"},
        BadOperation{R"({"op": "take", "in": ["x", "x"], "out": "t", "axis": 0})",
                     "indices are int32"},
        BadOperation{R"({"op": "add", "in": ["x", null], "out": "t"})", "operand 1 is null"},
        BadOperation{R"({"op": "add", "in": ["x", 1e39], "out": "t"})", "1e+39 is not float32"},
        BadOperation{R"({"op": "add", "in": "x", "out": "t"})", "'in' is \"x\", not a list"},
        BadOperation{R"({"op": "add", "in": ["x", "x"]})", "the key 'out' is missing"},
        BadOperation{R"({"op": "add", "in": ["x", "x"], "out": ["t", "u"]})", "1 results here"},
        BadOperation{R"({"op": "top_k", "in": ["x"], "out": "t", "k": 1})", "2 results here"},
        BadOperation{R"({"op": 7, "in": ["x"], "out": "t"})", "whose 'op' names an operation"}));

INSTANTIATE_TEST_SUITE_P(
    AttributesOfMoves, BadOperationTest,
    ::testing::Values(
        BadOperation{R"({"op": "cast", "in": ["x"], "out": "t"})", "the key 'type' is missing"},
        BadOperation{R"({"op": "cast", "in": ["x"], "out": "t", "type": "float16"})",
                     "not float32, int32 or bool"},
        BadOperation{R"({"op": "reshape", "in": ["x"], "out": "t", "shape": [4]})",
                     "[2, 3] has 6 elements, but [4] has 4"},
        BadOperation{R"({"op": "reshape", "in": ["x"], "out": "t", "shape": [-1]})",
                     "every extent must be at least 1"},
        BadOperation{R"({"op": "broadcast", "in": ["x"], "out": "t", "shape": [3, 2]})",
                     "does not broadcast to [3, 2]"},
        BadOperation{R"({"op": "broadcast", "in": ["x"], "out": "t", "shape": [3]})",
                     "does not broadcast to [3]"},
        BadOperation{R"({"op": "transpose", "in": ["x"], "out": "t", "perm": [0, 0]})",
                     "perm names axis 0 twice"},
        BadOperation{R"({"op": "transpose", "in": ["x"], "out": "t", "perm": [1]})",
                     "perm has 1 entries"},
        BadOperation{R"({"op": "transpose", "in": ["x"], "out": "t", "perm": [1, -1]})",
                     "there is no axis -1 in the shape [2, 3]; axes are counted from 0 to 1"},
        BadOperation{R"({"op": "slice", "in": ["v"], "out": "t", "slices": [[0, 5]]})",
                     "leaves the axis"},
        BadOperation{R"({"op": "slice", "in": ["v"], "out": "t", "slices": [[2, 2]]})", "is empty"},
        BadOperation{R"({"op": "slice", "in": ["v"], "out": "t", "slices": [[0, 4, 0]]})",
                     "step not 0"},
        BadOperation{R"({"op": "slice", "in": ["v"], "out": "t", "slices": [[3, -2, -1]]})",
                     "leaves the axis"},
        BadOperation{R"({"op": "slice", "in": ["v"], "out": "t", "slices": [[1]]})",
                     "not a list of lists of 2 or 3 whole numbers"},
        BadOperation{R"({"op": "concat", "in": ["x", "v"], "out": "t", "axis": 0})",
                     "[2, 3] and [4] cannot be joined along axis 0"},
        BadOperation{R"({"op": "concat", "in": ["s", "s"], "out": "t", "axis": 0})",
                     "the operand is a scalar"},
        BadOperation{R"({"op": "pad", "in": ["v"], "out": "t", "pads": [[1, 1]]})",
                     "the value to fill with as its second operand"},
        BadOperation{
            R"({"op": "pad", "in": ["v", 0], "out": "t", "pads": [[1, 1]], "mode": "edge"})",
            "if mode is constant, and only then"},
        BadOperation{
            R"({"op": "pad", "in": ["v"], "out": "t", "pads": [[4, 0]], "mode": "reflect"})",
            "not from 0 to 3"},
        BadOperation{R"({"op": "pad", "in": ["v", 0], "out": "t", "pads": [[-1, 0]]})",
                     "the pads [-1, 0] of axis 0"},
        BadOperation{
            R"({"op": "pad", "in": ["v", 0], "out": "t", "pads": [[1, 0]], "mode": "wrap"})",
            "not constant, reflect or edge"},
        BadOperation{R"({"op": "gather", "in": ["x", "n"], "out": "t", "axis": 0})",
                     "must be a literal; use take"},
        BadOperation{R"({"op": "gather", "in": ["v", -1], "out": "t", "axis": 0})",
                     "the index -1 is not from 0 to 3"},
        BadOperation{
            R"({"op": "take_along", "in": ["x", "i"], "out": "t", "axis": 0})",
            "the indices have the shape [2]; it must be that of the first operand, [2, 3]"},
        BadOperation{R"({"op": "scatter_along", "in": ["x", "n", "v"], "out": "t", "axis": 0})",
                     "but the updates [4]"},
        BadOperation{R"({"op": "update", "in": ["x", "x"], "out": "t", "starts": [0, 1]})",
                     "a part of shape [2, 3] does not fit into [2, 3] from [0, 1] on"},
        BadOperation{
            R"({"op": "update", "in": ["x", "x"], "out": "t", "starts": [9223372036854775807, 0]})",
            "does not fit"}));

INSTANTIATE_TEST_SUITE_P(
    AttributesOfReductions, BadOperationTest,
    ::testing::Values(
        BadOperation{R"({"op": "reduce_sum", "in": ["x"], "out": "t", "axes": []})",
                     "axes is empty"},
        BadOperation{R"({"op": "reduce_sum", "in": ["x"], "out": "t", "axes": [1, 1]})",
                     "axes names axis 1 twice"},
        BadOperation{R"({"op": "reduce_sum", "in": ["x"], "out": "t", "axes": [2]})",
                     "no axis 2 in the shape [2, 3]"},
        BadOperation{R"({"op": "reduce_sum", "in": ["x"], "out": "t", "axis": 0})",
                     "the key 'axis' is not known"},
        BadOperation{R"({"op": "argmax", "in": ["x"], "out": "t", "axis": 1.0})",
                     "'axis' is 1.0, not a whole number"},
        BadOperation{R"({"op": "argmax", "in": ["x"], "out": "t", "axis": 9223372036854775808})",
                     "not a whole number"},
        BadOperation{R"({"op": "cumsum", "in": ["x"], "out": "t", "axis": 0, "reverse": 1})",
                     "'reverse' is 1, not true or false"},
        BadOperation{R"({"op": "sort", "in": ["x", "v"], "out": ["t", "u"], "axis": 0})",
                     "[2, 3] and [4]; all must have the same"},
        BadOperation{R"({"op": "top_k", "in": ["v"], "out": ["t", "u"], "k": 5})", "k is 5"},
        BadOperation{R"({"op": "top_k", "in": ["s"], "out": ["t", "u"], "k": 1})",
                     "a scalar has no last axis"}));

INSTANTIATE_TEST_SUITE_P(
    AttributesOfProducts, BadOperationTest,
    ::testing::Values(
        BadOperation{R"({"op": "dot", "in": ["x", "x"], "out": "t", "equation": "ab->b"})",
                     "not of the form 'ab,bc->ac'"},
        BadOperation{R"({"op": "dot", "in": ["x", "x"], "out": "t", "equation": "a b,bc->ac"})",
                     "nothing but letters"},
        BadOperation{R"({"op": "dot", "in": ["x", "x"], "out": "t", "equation": "aa,ab->b"})",
                     "twice in one operand"},
        BadOperation{R"({"op": "dot", "in": ["x", "x"], "out": "t", "equation": "ab,ab->c"})",
                     "'c' in the result alone"},
        BadOperation{R"({"op": "dot", "in": ["x", "x"], "out": "t", "equation": "ab,ac->a"})",
                     "'b' in one operand alone; sum over that axis with reduce_sum"},
        BadOperation{R"({"op": "dot", "in": ["x", "v"], "out": "t", "equation": "ab,bc->ac"})",
                     "the second operand 2 axes ('bc'), but its shape is [4]"},
        BadOperation{R"({"op": "dot", "in": ["x", "v"], "out": "t", "equation": "ab,b->a"})",
                     "the axis 'b' has the extent 3 in the first operand, but 4"},
        BadOperation{R"({"op": "conv", "in": ["v", "v"], "out": "t"})", "[channels, one or two"},
        BadOperation{R"({"op": "conv", "in": ["x", "x"], "out": "t"})", "one axis more"},
        BadOperation{R"({"op": "conv", "in": ["x", "image"], "out": "t"})",
                     "with 1 groups, 2 channels do not fit"},
        BadOperation{R"({"op": "conv", "in": ["x", "image"], "out": "t", "groups": 0})",
                     "with 0 groups"},
        BadOperation{R"({"op": "conv_transpose", "in": ["x", "image"], "out": "t"})",
                     "2 channels do not fit a kernel of 4"},
        BadOperation{R"({"op": "max_pool", "in": ["x"], "out": "t"})", "the key 'size' is missing"},
        BadOperation{R"({"op": "max_pool", "in": ["x"], "out": "t", "size": [4]})",
                     "the window reaches over 4 elements, but with its padding the operand has 3"},
        BadOperation{
            R"({"op": "max_pool", "in": ["x"], "out": "t", "size": [2], "pads": [[2, 0]]})",
            "must be smaller than the window"},
        BadOperation{R"({"op": "sum_pool", "in": ["x"], "out": "t", "size": [2], "strides": [0]})",
                     "strides has 0; it must be from 1"},
        BadOperation{R"({"op": "sum_pool", "in": ["x"], "out": "t", "size": [2, 2]})",
                     "size has 2 entries; it needs one for each of the 1 spatial axes"},
        BadOperation{
            R"({"op": "sum_pool", "in": ["x"], "out": "t", "size": [4611686018427387904]})",
            "size has 4611686018427387904"}));

TEST(ReadProgramLimitsTest, RefusesAMillionOperations) {
  Json text = GoodProgram();
  text["operations"] = Json(std::vector<Json>(1000000));

  EXPECT_THAT(Read(text), IsTooLarge(HasSubstr("1000000 operations; at most 16384")));
}

TEST(ReadProgramLimitsTest, AcceptsAsManyOperationsAsAllowed) {
  Json text = GoodProgram();
  while (text["operations"].size() < static_cast<size_t>(kProgramOperationsMax)) {
    text["operations"].push_back(
        {{"op", "neg"}, {"in", {"h"}}, {"out", absl::StrCat("t", text["operations"].size())}});
  }

  EXPECT_THAT(Read(text), IsOk());
}

TEST(ReadProgramLimitsTest, RefusesShapesThatOverflow) {
  Json text = GoodProgram();
  text["inputs"][0]["shape"] = {int64_t{1} << 32, int64_t{1} << 32};
  text["operations"] =
      Json::parse(R"([{"op": "reduce_sum", "in": ["x"], "out": "h2", "axes": [0]}])");
  EXPECT_THAT(Read(text), IsTooLarge(HasSubstr("inputs[0]: 'x' has the shape [4294967296")));

  text = GoodProgram();
  text["weights"]["kernel"] = {3, INT64_MAX};
  EXPECT_THAT(Read(text), IsTooLarge(HasSubstr("the weight 'kernel': 'kernel' has the shape")));
}

TEST(ReadProgramLimitsTest, RefusesResultsThatAreTooLarge) {
  EXPECT_THAT(ReadOperation(R"({"op": "broadcast", "in": ["s"], "out": "t", "shape": [4194305]})"),
              IsTooLarge(HasSubstr("at most 4194304 elements")));
  EXPECT_THAT(ReadOperation(R"({"op": "broadcast", "in": ["s"], "out": "t", "shape": [4194304]})"),
              IsOk());
}

TEST(ReadProgramLimitsTest, RefusesTooManyAxes) {
  EXPECT_THAT(
      ReadOperation(
          R"({"op": "reshape", "in": ["s"], "out": "t", "shape": [1, 1, 1, 1, 1, 1, 1, 1, 1]})"),
      IsTooLarge(HasSubstr("9 axes; at most 8")));
}

TEST(ReadProgramLimitsTest, RefusesAnArenaThatIsTooLarge) {
  Json text = GoodProgram();
  for (int i = 0; i < 9; ++i) {
    text["operations"].push_back({{"op", "broadcast"},
                                  {"in", {1.0}},
                                  {"out", absl::StrCat("t", i)},
                                  {"shape", {kProgramElementsMax}}});
  }

  EXPECT_THAT(Read(text), IsTooLarge(HasSubstr("elements together; at most 33554432")));
}

TEST(ReadProgramLimitsTest, RefusesAStepOfTooMuchWork) {
  const auto program =
      ReadOperation(R"({"op": "dot", "in": ["v", "v"], "out": "t", "equation": "a,b->ab"})");
  ASSERT_THAT(program, IsOk());
  Json text = GoodProgram();
  text["weights"]["w"] = {4, 1 << 28};
  text["operations"] = Json::parse(R"([
    {"op": "broadcast", "in": [1.0], "out": "u", "shape": [64, 268435456]},
    {"op": "neg", "in": ["h"], "out": "h2"}])");
  EXPECT_THAT(Read(text), IsTooLarge(HasSubstr("operations[0], u = broadcast(%0 float32 [])")));

  // 2^10 x 2^12 x 2^13 multiply-adds are more than 2^34.
  text = GoodProgram();
  text["weights"] = Json::parse(R"({"a": [1024, 8192], "b": [8192, 4096]})");
  text["operations"] = Json::parse(R"([
    {"op": "dot", "in": ["a", "b"], "out": "c", "equation": "ab,bc->ac"},
    {"op": "neg", "in": ["h"], "out": "h2"}])");
  EXPECT_THAT(Read(text), IsTooLarge(HasSubstr("takes more than 17179869184 multiply-adds")));
}

TEST(ReadProgramLimitsTest, RefusesTooManyLiteralElements) {
  Json text = GoodProgram();
  text["literals"]["k"] = {{"shape", {kProgramLiteralsMax}},
                           {"values", std::vector<float>(kProgramLiteralsMax)}};
  EXPECT_THAT(Read(text), IsOk());

  text["literals"]["k2"] = Json::parse(R"({"shape": [], "values": [1]})");
  EXPECT_THAT(Read(text), IsTooLarge(HasSubstr("all literals together")));
}

TEST(ReadProgramLimitsTest, RefusesTooManyInputsStatesConstantsAndOutputs) {
  for (const char* section : {"inputs", "states", "constants", "outputs"}) {
    Json text = GoodProgram();
    text[section] = Json(std::vector<Json>(65));
    EXPECT_THAT(Read(text), IsTooLarge(HasSubstr(absl::StrCat("65 ", section)))) << section;
  }
}

TEST(ReadProgramLimitsTest, RefusesAProgramWithoutInputsOrOutputs) {
  Json text = GoodProgram();
  text["inputs"] = Json::array();
  EXPECT_THAT(Read(text), IsInvalid(HasSubstr("the program has no inputs")));

  text = GoodProgram();
  text.erase("outputs");
  EXPECT_THAT(Read(text), IsInvalid(HasSubstr("the program has no outputs")));
}

TEST(ReadProgramTest, RefusesSectionsOfTheWrongKind) {
  for (const char* section : {"inputs", "states", "constants", "operations", "outputs"}) {
    Json text = GoodProgram();
    text[section] = "all";
    EXPECT_THAT(Read(text), IsInvalid(HasSubstr("is \"all\", not a list"))) << section;
  }
  Json text = GoodProgram();
  text["weights"] = Json::array();
  EXPECT_THAT(Read(text), IsInvalid(HasSubstr("'weights' is [], not an object")));
  EXPECT_THAT(Read(Json()), IsInvalid(HasSubstr("the program is not a JSON object")));
}

TEST(ReadProgramTest, RefusesAnOverlapThatIsNone) {
  for (const char* input : {R"({"name": "x", "shape": [], "overlap": 1})",
                            R"({"name": "x", "shape": [3], "overlap": 0})",
                            R"({"name": "x", "shape": [3], "overlap": 9223372036854775807})",
                            R"({"name": "x", "shape": [3], "overlap": "64"})"}) {
    Json text = GoodProgram();
    text["inputs"][0] = Json::parse(input);
    EXPECT_THAT(Read(text), IsInvalid(HasSubstr("inputs[0]"))) << input;
  }
}

TEST(InferResultsTest, RefusesOperandsWhoseShapesOverflow) {
  Program program;
  program.values = {{"x", ElementType::kFloat32, Shape({INT64_MAX, 2})},
                    {"y", ElementType::kFloat32, Shape()}};
  Attributes attributes;
  attributes.shape = Shape({2});

  EXPECT_THAT(InferResults(program, {OpCode::kReshape, {0}, {1}, attributes}),
              IsTooLarge(HasSubstr("operand 0 has the shape [9223372036854775807, 2]")));
}

TEST(CheckProgramTest, RefusesWhatNoTextCanHold) {
  const Program good = *Read(GoodProgram());

  Program program = good;
  program.operations[1].operands[0] = 100;
  EXPECT_THAT(CheckProgram(program, "p"), IsInvalid(HasSubstr("an operand is value 100 of")));

  program = good;
  program.operations[1].results[0] = program.inputs[0];
  EXPECT_THAT(CheckProgram(program, "p"), IsInvalid(HasSubstr("operations[1]")));

  program = good;
  program.values.push_back({"orphan", ElementType::kFloat32, Shape({1})});
  EXPECT_THAT(CheckProgram(program, "p"),
              IsInvalid(HasSubstr("'orphan' is the result of nothing")));

  program = good;
  program.values[program.weights[0]].type = ElementType::kInt32;
  EXPECT_THAT(CheckProgram(program, "p"), IsInvalid(HasSubstr("the weight 'kernel' is int32")));

  program = good;
  program.values[program.states[0].next].shape = Shape({5});
  EXPECT_THAT(CheckProgram(program, "p"), IsInvalid(HasSubstr("should be float32 [4]")));

  program = good;
  std::swap(program.operations[0], program.operations[1]);
  EXPECT_THAT(CheckProgram(program, "p"), IsInvalid(HasSubstr("which is not computed before")));

  program = good;
  program.outputs[0].value = 100;
  EXPECT_THAT(CheckProgram(program, "p"), IsInvalid(HasSubstr("the output 'y' has no value")));
}

}  // namespace
}  // namespace rnnserve::testing
