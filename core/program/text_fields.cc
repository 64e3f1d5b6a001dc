// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/text_fields.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/program/infer_values.h"
#include "core/program/limits.h"

namespace rnnserve {
namespace {

using Json = nlohmann::json;

std::optional<int64_t> IntegerOf(const Json& value) {
  if (value.is_number_unsigned()) {
    const uint64_t number = value.get<uint64_t>();
    if (number > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
    return static_cast<int64_t>(number);
  }
  if (!value.is_number_integer()) return std::nullopt;
  return value.get<int64_t>();
}

std::optional<std::vector<int64_t>> IntegersOf(const Json& value) {
  if (!value.is_array()) return std::nullopt;
  std::vector<int64_t> numbers;
  numbers.reserve(value.size());
  for (const Json& element : value) {
    const auto number = IntegerOf(element);
    if (!number.has_value()) return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

}  // namespace

absl::StatusOr<TextFields> TextFields::Create(const Json& object, std::string place,
                                              absl::Span<const absl::string_view> keys) {
  TextFields fields(object, std::move(place));
  if (!object.is_object()) return fields.Error("it is not a JSON object");
  for (const auto& [key, value] : object.items()) {
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    return fields.Error(absl::StrCat("the key '", key.substr(0, 64),
                                     "' is not known; the keys are ", absl::StrJoin(keys, ", ")));
  }
  return fields;
}

bool TextFields::Has(absl::string_view key) const { return object_->contains(std::string(key)); }

absl::StatusOr<std::string> TextFields::String(absl::string_view key) const {
  const auto found = object_->find(std::string(key));
  if (found == object_->end() || !found->is_string()) return Mistyped(key, "a string");
  return found->get<std::string>();
}

absl::StatusOr<int64_t> TextFields::Integer(absl::string_view key) const {
  const auto found = object_->find(std::string(key));
  const auto number = found == object_->end() ? std::nullopt : IntegerOf(*found);
  if (!number.has_value()) return Mistyped(key, "a whole number");
  return *number;
}

absl::StatusOr<std::vector<int64_t>> TextFields::Integers(absl::string_view key) const {
  const auto found = object_->find(std::string(key));
  auto numbers = found == object_->end() ? std::nullopt : IntegersOf(*found);
  if (!numbers.has_value()) return Mistyped(key, "a list of whole numbers");
  return *std::move(numbers);
}

absl::StatusOr<std::vector<std::vector<int64_t>>> TextFields::IntegerLists(absl::string_view key,
                                                                           size_t size_min,
                                                                           size_t size_max) const {
  const std::string expected = absl::StrCat(
      "a list of lists of ", size_min == size_max ? "" : absl::StrCat(size_min, " or "), size_max,
      " whole numbers");
  RNNSERVE_ASSIGN_OR_RETURN(const Json* list, List(key));
  std::vector<std::vector<int64_t>> lists;
  for (const Json& element : *list) {
    auto numbers = IntegersOf(element);
    if (!numbers.has_value() || numbers->size() < size_min || numbers->size() > size_max) {
      return Mistyped(key, expected);
    }
    lists.push_back(*std::move(numbers));
  }
  return lists;
}

absl::StatusOr<Shape> TextFields::ReadShape(absl::string_view key) const {
  const auto found = object_->find(std::string(key));
  if (found == object_->end()) return Mistyped(key, "a list of whole numbers");
  return ShapeOfText(*found, absl::StrCat(place_, ": '", key, "'"));
}

absl::StatusOr<ElementType> TextFields::Type(absl::string_view key) const {
  RNNSERVE_ASSIGN_OR_RETURN(const std::string name, String(key));
  const auto type = ElementTypeFromName(name);
  if (!type.has_value()) return Mistyped(key, "float32, int32 or bool");
  return *type;
}

absl::StatusOr<const Json*> TextFields::List(absl::string_view key) const {
  const auto found = object_->find(std::string(key));
  if (found == object_->end() || !found->is_array()) return Mistyped(key, "a list");
  return &*found;
}

absl::StatusOr<bool> TextFields::BoolOr(absl::string_view key, bool fallback) const {
  const auto found = object_->find(std::string(key));
  if (found == object_->end()) return fallback;
  if (!found->is_boolean()) return Mistyped(key, "true or false");
  return found->get<bool>();
}

absl::StatusOr<ElementType> TextFields::TypeOr(absl::string_view key, ElementType fallback) const {
  if (!Has(key)) return fallback;
  return Type(key);
}

absl::Status TextFields::Error(absl::string_view text) const {
  return InvalidProgram(place_.empty() ? std::string(text) : absl::StrCat(place_, ": ", text));
}

absl::Status TextFields::Mistyped(absl::string_view key, absl::string_view expected) const {
  const auto found = object_->find(std::string(key));
  if (found == object_->end()) {
    return Error(absl::StrCat("the key '", key, "' is missing; it is ", expected));
  }
  return Error(absl::StrCat("'", key, "' is ", ShortText(*found), ", not ", expected));
}

absl::StatusOr<Shape> ShapeOfText(const Json& list, absl::string_view place) {
  const auto extents = IntegersOf(list);
  if (extents.has_value()) return Shape(*extents);
  return InvalidProgram(absl::StrCat(place, " is ", ShortText(list),
                                     ", not a shape: a list of whole numbers, without the batch and"
                                     " without null"));
}

std::optional<float> FloatElement(const Json& number) {
  if (!number.is_number()) return std::nullopt;
  const double element = number.get<double>();
  if (!(std::abs(element) <= std::numeric_limits<float>::max())) return std::nullopt;
  return static_cast<float>(element);
}

std::optional<int32_t> IntegerElement(const Json& number, ElementType type) {
  if (type == ElementType::kBool) {
    return number.is_boolean() ? std::optional<int32_t>(number.get<bool>()) : std::nullopt;
  }
  const auto whole = IntegerOf(number);
  if (!whole.has_value() || !std::in_range<int32_t>(*whole)) return std::nullopt;
  return static_cast<int32_t>(*whole);
}

std::string ElementError(const Json& number, ElementType type) {
  constexpr absl::string_view kExpected[] = {
      "a finite float32", "a whole number from -2147483648 to 2147483647", "true or false"};
  return absl::StrCat(ShortText(number), " is not ", ElementTypeName(type), ": it must be ",
                      kExpected[static_cast<size_t>(type)]);
}

std::string ShortText(const Json& value) {
  constexpr size_t kShown = 60;
  if (value.is_object()) return "an object";
  if (value.is_array() && value.size() > 8) {
    return absl::StrCat("a list of ", value.size(), " entries");
  }
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > kShown) text = absl::StrCat(text.substr(0, kShown), "...");
  return text;
}

}  // namespace rnnserve
