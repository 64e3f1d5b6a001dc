// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Compares every operation of the interpreter with NumPy: golden/numpy_cases.json, which
// golden/numpy_cases.py makes. Integers and truth values must be equal, floats within 1e-6.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/program/operation_traits.h"
#include "core/program/program_interpreter.h"
#include "core/program/read_program.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using Json = nlohmann::json;
using Elements = ProgramInterpreter::Elements;

const Json& NumpyCases() {
  static const Json* const cases = [] {
    std::ifstream file(RNNSERVE_SOURCE_DIR "/tests/core/program/golden/numpy_cases.json");
    return new Json(Json::parse(file));
  }();
  return *cases;
}

float FloatOf(const Json& value) {
  if (value == "nan") return std::numeric_limits<float>::quiet_NaN();
  if (value == "inf") return std::numeric_limits<float>::infinity();
  if (value == "-inf") return -std::numeric_limits<float>::infinity();
  return value.get<float>();
}

Elements ElementsOf(const Json& tensor) {
  Elements elements;
  for (const Json& value : tensor["values"]) {
    if (tensor["type"] == "float32") {
      elements.push_back(std::bit_cast<uint32_t>(FloatOf(value)));
    } else if (value.is_boolean()) {
      elements.push_back(value.get<bool>() ? 1 : 0);
    } else {
      elements.push_back(std::bit_cast<uint32_t>(value.get<int32_t>()));
    }
  }
  return elements;
}

// Returns a program with the operation of the case. Integers and truth values are literals, because
// gather wants that; all others are inputs.
absl::StatusOr<Program> ProgramOf(const Json& numpy) {
  Json text = {{"program_version", 1},
               {"inputs", {{{"name", "unused"}, {"shape", Json::array()}}}},
               {"literals", Json::object()},
               {"outputs", {{{"name", "y"}, {"value", "y0"}}}}};
  Json operation = numpy["attributes"];
  operation["op"] = numpy["op"];
  for (size_t i = 0; i < numpy["operands"].size(); ++i) {
    const Json& operand = numpy["operands"][i];
    const std::string name = absl::StrCat("x", i);
    operation["in"].push_back(name);
    if (operand["type"] == "float32") {
      text["inputs"].push_back({{"name", name}, {"shape", operand["shape"]}});
    } else {
      text["literals"][name] = operand;
    }
  }
  for (size_t i = 0; i < numpy["results"].size(); ++i) {
    operation["out"].push_back(absl::StrCat("y", i));
  }
  text["operations"].push_back(operation);
  return ReadProgram(text, "case");
}

void ExpectEqual(const Elements& actual, const Json& expected_tensor) {
  const Elements expected = ElementsOf(expected_tensor);
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    if (expected_tensor["type"] != "float32") {
      EXPECT_EQ(actual[i], expected[i]) << "element " << i;
      continue;
    }
    const float a = std::bit_cast<float>(actual[i]);
    const float e = std::bit_cast<float>(expected[i]);
    if (std::isnan(e)) {
      EXPECT_TRUE(std::isnan(a)) << "element " << i << " is " << a;
    } else if (std::isinf(e)) {
      EXPECT_EQ(a, e) << "element " << i;
    } else {
      EXPECT_NEAR(a, e, 1e-6f * std::max(1.0f, std::abs(e))) << "element " << i;
      EXPECT_TRUE(e != 0.0f || a != 0.0f || std::signbit(a) == std::signbit(e)) << "element " << i;
    }
  }
}

class NumpyCasesTest : public ::testing::TestWithParam<int> {};

TEST_P(NumpyCasesTest, IsComputedAsInNumpy) {
  const Json& numpy = NumpyCases()[static_cast<size_t>(GetParam())];
  SCOPED_TRACE(
      absl::StrCat(numpy["op"].get<std::string>(), ": ", numpy["about"].get<std::string>()));
  const auto program = ProgramOf(numpy);
  ASSERT_THAT(program, IsOk());
  std::vector<Elements> operands;
  std::vector<const Elements*> pointers;
  for (const Json& operand : numpy["operands"]) operands.push_back(ElementsOf(operand));
  for (const Elements& operand : operands) pointers.push_back(&operand);

  const auto results = ProgramInterpreter::Compute(*program, program->operations[0], pointers);

  ASSERT_EQ(results.size(), numpy["results"].size());
  for (size_t i = 0; i < results.size(); ++i) {
    const Program::Value& value = program->values[program->operations[0].results[i]];
    const auto extents = numpy["results"][i]["shape"].get<std::vector<int64_t>>();
    EXPECT_EQ(value.shape, Shape(extents)) << value.shape.ToString();
    EXPECT_EQ(ElementTypeName(value.type), numpy["results"][i]["type"].get<std::string>());
    ExpectEqual(results[i], numpy["results"][i]);
  }
}

INSTANTIATE_TEST_SUITE_P(All, NumpyCasesTest,
                         ::testing::Range(0, static_cast<int>(NumpyCases().size())));

TEST(NumpyCasesFileTest, HasEveryOperation) {
  std::set<std::string> missing;
  for (int i = 0; i < kNumOpCodes; ++i) {
    missing.emplace(OpCodeName(static_cast<OpCode>(i)));
  }
  for (const Json& numpy : NumpyCases()) missing.erase(numpy["op"].get<std::string>());

  EXPECT_THAT(missing, ::testing::IsEmpty());
}

}  // namespace
}  // namespace rnnserve::testing
