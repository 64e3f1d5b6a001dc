// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <nlohmann/json.hpp>
#include <string>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/program/attributes_text.h"
#include "core/program/check_program.h"
#include "core/program/read_program.h"

namespace rnnserve {
namespace {

using Json = nlohmann::json;

Json ShapeToText(const Shape& shape) {
  return std::vector<int64_t>(shape.extents().begin(), shape.extents().end());
}

Json DeclarationToText(const Program::Value& value) {
  return {{"name", value.name},
          {"shape", ShapeToText(value.shape)},
          {"type", std::string(ElementTypeName(value.type))}};
}

Json ElementsToText(const Program::Literal& literal, ElementType type) {
  Json values = Json::array();
  if (const auto* floats = std::get_if<std::vector<float>>(&literal.elements)) {
    for (const float element : *floats) values.push_back(element);
    return values;
  }
  for (const int32_t element : std::get<std::vector<int32_t>>(literal.elements)) {
    values.push_back(type == ElementType::kBool ? Json(element != 0) : Json(element));
  }
  return values;
}

Json LiteralToText(const Program::Literal& literal, const Program::Value& value) {
  return {{"type", std::string(ElementTypeName(value.type))},
          {"shape", ShapeToText(value.shape)},
          {"values", ElementsToText(literal, value.type)}};
}

Json OperationToText(const Program& program, const Program::Operation& operation,
                     const absl::flat_hash_map<Program::ValueId, Json>& numbers) {
  Json text = {{"op", std::string(OpCodeName(operation.code))}, {"in", Json::array()}};
  for (const Program::ValueId id : operation.operands) {
    const auto number = numbers.find(id);
    text["in"].push_back(number == numbers.end() ? Json(program.values[id].name) : number->second);
  }
  if (operation.results.size() == 1) {
    text["out"] = program.values[operation.results[0]].name;
  } else {
    text["out"] = Json::array();
    for (const Program::ValueId id : operation.results) {
      text["out"].push_back(program.values[id].name);
    }
  }
  WriteAttributes(operation.code, operation.attributes, text);
  return text;
}

}  // namespace

Json WriteProgram(const Program& program) {
  Json text = {{"program_version", 1},        {"inputs", Json::array()},
               {"states", Json::array()},     {"constants", Json::array()},
               {"weights", Json::object()},   {"literals", Json::object()},
               {"operations", Json::array()}, {"outputs", Json::array()}};
  const auto name = [&program](Program::ValueId id) { return program.values[id].name; };
  for (const Program::ValueId id : program.inputs) {
    text["inputs"].push_back(DeclarationToText(program.values[id]));
  }
  for (const Program::State& state : program.states) {
    Json declaration = DeclarationToText(program.values[state.value]);
    declaration["next"] = name(state.next);
    if (!state.initial.empty()) declaration["initial"] = state.initial;
    text["states"].push_back(std::move(declaration));
  }
  for (const Program::ValueId id : program.constants) {
    text["constants"].push_back(DeclarationToText(program.values[id]));
  }
  for (const Program::ValueId id : program.weights) {
    text["weights"][name(id)] = ShapeToText(program.values[id].shape);
  }
  absl::flat_hash_map<Program::ValueId, Json> numbers;
  for (const Program::Literal& literal : program.literals) {
    const Program::Value& value = program.values[literal.value];
    if (value.name[0] == kAnonymousPrefix) {
      numbers[literal.value] = ElementsToText(literal, value.type)[0];
    } else {
      text["literals"][value.name] = LiteralToText(literal, value);
    }
  }
  for (const Program::Operation& operation : program.operations) {
    text["operations"].push_back(OperationToText(program, operation, numbers));
  }
  for (const Program::Output& output : program.outputs) {
    text["outputs"].push_back({{"name", output.name}, {"value", name(output.value)}});
  }
  return text;
}

}  // namespace rnnserve
