// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests how the reader treats one operation: numbers among its operands, and every mistake in its
// operands and attributes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>
#include <vector>

#include "core/program/read_program.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

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
  return ReadProgram(text, "program");
}

StatusIsMatcher IsInvalid(const ::testing::Matcher<std::string>& text) {
  return StatusIs(absl::StatusCode::kInvalidArgument, text, "PROGRAM_INVALID");
}

StatusIsMatcher IsTooLarge(const ::testing::Matcher<std::string>& text) {
  return StatusIs(absl::StatusCode::kInvalidArgument, text, "MODEL_TOO_LARGE");
}

TEST(ReadOperationTest, GivesANumberTheTypeOfTheOtherOperands) {
  const auto program = ReadOperation(R"({"op": "add", "in": ["x", 1], "out": "t"})");

  ASSERT_THAT(program, IsOk());
  const Program::Literal& literal = program->literals.back();
  EXPECT_EQ(program->values[literal.value].type, ElementType::kFloat32);
  EXPECT_THAT(std::get<std::vector<float>>(literal.elements), ElementsAre(1.0f));
}

TEST(ReadOperationTest, TellsFloatsFromIntegersByThePointIfAllOperandsAreNumbers) {
  const auto floats = ReadOperation(R"({"op": "where", "in": ["b", 1.0, 0], "out": "t"})");
  const auto integers = ReadOperation(R"({"op": "where", "in": ["b", 1, 0], "out": "t"})");

  ASSERT_THAT(floats, IsOk());
  ASSERT_THAT(integers, IsOk());
  EXPECT_EQ(floats->values[floats->operations[0].results[0]].type, ElementType::kFloat32);
  EXPECT_EQ(integers->values[integers->operations[0].results[0]].type, ElementType::kInt32);
}

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

TEST(ReadOperationTest, RefusesResultsThatAreTooLarge) {
  EXPECT_THAT(ReadOperation(R"({"op": "broadcast", "in": ["s"], "out": "t", "shape": [4194305]})"),
              IsTooLarge(HasSubstr("at most 4194304 elements")));
  EXPECT_THAT(ReadOperation(R"({"op": "broadcast", "in": ["s"], "out": "t", "shape": [4194304]})"),
              IsOk());
}

TEST(ReadOperationTest, RefusesTooManyAxes) {
  EXPECT_THAT(
      ReadOperation(
          R"({"op": "reshape", "in": ["s"], "out": "t", "shape": [1, 1, 1, 1, 1, 1, 1, 1, 1]})"),
      IsTooLarge(HasSubstr("9 axes; at most 8")));
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

}  // namespace
}  // namespace rnnserve::testing
