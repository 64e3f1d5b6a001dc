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
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/program/limits.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::AllOf;
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
  // 2^10 x 2^12 x 2^13 multiply-adds are more than 2^34.
  Json text = GoodProgram();
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
