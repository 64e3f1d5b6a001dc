// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_TEXT_FIELDS_H_
#define RNNSERVE_CORE_PROGRAM_TEXT_FIELDS_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/base/shape.h"
#include "core/program/operation.h"

namespace rnnserve {

// Typed access to one JSON object in the text of a program. Every error is INVALID_ARGUMENT, reason
// PROGRAM_INVALID, and names the object and the key.
//
// A view: the JSON must outlive it. Immutable; safe to share.
class TextFields {
 public:
  // `place` names the object in error texts: "states[2]". Errors: it is not an object, or has keys
  // other than `keys`.
  static absl::StatusOr<TextFields> Create(const nlohmann::json& object, std::string place,
                                           absl::Span<const absl::string_view> keys);

  const std::string& place() const { return place_; }
  bool Has(absl::string_view key) const;

  // Return the value under `key`, which is required.
  absl::StatusOr<std::string> String(absl::string_view key) const;
  absl::StatusOr<int64_t> Integer(absl::string_view key) const;
  absl::StatusOr<std::vector<int64_t>> Integers(absl::string_view key) const;
  // Returns a list of lists of `size_min` to `size_max` whole numbers.
  absl::StatusOr<std::vector<std::vector<int64_t>>> IntegerLists(absl::string_view key,
                                                                 size_t size_min,
                                                                 size_t size_max) const;
  // Reads a list of extents; which ones are allowed is checked elsewhere.
  absl::StatusOr<Shape> ReadShape(absl::string_view key) const;
  absl::StatusOr<ElementType> Type(absl::string_view key) const;
  // Returns the list under `key`.
  absl::StatusOr<const nlohmann::json*> List(absl::string_view key) const;

  // Return the value under `key`, or what stands for it if the key is absent.
  absl::StatusOr<bool> BoolOr(absl::string_view key, bool fallback) const;
  absl::StatusOr<ElementType> TypeOr(absl::string_view key, ElementType fallback) const;

  // Returns an error that names the object.
  absl::Status Error(absl::string_view text) const;

 private:
  TextFields(const nlohmann::json& object, std::string place)
      : object_(&object), place_(std::move(place)) {}

  // Returns an error that says what `key` should be.
  absl::Status Mistyped(absl::string_view key, absl::string_view expected) const;

  const nlohmann::json* object_;
  std::string place_;
};

// Returns the shape that a list of whole numbers gives. `place` names it in error texts.
absl::StatusOr<Shape> ShapeOfText(const nlohmann::json& list, absl::string_view place);

// Returns the float that a number of the text stands for; nullopt if it is none, or not finite.
std::optional<float> FloatElement(const nlohmann::json& number);
// Returns the int32 or bool that a number or truth value of the text stands for; nullopt if it is
// none.
std::optional<int32_t> IntegerElement(const nlohmann::json& number, ElementType type);
// Returns an error text for what stands for no element of that type.
std::string ElementError(const nlohmann::json& number, ElementType type);

// Returns JSON for an error text, cut off if it is long.
std::string ShortText(const nlohmann::json& value);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_TEXT_FIELDS_H_
