// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Compares every operation, compiled, with the interpreter, with every instruction set: operands of
// several ranks, broadcast, seen through moves, from inputs, states, constants and weights.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/kernels/isa.h"
#include "tests/core/program/compiled_run.h"
#include "tests/support/scoped_isa.h"

namespace rnnserve::testing {
namespace {

using Json = nlohmann::json;

// One operation and the shapes of its operands. An operand has the type float32 unless its name
// begins with i (int32) or b (bool).
struct OperationCase {
  std::string name;
  std::string operands;   // {"a": [3, 4], "i": [2]}
  std::string operation;  // {"op": "add", "in": ["a", "b"]}
  int num_results = 1;
};

// Where the operand at `position` comes from. The cases rotate through all of them.
enum class Origin { kInput, kState, kConstant, kWeight, kTransposedState };
constexpr int kNumOrigins = 5;

Json ArgumentOf(const std::string& name, const Json& shape) {
  Json argument = {{"name", name}, {"shape", shape}};
  if (name[0] == 'i') argument["type"] = "int32";
  if (name[0] == 'b') argument["type"] = "bool";
  return argument;
}

// Returns a program of the operation whose first operand has that origin and the others the next.
Json ProgramOf(const OperationCase& c, int origin) {
  Json program = {
      {"program_version", 1},      {"inputs", Json::array({{{"name", "unused"}, {"shape", {2}}}})},
      {"states", Json::array()},   {"constants", Json::array()},
      {"weights", Json::object()}, {"operations", Json::array()}};
  const Json operands = Json::parse(c.operands);
  for (const auto& [name, shape] : operands.items()) {
    const bool is_float = name[0] != 'i' && name[0] != 'b';
    const auto from = static_cast<Origin>(origin++ % kNumOrigins);
    const Json argument = ArgumentOf(name, shape);
    if (from == Origin::kWeight && is_float) {
      program["weights"][name] = shape;
    } else if (from == Origin::kState) {
      Json state = argument;
      state["next"] = name;
      program["states"].push_back(state);
    } else if (from == Origin::kTransposedState && shape.size() > 1) {
      // A state with its axes turned, so that the operation reads it with strides.
      Json state = argument;
      Json turned = shape;
      std::reverse(turned.begin(), turned.end());
      Json perm = Json::array();
      for (size_t i = shape.size(); i-- > 0;) perm.push_back(i);
      state["name"] = "turned_" + name;
      if (name[0] == 'i' || name[0] == 'b') state["type"] = argument["type"];
      state["shape"] = turned;
      state["next"] = state["name"];
      program["states"].push_back(state);
      program["operations"].push_back(
          {{"op", "transpose"}, {"in", {state["name"]}}, {"out", name}, {"perm", perm}});
    } else {
      program[from == Origin::kConstant ? "constants" : "inputs"].push_back(argument);
    }
  }
  Json operation = Json::parse(c.operation);
  Json results = Json::array();
  for (int i = 0; i < c.num_results; ++i) results.push_back("out" + std::to_string(i));
  operation["out"] = c.num_results == 1 ? results[0] : results;
  program["operations"].push_back(operation);
  program["outputs"] = Json::array();
  for (const Json& result : results) {
    program["outputs"].push_back({{"name", result}, {"value", result}});
  }
  program["outputs"].push_back({{"name", "unused_too"}, {"value", "unused"}});
  return program;
}

std::vector<OperationCase> Cases() {
  std::vector<OperationCase> cases;
  for (const char* op :
       {"neg",    "abs",   "sign",  "exp",   "expm1",   "log",      "log1p",       "sqrt",  "rsqrt",
        "square", "sin",   "cos",   "tan",   "asin",    "acos",     "atan",        "sinh",  "cosh",
        "asinh",  "acosh", "atanh", "tanh",  "sigmoid", "softplus", "log_sigmoid", "silu",  "gelu",
        "relu",   "erf",   "erfc",  "floor", "ceil",    "round",    "is_finite",   "is_nan"}) {
    cases.push_back({op, R"({"a": [3, 13]})", Json{{"op", op}, {"in", {"a"}}}.dump()});
  }
  for (const char* op : {"add", "sub", "mul", "div", "max", "min", "pow", "rem", "mod", "atan2",
                         "eq", "ne", "lt", "le", "gt", "ge"}) {
    const std::string text = Json{{"op", op}, {"in", {"a", "c"}}}.dump();
    cases.push_back({std::string(op) + "_same", R"({"a": [37], "c": [37]})", text});
    cases.push_back({std::string(op) + "_rows", R"({"a": [3, 18], "c": [3, 1]})", text});
    cases.push_back({std::string(op) + "_columns", R"({"a": [18], "c": [3, 18]})", text});
    cases.push_back({std::string(op) + "_short", R"({"a": [5, 1, 3], "c": [4, 1]})", text});
    if (std::string(op) == "pow" || std::string(op) == "atan2") continue;
    const std::string integers = Json{{"op", op}, {"in", {"i", "i2"}}}.dump();
    cases.push_back({std::string(op) + "_int", R"({"i": [4, 3], "i2": [3]})", integers});
  }
  for (const char* op : {"neg", "abs", "sign", "square", "relu"}) {
    cases.push_back(
        {std::string(op) + "_int", R"({"i": [4, 3]})", Json{{"op", op}, {"in", {"i"}}}.dump()});
  }
  for (const char* op : {"and", "or", "xor", "eq", "ne"}) {
    cases.push_back({std::string(op) + "_bool", R"({"b": [4, 3], "b2": [3]})",
                     Json{{"op", op}, {"in", {"b", "b2"}}}.dump()});
  }
  for (const char* op : {"reduce_sum", "reduce_max", "reduce_min", "reduce_prod"}) {
    for (const char* axes : {"[0]", "[1]", "[2]", "[0, 1]", "[0, 2]", "[1, 2]", "[0, 1, 2]"}) {
      Json text = {{"op", op}, {"in", {"a"}}, {"axes", Json::parse(axes)}};
      cases.push_back({std::string(op) + axes, R"({"a": [3, 5, 19]})", text.dump()});
      cases.push_back({std::string(op) + axes + "_long", R"({"a": [2, 3, 75]})", text.dump()});
      text["in"] = {"i"};
      cases.push_back({std::string(op) + axes + "_int", R"({"i": [2, 3, 4]})", text.dump()});
    }
  }
  const auto add = [&cases](const char* name, const char* operands, const char* text,
                            int results = 1) {
    cases.push_back({name, operands, text, results});
  };
  add("reduce_any", R"({"b": [3, 4]})", R"({"op": "reduce_any", "in": ["b"], "axes": [1]})");
  add("reduce_all", R"({"b": [3, 4]})", R"({"op": "reduce_all", "in": ["b"], "axes": [0]})");
  add("not", R"({"b": [7]})", R"({"op": "not", "in": ["b"]})");
  add("where", R"({"b": [3, 5], "x": [3, 5], "y": [5]})",
      R"({"op": "where", "in": ["b", "x", "y"]})");
  add("where_int", R"({"b": [3, 1], "i": [3, 5], "i2": [5]})",
      R"({"op": "where", "in": ["b", "i", "i2"]})");
  add("where_scalar", R"({"b": [3, 5], "x": [3, 5]})",
      R"({"op": "where", "in": ["b", "x", -1e30]})");
  add("cast_int", R"({"x": [3, 5]})", R"({"op": "cast", "in": ["x"], "type": "int32"})");
  add("cast_bool", R"({"x": [3, 5]})", R"({"op": "cast", "in": ["x"], "type": "bool"})");
  add("cast_float", R"({"i": [3, 5]})", R"({"op": "cast", "in": ["i"], "type": "float32"})");
  add("cast_same", R"({"x": [3, 5]})", R"({"op": "cast", "in": ["x"], "type": "float32"})");
  add("cast_bool_int", R"({"b": [3, 5]})", R"({"op": "cast", "in": ["b"], "type": "int32"})");
  add("cast_int_bool", R"({"i": [3, 5]})", R"({"op": "cast", "in": ["i"], "type": "bool"})");
  add("reshape", R"({"x": [3, 4, 5]})", R"({"op": "reshape", "in": ["x"], "shape": [5, 12]})");
  add("transpose", R"({"x": [3, 4, 5]})", R"({"op": "transpose", "in": ["x"], "perm": [2, 0, 1]})");
  add("broadcast", R"({"x": [3, 1]})", R"({"op": "broadcast", "in": ["x"], "shape": [2, 3, 4]})");
  add("slice", R"({"x": [5, 7]})",
      R"({"op": "slice", "in": ["x"], "slices": [[4, -1, -2], [1, 6, 3]]})");
  add("concat", R"({"x": [2, 3], "y": [2, 1], "z": [2, 5]})",
      R"({"op": "concat", "in": ["x", "y", "z"], "axis": 1})");
  add("concat_int", R"({"i": [2, 3], "i2": [4, 3]})",
      R"({"op": "concat", "in": ["i", "i2"], "axis": 0})");
  add("pad", R"({"x": [3, 4]})", R"({"op": "pad", "in": ["x", 2.5], "pads": [[1, 2], [0, 3]]})");
  add("pad_reflect", R"({"x": [3, 4]})",
      R"({"op": "pad", "in": ["x"], "pads": [[1, 2], [0, 3]], "mode": "reflect"})");
  add("pad_edge", R"({"x": [3, 4]})",
      R"({"op": "pad", "in": ["x"], "pads": [[1, 2], [0, 3]], "mode": "edge"})");
  add("take", R"({"x": [3, 4, 2], "i": [2, 2]})", R"({"op": "take", "in": ["x", "i"], "axis": 1})");
  add("take_along", R"({"x": [3, 4], "i": [3, 2]})",
      R"({"op": "take_along", "in": ["x", "i"], "axis": 1})");
  add("update", R"({"x": [4, 5], "y": [2, 3]})",
      R"({"op": "update", "in": ["x", "y"], "starts": [1, 2]})");
  add("scatter_along", R"({"x": [3, 4], "i": [3, 2], "y": [3, 2]})",
      R"({"op": "scatter_along", "in": ["x", "i", "y"], "axis": 1})");
  add("argmax", R"({"x": [3, 4]})", R"({"op": "argmax", "in": ["x"], "axis": 1})");
  add("argmin", R"({"i": [5, 4]})", R"({"op": "argmin", "in": ["i"], "axis": 0})");
  add("cumsum", R"({"x": [3, 4]})", R"({"op": "cumsum", "in": ["x"], "axis": 1})");
  add("cumsum_back", R"({"i": [3, 4]})",
      R"({"op": "cumsum", "in": ["i"], "axis": 0, "reverse": true, "exclusive": true})");
  add("sort", R"({"x": [3, 9]})", R"({"op": "sort", "in": ["x"], "axis": 1})");
  add("sort_more", R"({"i": [9, 3], "x": [9, 3]})",
      R"({"op": "sort", "in": ["i", "x"], "axis": 0, "descending": true})", 2);
  add("top_k", R"({"x": [3, 9]})", R"({"op": "top_k", "in": ["x"], "k": 4})", 2);
  add("dot_vector", R"({"x": [21], "w": [21, 37]})",
      R"({"op": "dot", "in": ["x", "w"], "equation": "a,ac->c"})");
  add("dot_swapped", R"({"w": [37, 21], "x": [21]})",
      R"({"op": "dot", "in": ["w", "x"], "equation": "ca,a->c"})");
  add("dot_rows", R"({"x": [3, 21], "w": [21, 37]})",
      R"({"op": "dot", "in": ["x", "w"], "equation": "ma,ac->mc"})");
  add("dot_turned", R"({"x": [21, 3], "w": [37, 21]})",
      R"({"op": "dot", "in": ["x", "w"], "equation": "am,ca->cm"})");
  add("dot_heads", R"({"x": [4, 9], "w": [4, 9, 18]})",
      R"({"op": "dot", "in": ["x", "w"], "equation": "ha,hac->hc"})");
  add("dot_heads_last", R"({"x": [9, 4], "w": [9, 18, 4]})",
      R"({"op": "dot", "in": ["x", "w"], "equation": "ah,ach->hc"})");
  add("dot_two_units", R"({"x": [3, 4, 5], "w": [5, 4, 2, 6]})",
      R"({"op": "dot", "in": ["x", "w"], "equation": "mba,abcd->cdm"})");
  add("dot_outer", R"({"x": [5], "w": [19]})",
      R"({"op": "dot", "in": ["x", "w"], "equation": "a,c->ac"})");
  add("dot_scalar", R"({"x": [50], "w": [50]})",
      R"({"op": "dot", "in": ["x", "w"], "equation": "a,a->"})");
  add("dot_elements", R"({"x": [3, 5], "w": [5, 3]})",
      R"({"op": "dot", "in": ["x", "w"], "equation": "ab,ba->ab"})");
  add("conv", R"({"x": [3, 20], "w": [5, 3, 4]})",
      R"({"op": "conv", "in": ["x", "w"], "strides": [2], "dilations": [1], "pads": [[1, 2]], "groups": 1})");
  add("conv_one", R"({"x": [1, 64], "w": [17, 1, 16]})",
      R"({"op": "conv", "in": ["x", "w"], "strides": [8]})");
  add("conv_point", R"({"x": [6, 7], "w": [8, 6, 1]})", R"({"op": "conv", "in": ["x", "w"]})");
  add("conv_2d", R"({"x": [4, 6, 7], "w": [6, 2, 3, 2]})",
      R"({"op": "conv", "in": ["x", "w"], "strides": [1, 2], "dilations": [2, 1], "pads": [[1, 1], [0, 1]], "groups": 2})");
  add("conv_depthwise", R"({"x": [6, 9], "w": [6, 1, 3]})",
      R"({"op": "conv", "in": ["x", "w"], "groups": 6})");
  add("conv_transpose", R"({"x": [4, 6], "w": [4, 3, 4]})",
      R"({"op": "conv_transpose", "in": ["x", "w"], "strides": [2], "pads": [[1, 1]], "output_pads": [1]})");
  add("conv_transpose_2d", R"({"x": [4, 3, 4], "w": [4, 3, 2, 3]})",
      R"({"op": "conv_transpose", "in": ["x", "w"], "strides": [2, 1], "dilations": [1, 2], "groups": 2})");
  add("max_pool", R"({"x": [3, 9]})",
      R"({"op": "max_pool", "in": ["x"], "size": [3], "strides": [2], "pads": [[1, 1]]})");
  add("sum_pool", R"({"x": [3, 6, 5]})",
      R"({"op": "sum_pool", "in": ["x"], "size": [3, 2], "strides": [2, 1], "pads": [[1, 1], [0, 1]]})");
  return cases;
}

class CompiledOperationsTest : public ::testing::TestWithParam<Isa> {};

TEST_P(CompiledOperationsTest, AgreeWithTheInterpreter) {
  const ScopedIsa isa(GetParam());
  for (const OperationCase& c : Cases()) {
    for (int origin = 0; origin < kNumOrigins; ++origin) {
      const std::string text = ProgramOf(c, origin).dump();
      SCOPED_TRACE(c.name + ": " + text);
      const Program program = ReadOrDie(text);
      ASSERT_FALSE(HasFailure());
      WeightMap weights = RandomWeights(program, 7);
      std::vector<Row> rows;
      for (unsigned i = 0; i < 17; ++i) rows.push_back(RandomRow(program, i));
      ExpectAgrees(program, weights, rows);
      ASSERT_FALSE(HasFailure());
    }
  }
}

std::string NameOf(const ::testing::TestParamInfo<Isa>& info) {
  return std::string(IsaName(info.param));
}

INSTANTIATE_TEST_SUITE_P(Isas, CompiledOperationsTest, ::testing::ValuesIn(SupportedIsas()),
                         NameOf);

}  // namespace
}  // namespace rnnserve::testing
