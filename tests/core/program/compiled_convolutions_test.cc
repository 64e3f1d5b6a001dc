// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Compares compiled convolutions with the interpreter: random shapes, strides, dilations, padding
// and groups, of an input and of the result of another convolution, whose channels are next to each
// other in memory.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/kernels/isa.h"
#include "tests/core/program/compiled_run.h"
#include "tests/support/scoped_isa.h"

namespace rnnserve::testing {
namespace {

using Json = nlohmann::json;

class RandomConvolution {
 public:
  explicit RandomConvolution(unsigned seed) : random_(seed) {}

  // Returns a program that convolves x, or the result of a first convolution of x.
  std::string Program() {
    const int rank = Pick({1, 1, 2});
    const int groups = Pick({1, 1, 1, 2, 3});
    const int channels = groups * Pick({1, 2, 16, 33});
    const int outputs = groups * Pick({1, 3, 4, 16, 32});
    const bool is_chained = Pick({0, 1}) == 1;
    const int inputs = is_chained ? Pick({1, 5}) : channels;
    Json x = {inputs};
    Json kernel = {outputs, channels / groups};
    Json attributes = {{"strides", Json::array()},
                       {"dilations", Json::array()},
                       {"pads", Json::array()},
                       {"groups", groups}};
    for (int axis = 0; axis < rank; ++axis) {
      const int taps = Pick({1, 2, 3, 5});
      const int dilation = Pick({1, 1, 1, 2});
      const int low = Pick({0, 0, 1, 2, 5});
      const int high = Pick({0, 0, 1, 2});
      const int least = (taps - 1) * dilation + 1 - low - high;
      x.push_back((least > 1 ? least : 1) + Pick({0, 1, 2, 6}));
      kernel.push_back(taps);
      attributes["strides"].push_back(Pick({1, 1, 2, 3}));
      attributes["dilations"].push_back(dilation);
      attributes["pads"].push_back({low, high});
    }
    Json program = {{"program_version", 1},
                    {"inputs", {{{"name", "x"}, {"shape", x}}}},
                    {"weights", {{"kernel", kernel}}},
                    {"operations", Json::array()},
                    {"outputs", {{{"name", "y"}, {"value", "y"}}}}};
    if (is_chained) {
      Json first = {channels, inputs};
      for (int axis = 0; axis < rank; ++axis) first.push_back(1);
      program["weights"]["first"] = first;
      program["operations"].push_back({{"op", "conv"}, {"in", {"x", "first"}}, {"out", "t"}});
    }
    Json convolution = attributes;
    convolution["op"] = "conv";
    convolution["in"] = {is_chained ? "t" : "x", "kernel"};
    convolution["out"] = "sum";
    program["operations"].push_back(convolution);
    Json bias = {outputs};
    for (int axis = 0; axis < rank; ++axis) bias.push_back(1);
    program["weights"]["bias"] = bias;
    program["operations"].push_back({{"op", "add"}, {"in", {"sum", "bias"}}, {"out", "y"}});
    return program.dump();
  }

 private:
  int Pick(const std::vector<int>& values) { return values[random_() % values.size()]; }

  std::mt19937 random_;
};

class CompiledConvolutionsTest : public ::testing::TestWithParam<Isa> {};

TEST_P(CompiledConvolutionsTest, AgreeWithTheInterpreter) {
  constexpr unsigned kSeeds = 300;
  const ScopedIsa isa(GetParam());
  for (unsigned seed = 0; seed < kSeeds; ++seed) {
    const std::string text = RandomConvolution(seed).Program();
    SCOPED_TRACE(absl::StrCat("seed ", seed, ": ", text));
    const rnnserve::Program program = ReadOrDie(text);
    ASSERT_FALSE(HasFailure());
    WeightMap weights = RandomWeights(program, seed);
    std::vector<Row> rows;
    for (unsigned i = 0; i < 5; ++i) rows.push_back(RandomRow(program, i));
    ExpectAgrees(program, weights, rows);
    ASSERT_FALSE(HasFailure());
  }
}

std::string NameOf(const ::testing::TestParamInfo<Isa>& info) {
  return std::string(IsaName(info.param));
}

INSTANTIATE_TEST_SUITE_P(Isas, CompiledConvolutionsTest, ::testing::ValuesIn(SupportedIsas()),
                         NameOf);

}  // namespace
}  // namespace rnnserve::testing
