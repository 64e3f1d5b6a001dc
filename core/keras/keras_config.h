// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERAS_KERAS_CONFIG_H_
#define RNNSERVE_CORE_KERAS_KERAS_CONFIG_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/kernels/activation.h"

namespace rnnserve {

// One serialized Keras object, {"class_name": ..., "registered_name": ..., "config": {...}}, with
// typed access to its configuration. Every error is INVALID_ARGUMENT, reason MODEL_CONFIG, unless a
// comment says otherwise, and names the object and the key.
//
// A view: the JSON must outlive it. Immutable; safe to share.
class KerasConfig {
 public:
  // `path` says where the object stands, for error texts: "layer 'lstm'". Anything but a serialized
  // object is taken for one without class and configuration.
  KerasConfig(const nlohmann::json& object, std::string path);

  // `class_name`; empty if it is missing.
  std::string class_name() const;
  // `registered_name` ("package>Name" for a custom class); the class name if it is missing.
  std::string registered_name() const;
  // `config.name`; empty if it is missing.
  std::string name() const;
  const std::string& path() const { return path_; }

  bool Has(absl::string_view key) const;

  // The value under `key` of the configuration, or `fallback` where it is absent or null.
  absl::StatusOr<bool> Bool(absl::string_view key, bool fallback) const;
  absl::StatusOr<double> Number(absl::string_view key, double fallback) const;
  absl::StatusOr<std::string> String(absl::string_view key, absl::string_view fallback) const;
  // A whole number from 1 to 2^31 - 1. Required.
  absl::StatusOr<int64_t> PositiveInt(absl::string_view key) const;
  // `count` of them: a list of that length, or one number that stands for all. Where it is absent
  // or null, all are `fallback`; without a fallback it is required.
  absl::StatusOr<std::vector<int64_t>> PositiveInts(
      absl::string_view key, size_t count, std::optional<int64_t> fallback = std::nullopt) const;
  // An activation by name, or as Keras serializes a function or an Activation, ReLU, LeakyReLU, ELU
  // or Softmax layer; null is linear. Options of these layers that no Activation has, such as
  // another slope, are UNIMPLEMENTED, reason OPTION_UNSUPPORTED.
  absl::StatusOr<Activation> ActivationOr(absl::string_view key, Activation fallback) const;
  // A serialized object nested under `key`. Required.
  absl::StatusOr<KerasConfig> Object(absl::string_view key) const;
  // A list of serialized objects under `key`. Required.
  absl::StatusOr<std::vector<KerasConfig>> Objects(absl::string_view key) const;
  // The raw value under `key`; null if it is absent.
  const nlohmann::json& Raw(absl::string_view key) const;

  // OK if the dtype policy is absent or one of floating point, which is computed in float32
  // whatever its precision: float32, float64, float16, bfloat16, mixed_float16, mixed_bfloat16.
  // Else (a quantized one) UNIMPLEMENTED, reason OPTION_UNSUPPORTED.
  absl::Status CheckDtypePolicy() const;

  // An INVALID_ARGUMENT, reason MODEL_CONFIG, about this object.
  absl::Status Error(absl::string_view text) const;
  // An UNIMPLEMENTED, reason OPTION_UNSUPPORTED, about this object.
  absl::Status Unsupported(absl::string_view text) const;

 private:
  const nlohmann::json* object_;
  const nlohmann::json* config_;
  std::string path_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERAS_KERAS_CONFIG_H_
