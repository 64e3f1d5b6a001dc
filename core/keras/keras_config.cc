// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/keras/keras_config.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"

namespace rnnserve {
namespace {

using Json = nlohmann::json;

const Json& Null() {
  static const Json null;
  return null;
}

// Returns the value under `key`; null if there is none or `object` is not an object.
const Json& Find(const Json& object, absl::string_view key) {
  if (!object.is_object()) return Null();
  const auto found = object.find(std::string(key));
  return found == object.end() ? Null() : *found;
}

std::string StringOrEmpty(const Json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

// Returns the value as JSON, shortened if it is too long for an error text.
std::string Show(const Json& value) {
  constexpr size_t kLongest = 80;
  std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  return text;
}

constexpr int64_t kLargestInt = std::numeric_limits<int32_t>::max();

bool IsPositiveInt(const Json& value) {
  // An integer beyond int64 would convert to a negative one, so compare it as a double first.
  return value.is_number_integer() && value.get<double>() >= 1.0 &&
         value.get<double>() <= static_cast<double>(kLargestInt);
}

absl::StatusOr<Activation> Named(const KerasConfig& owner, absl::string_view key,
                                 const std::string& name) {
  const auto activation = ActivationFromName(name);
  if (activation.has_value()) return *activation;
  // Keras also has glu, but it halves the length of a vector, which no layer here supports.
  if (name == "glu") {
    return owner.Unsupported(absl::StrCat("'", key, "': the activation 'glu' is not supported"));
  }
  return owner.Error(absl::StrCat("'", key, "': there is no activation '", name, "'"));
}

// Returns the activation that computes the same as a serialized layer of keras.layers.
absl::StatusOr<Activation> ActivationOfLayer(const KerasConfig& layer) {
  const std::string name = layer.class_name();
  if (name == "Activation") return layer.ActivationOr("activation", Activation::kLinear);
  if (name == "ReLU") {
    RNNSERVE_ASSIGN_OR_RETURN(const double slope, layer.Number("negative_slope", 0.0));
    RNNSERVE_ASSIGN_OR_RETURN(const double threshold, layer.Number("threshold", 0.0));
    const double unbounded = std::numeric_limits<double>::infinity();
    RNNSERVE_ASSIGN_OR_RETURN(const double bound, layer.Number("max_value", unbounded));
    if (slope == 0.0 && threshold == 0.0 && bound == unbounded) return Activation::kRelu;
    if (slope == 0.0 && threshold == 0.0 && bound == 6.0) return Activation::kRelu6;
  } else if (name == "LeakyReLU") {
    RNNSERVE_ASSIGN_OR_RETURN(const double slope, layer.Number("negative_slope", 0.3));
    if (static_cast<float>(slope) == 0.2f) return Activation::kLeakyRelu;
  } else if (name == "ELU") {
    RNNSERVE_ASSIGN_OR_RETURN(const double alpha, layer.Number("alpha", 1.0));
    if (alpha == 1.0) return Activation::kElu;
  } else if (name == "Softmax") {
    RNNSERVE_ASSIGN_OR_RETURN(const double axis, layer.Number("axis", -1.0));
    if (axis == -1.0) return Activation::kSoftmax;
  } else {
    return layer.Error(absl::StrCat("'", name, "' is not an activation"));
  }
  return layer.Unsupported(absl::StrCat("a ", name, " with these options is not supported"));
}

}  // namespace

KerasConfig::KerasConfig(const Json& object, std::string path)
    : object_(&object), config_(&Find(object, "config")), path_(std::move(path)) {}

std::string KerasConfig::class_name() const { return StringOrEmpty(Find(*object_, "class_name")); }

std::string KerasConfig::registered_name() const {
  const Json& name = Find(*object_, "registered_name");
  return name.is_string() ? name.get<std::string>() : class_name();
}

std::string KerasConfig::name() const { return StringOrEmpty(Find(*config_, "name")); }

bool KerasConfig::Has(absl::string_view key) const {
  return config_->is_object() && config_->contains(std::string(key));
}

absl::StatusOr<bool> KerasConfig::Bool(absl::string_view key, bool fallback) const {
  const Json& value = Raw(key);
  if (value.is_null()) return fallback;
  if (value.is_boolean()) return value.get<bool>();
  return Error(absl::StrCat("'", key, "' is ", Show(value), ", not a boolean"));
}

absl::StatusOr<double> KerasConfig::Number(absl::string_view key, double fallback) const {
  const Json& value = Raw(key);
  if (value.is_null()) return fallback;
  if (value.is_number()) return value.get<double>();
  return Error(absl::StrCat("'", key, "' is ", Show(value), ", not a number"));
}

absl::StatusOr<std::string> KerasConfig::String(absl::string_view key,
                                                absl::string_view fallback) const {
  const Json& value = Raw(key);
  if (value.is_null()) return std::string(fallback);
  if (value.is_string()) return value.get<std::string>();
  return Error(absl::StrCat("'", key, "' is ", Show(value), ", not a string"));
}

absl::StatusOr<int64_t> KerasConfig::PositiveInt(absl::string_view key) const {
  const Json& value = Raw(key);
  if (IsPositiveInt(value)) return value.get<int64_t>();
  return Error(
      absl::StrCat("'", key, "' is ", Show(value), ", not a whole number from 1 to ", kLargestInt));
}

absl::StatusOr<std::vector<int64_t>> KerasConfig::PositiveInts(
    absl::string_view key, size_t count, std::optional<int64_t> fallback) const {
  const Json& value = Raw(key);
  if (value.is_null() && fallback.has_value()) return std::vector<int64_t>(count, *fallback);
  if (IsPositiveInt(value)) return std::vector<int64_t>(count, value.get<int64_t>());
  if (value.is_array() && value.size() == count &&
      std::all_of(value.begin(), value.end(), IsPositiveInt)) {
    return value.get<std::vector<int64_t>>();
  }
  return Error(absl::StrCat("'", key, "' is ", Show(value), ", not ", count,
                            count == 1 ? " whole number" : " whole numbers", " from 1 to ",
                            kLargestInt));
}

absl::StatusOr<Activation> KerasConfig::ActivationOr(absl::string_view key,
                                                     Activation fallback) const {
  if (!Has(key)) return fallback;
  const Json& value = Raw(key);
  if (value.is_null()) return Activation::kLinear;
  if (value.is_string()) return Named(*this, key, value.get<std::string>());
  if (!value.is_object()) {
    return Error(absl::StrCat("'", key, "' is ", Show(value), ", not an activation"));
  }
  const KerasConfig object(value, absl::StrCat(path_, ", ", key));
  // A function or class of the user may have the name of one of Keras and compute something else.
  // TensorFlow's functions compute what Keras' functions of the same names do.
  const std::string name = object.registered_name();
  if (absl::StrContains(name, '>') && !absl::StartsWith(name, "tensorflow.")) {
    return Unsupported(
        absl::StrCat("'", key, "': the activation '", name, "' is not part of Keras"));
  }
  if (object.class_name() == "function") {
    return Named(*this, key, StringOrEmpty(Find(value, "config")));
  }
  return ActivationOfLayer(object);
}

absl::StatusOr<KerasConfig> KerasConfig::Object(absl::string_view key) const {
  const Json& value = Raw(key);
  if (value.is_object()) return KerasConfig(value, absl::StrCat(path_, ", ", key));
  return Error(absl::StrCat("'", key, "' is ", Show(value), ", not a serialized object"));
}

absl::StatusOr<std::vector<KerasConfig>> KerasConfig::Objects(absl::string_view key) const {
  const Json& list = Raw(key);
  if (!list.is_array()) {
    return Error(absl::StrCat("'", key, "' is ", Show(list), ", not a list"));
  }
  std::vector<KerasConfig> objects;
  for (size_t i = 0; i < list.size(); ++i) {
    if (!list[i].is_object()) {
      return Error(
          absl::StrCat("'", key, "[", i, "]' is ", Show(list[i]), ", not a serialized object"));
    }
    objects.emplace_back(list[i], absl::StrCat(path_, ", ", key, "[", i, "]"));
  }
  return objects;
}

const Json& KerasConfig::Raw(absl::string_view key) const { return Find(*config_, key); }

absl::Status KerasConfig::CheckDtypePolicy() const {
  const Json& dtype = Raw("dtype");
  // Keras writes a name, or a serialized DTypePolicy with the name in its configuration.
  const Json& policy = dtype.is_object() ? Find(Find(dtype, "config"), "name") : dtype;
  if (dtype.is_null()) return absl::OkStatus();
  for (const char* name :
       {"float32", "float64", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16"}) {
    if (policy == name) return absl::OkStatus();
  }
  return Unsupported(absl::StrCat("the dtype policy ", Show(policy), " is not supported"));
}

absl::Status KerasConfig::Error(absl::string_view text) const {
  return InvalidArgument("MODEL_CONFIG", absl::StrCat(path_, ": ", text));
}

absl::Status KerasConfig::Unsupported(absl::string_view text) const {
  return MakeError(absl::StatusCode::kUnimplemented, "OPTION_UNSUPPORTED",
                   absl::StrCat(path_, ": ", text));
}

}  // namespace rnnserve
