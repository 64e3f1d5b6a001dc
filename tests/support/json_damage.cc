// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/json_damage.h"

#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>
#include <vector>

namespace rnnserve::testing {
namespace {

using Json = nlohmann::json;

std::vector<Json*> NodesOf(Json& root) {
  std::vector<Json*> nodes = {&root};
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (!nodes[i]->is_structured()) continue;
    for (Json& child : *nodes[i]) nodes.push_back(&child);
  }
  return nodes;
}

}  // namespace

void JsonDamage::ChangeValue(Json& text) {
  const std::vector<Json*> nodes = NodesOf(text);
  Json& node = *nodes[Below(nodes.size())];
  const auto any_distance = [&] { return static_cast<std::ptrdiff_t>(Below(node.size())); };
  switch (Below(5)) {
    case 0:
      node = Odd();
      break;
    case 1:
      node = Json(*nodes[Below(nodes.size())]);
      break;
    case 2:
      // Unsigned, because the largest number has a next one too.
      if (node.is_number_integer()) {
        node = static_cast<int64_t>(node.get<uint64_t>() + (Below(2) == 0 ? 1 : ~uint64_t{0}));
      }
      break;
    case 3:
      if (node.is_array() && !node.empty()) node.erase(Below(node.size()));
      if (node.is_object() && !node.empty()) node.erase(std::next(node.begin(), any_distance()));
      break;
    default:
      if (node.is_array()) node.push_back(node.empty() ? Odd() : Json(node[Below(node.size())]));
      if (node.is_object()) node[node.empty() ? "" : "extra"] = Odd();
  }
}

void JsonDamage::ChangeCharacter(std::string& text) {
  const char kCharacters[] = "[]{},:\"-0129.eaxhn";
  char& character = text[Below(text.size())];
  character =
      Below(4) == 0 ? static_cast<char>(Below(256)) : kCharacters[Below(sizeof(kCharacters) - 1)];
}

size_t JsonDamage::Below(size_t count) {
  return std::uniform_int_distribution<size_t>(0, count - 1)(random_);
}

Json JsonDamage::Odd() {
  const Json kOdd[] = {
      nullptr,       true,           0,         -1,         1,          2,
      1.5,           INT64_MAX,      INT64_MIN, UINT64_MAX, 1e308,      "",
      "x1",          "%1",           "bool",    "int32",    "a,ab->b",  "edge",
      Json::array(), Json::object(), {1, 2, 3}, {{0, 1}},   1000000007, int64_t{1} << 31};
  return kOdd[Below(std::size(kOdd))];
}

}  // namespace rnnserve::testing
