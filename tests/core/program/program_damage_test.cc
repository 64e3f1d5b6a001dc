// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests damaged programs in bulk: random changes to the texts of random programs, in their values
// and in their characters. Every one must be refused with a reason, or be a program that the writer
// could have written and the interpreter can run. Memory errors that these provoke show only under
// AddressSanitizer, overflows only under UBSan.

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/program/program_work.h"
#include "core/program/read_program.h"
#include "tests/support/random_program.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using Json = nlohmann::json;

constexpr int64_t kRunElementsMax = 100000;

// Weights of any name and shape.
class AnyWeights final : public WeightSource {
 public:
  absl::StatusOr<absl::Span<const float>> Weight(absl::string_view, const Shape& shape) override {
    kept_.emplace_back(static_cast<size_t>(shape.NumElements().value()), 0.5f);
    return absl::MakeConstSpan(kept_.back());
  }

 private:
  std::deque<std::vector<float>> kept_;
};

std::vector<Json*> NodesOf(Json& root) {
  std::vector<Json*> nodes = {&root};
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (!nodes[i]->is_structured()) continue;
    for (Json& child : *nodes[i]) nodes.push_back(&child);
  }
  return nodes;
}

class Damage {
 public:
  explicit Damage(unsigned seed) : random_(seed) {}

  // Changes one place of the text.
  void ChangeValue(Json& text) {
    const std::vector<Json*> nodes = NodesOf(text);
    Json& node = *nodes[Below(nodes.size())];
    switch (Below(5)) {
      case 0:
        node = Odd();
        break;
      case 1:
        node = Json(*nodes[Below(nodes.size())]);
        break;
      case 2:
        if (node.is_number_integer()) node = node.get<int64_t>() + (Below(2) == 0 ? 1 : -1);
        break;
      case 3:
        if (node.is_array() && !node.empty()) node.erase(Below(node.size()));
        if (node.is_object() && !node.empty()) node.erase(std::next(node.begin(), Distance(node)));
        break;
      default:
        if (node.is_array()) node.push_back(node.empty() ? Odd() : Json(node[Below(node.size())]));
        if (node.is_object()) node[node.empty() ? "" : "extra"] = Odd();
    }
  }

  void ChangeCharacter(std::string& text) {
    const char kCharacters[] = "[]{},:\"-0129.eaxhn";
    char& character = text[Below(text.size())];
    character =
        Below(4) == 0 ? static_cast<char>(Below(256)) : kCharacters[Below(sizeof(kCharacters) - 1)];
  }

  size_t Below(size_t count) {
    return std::uniform_int_distribution<size_t>(0, count - 1)(random_);
  }

 private:
  Json Odd() {
    const Json kOdd[] = {
        nullptr,       true,           0,         -1,         1,          2,
        1.5,           INT64_MAX,      INT64_MIN, UINT64_MAX, 1e308,      "",
        "x1",          "%1",           "bool",    "int32",    "a,ab->b",  "edge",
        Json::array(), Json::object(), {1, 2, 3}, {{0, 1}},   1000000007, int64_t{1} << 31};
    return kOdd[Below(std::size(kOdd))];
  }
  std::ptrdiff_t Distance(const Json& node) {
    return static_cast<std::ptrdiff_t>(Below(node.size()));
  }

  std::mt19937 random_;
};

bool IsCheapToRun(const Program& program) {
  int64_t elements = 0;
  for (const Program::Value& value : program.values) {
    elements += value.shape.NumElements().value();
    if (elements > kRunElementsMax) return false;
  }
  for (const Program::Operation& operation : program.operations) {
    elements += WorkOf(program, operation);
    if (elements > 10 * kRunElementsMax) return false;
  }
  return true;
}

ProgramInterpreter::Row RowOfOnes(const Program& program) {
  const auto ones = [&program](Program::ValueId id) {
    return std::vector<float>(static_cast<size_t>(*program.values[id].shape.NumElements()), 1.0f);
  };
  ProgramInterpreter::Row row;
  for (const Program::ValueId id : program.inputs) row.inputs.push_back(ones(id));
  for (const Program::ValueId id : program.constants) row.constants.push_back(ones(id));
  for (const Program::State& state : program.states) row.states.push_back(ones(state.value));
  return row;
}

// Returns what is wrong with how the text is treated; empty if nothing is.
std::string FaultOfReading(const Json& text, bool& is_read) {
  const auto program = ReadProgram(text, "program");
  is_read = program.ok();
  if (!is_read) {
    const std::set<std::string> reasons = {"PROGRAM_INVALID", "PROGRAM_UNSUPPORTED",
                                           "PROGRAM_VERSION", "MODEL_TOO_LARGE"};
    if (program.status().message().size() > 4000) return "a text of over 4000 bytes";
    return reasons.contains(ErrorReason(program.status())) ? "" : program.status().ToString();
  }
  if (const absl::Status status = CheckProgram(*program, "read"); !status.ok()) {
    return status.ToString();
  }
  const Json written = WriteProgram(*program);
  const auto again = ReadProgram(written, "written");
  if (!again.ok()) return again.status().ToString();
  if (WriteProgram(*again) != written) return "is written in another way";
  if (!IsCheapToRun(*program)) return "";
  AnyWeights weights;
  const auto interpreter = ProgramInterpreter::Create(*program, weights);
  if (!interpreter.ok()) return interpreter.status().ToString();
  interpreter->Run(RowOfOnes(*program));
  return "";
}

TEST(ProgramDamageTest, ChangedValuesAreRefusedOrRun) {
  int num_read = 0;
  int num_refused = 0;
  for (unsigned seed = 0; seed < 60; ++seed) {
    const Json good = WriteProgram(MakeRandomProgram(seed, 12).program);
    Damage damage(seed);
    for (int i = 0; i < 60; ++i) {
      Json text = good;
      for (size_t changes = 1 + damage.Below(2); changes > 0; --changes) damage.ChangeValue(text);
      bool is_read = false;
      ASSERT_EQ(FaultOfReading(text, is_read), "") << "seed " << seed << ": " << text.dump();
      ++(is_read ? num_read : num_refused);
    }
  }

  // Both kinds are there, so both are tested.
  EXPECT_GT(num_read, 200);
  EXPECT_GT(num_refused, 1000);
}

TEST(ProgramDamageTest, ChangedCharactersAreRefusedOrRun) {
  int num_parsed = 0;
  for (unsigned seed = 0; seed < 60; ++seed) {
    const std::string good = WriteProgram(MakeRandomProgram(seed, 6).program).dump();
    Damage damage(seed);
    for (int i = 0; i < 100; ++i) {
      std::string text = good;
      damage.ChangeCharacter(text);
      const Json parsed = Json::parse(text, nullptr, false);
      if (parsed.is_discarded()) continue;
      ++num_parsed;
      bool is_read = false;
      ASSERT_EQ(FaultOfReading(parsed, is_read), "") << "seed " << seed << ": " << text;
    }
  }

  EXPECT_GT(num_parsed, 500);
}

}  // namespace
}  // namespace rnnserve::testing
