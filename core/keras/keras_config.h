// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERAS_KERAS_CONFIG_H_
#define RNNSERVE_CORE_KERAS_KERAS_CONFIG_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/kernels/activation.h"

namespace rnnserve {

// One serialized Keras object, {"class_name": ..., "registered_name": ..., "config": {...}}, with
// typed access to its configuration. Unless a comment says otherwise, every error is
// INVALID_ARGUMENT, reason MODEL_CONFIG, and names the object and the key.
//
// A view: the JSON must outlive it. Immutable; safe to share.
class KerasConfig {
 public:
  // `path` names the object in error texts: "layer 'lstm'". If `object` is not a serialized object,
  // it is treated as one without a class and a configuration.
  KerasConfig(const nlohmann::json& object, std::string path);

  // Returns `class_name`, or an empty string if it is missing.
  std::string class_name() const;
  // Returns `registered_name` ("package>Name" for a custom class), or the class name if it is
  // missing.
  std::string registered_name() const;
  // Returns `config.name`, or an empty string if it is missing.
  std::string name() const;
  const std::string& path() const { return path_; }

  bool Has(absl::string_view key) const;

  // Return the value under `key` of the configuration, or `fallback` if it is absent or null.
  absl::StatusOr<bool> Bool(absl::string_view key, bool fallback) const;
  absl::StatusOr<double> Number(absl::string_view key, double fallback) const;
  absl::StatusOr<std::string> String(absl::string_view key, absl::string_view fallback) const;
  // Returns a whole number from 1 to 2^31 - 1. The key is required.
  absl::StatusOr<int64_t> PositiveInt(absl::string_view key) const;
  // Returns `count` whole numbers from 1 to 2^31 - 1, from a list of that length or from one number
  // that stands for all. If the key is absent or null, all are `fallback`; without a fallback the
  // key is required.
  absl::StatusOr<std::vector<int64_t>> PositiveInts(
      absl::string_view key, size_t count, std::optional<int64_t> fallback = std::nullopt) const;
  // Returns an activation. The value is its name, or what Keras writes for a function or for an
  // Activation, ReLU, LeakyReLU, ELU or Softmax layer; null is linear. If such a layer has options
  // that no Activation has, for example another slope, the error is UNIMPLEMENTED, reason
  // OPTION_UNSUPPORTED.
  absl::StatusOr<Activation> ActivationOr(absl::string_view key, Activation fallback) const;
  // Returns the serialized object under `key`, which is required.
  absl::StatusOr<KerasConfig> Object(absl::string_view key) const;
  // Returns the list of serialized objects under `key`, which is required.
  absl::StatusOr<std::vector<KerasConfig>> Objects(absl::string_view key) const;
  // Returns the value under `key` as JSON; null if it is absent.
  const nlohmann::json& Raw(absl::string_view key) const;

  // Returns OK if the dtype policy is absent, float32, float64, float16, bfloat16, mixed_float16 or
  // mixed_bfloat16. All of these are computed in float32. Any other policy, such as a quantized
  // one, is UNIMPLEMENTED, reason OPTION_UNSUPPORTED.
  absl::Status CheckDtypePolicy() const;

  // Returns an INVALID_ARGUMENT error, reason MODEL_CONFIG, that names this object.
  absl::Status Error(absl::string_view text) const;
  // Returns an UNIMPLEMENTED error, reason OPTION_UNSUPPORTED, that names this object.
  absl::Status Unsupported(absl::string_view text) const;

 private:
  const nlohmann::json* object_;
  const nlohmann::json* config_;
  std::string path_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERAS_KERAS_CONFIG_H_
