// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests what PROGRAMS.md promises: its tables name every operation, and its example gives the
// numbers that it shows.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "core/program/operation.h"
#include "core/program/program_interpreter.h"
#include "core/program/read_program.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

using Json = nlohmann::json;

std::string Page() {
  std::ifstream file(RNNSERVE_SOURCE_DIR "/core/program/PROGRAMS.md");
  return {std::istreambuf_iterator<char>(file), {}};
}

// Returns the part of the page between two headings.
std::string Section(const std::string& from, const std::string& to) {
  const std::string page = Page();
  const size_t begin = page.find(from);
  const size_t end = page.find(to);
  return begin < end && end != std::string::npos ? page.substr(begin, end - begin) : "";
}

// Returns the names in the first column of all tables of operations.
std::vector<std::string> NamesOfThePage() {
  std::vector<std::string> names;
  for (const absl::string_view line :
       absl::StrSplit(Section("\n## Operations\n", "\n### What is not there"), '\n')) {
    if (!absl::StartsWith(line, "| `")) continue;
    const std::string first(line.substr(0, line.find('|', 1)));
    // The names are the odd parts between backticks.
    const std::vector<std::string> parts = absl::StrSplit(first, '`');
    for (size_t i = 1; i < parts.size(); i += 2) names.push_back(parts[i]);
  }
  return names;
}

// Returns the blocks of JSON on the page.
std::vector<Json> JsonOfThePage() {
  std::vector<Json> blocks;
  const std::vector<std::string> parts = absl::StrSplit(Page(), "```json\n");
  for (size_t i = 1; i < parts.size(); ++i) {
    blocks.push_back(Json::parse(parts[i].substr(0, parts[i].find("```")), nullptr, false));
  }
  return blocks;
}

TEST(ProgramsPageTest, NamesEveryOperationOnce) {
  std::vector<std::string> expected;
  for (int i = 0; i < kNumOpCodes; ++i) {
    expected.emplace_back(OpCodeName(static_cast<OpCode>(i)));
  }

  EXPECT_THAT(NamesOfThePage(), ::testing::UnorderedElementsAreArray(expected));
}

TEST(ProgramsPageTest, HasAnExampleThatGivesItsNumbers) {
  const std::vector<Json> blocks = JsonOfThePage();
  ASSERT_EQ(blocks.size(), 2u);
  const auto program = ReadProgram(blocks[0], "the example");
  ASSERT_THAT(program, IsOk());
  WeightMap weights;
  weights.Add("kernel", {2, 4}, blocks[1]["kernel"].get<std::vector<float>>());
  weights.Add("bias", {4}, blocks[1]["bias"].get<std::vector<float>>());
  const auto interpreter = ProgramInterpreter::Create(*program, weights);
  ASSERT_THAT(interpreter, IsOk());

  const auto result = interpreter->Run(
      {{blocks[1]["x"].get<std::vector<float>>()}, {blocks[1]["h"].get<std::vector<float>>()}, {}});

  const auto y = blocks[1]["y"].get<std::vector<float>>();
  EXPECT_THAT(result.outputs[0], ::testing::Pointwise(::testing::FloatNear(1e-6f), y));
  EXPECT_EQ(result.next_states[0], result.outputs[0]);
}

}  // namespace
}  // namespace rnnserve::testing
