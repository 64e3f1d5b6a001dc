// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/op_converter.h"

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/import/onnx/ops/converter_lists.h"

namespace rnnserve {
namespace {

std::vector<absl::Span<const NamedConverter>> Lists() {
  return {ActivationConverters(), ConstantConverters(),      ConvolutionConverters(),
          EinsumConverters(),     ElementwiseConverters(),   IndexConverters(),
          MoveConverters(),       NormalizationConverters(), PoolingConverters(),
          ProductConverters(),    QuantizationConverters(),  RecurrentConverters(),
          ReductionConverters(),  ResizeConverters(),        ShapeConverters(),
          SpectralConverters()};
}

}  // namespace

bool NodeConversion::has(size_t operand) {
  seen_operands_.insert(operand);
  return operand < operands_.size() && operands_[operand].has_value();
}

const BuiltValue& NodeConversion::operand(size_t index) {
  static const BuiltValue kMissing(ScalarTensor(0.0f));
  if (has(index)) return *operands_[index];
  Fail(absl::StrCat("operand ", index, " is missing"));
  return kMissing;
}

std::vector<BuiltValue> NodeConversion::operands() {
  std::vector<BuiltValue> all;
  for (size_t i = 0; i < operands_.size(); ++i) all.push_back(operand(i));
  return all;
}

std::vector<int64_t> NodeConversion::KnownIntegers(size_t index) {
  const BuiltValue& value = operand(index);
  if (!value.is_known()) {
    Fail(absl::StrCat("operand ", index, " ('", node_.inputs[index],
                      "') must not depend on the inputs and states"));
    return {};
  }
  if (value.type() == ElementType::kFloat32) {
    Fail(absl::StrCat("operand ", index, " must hold integers, not floats"));
    return {};
  }
  return value.tensor().integers();
}

std::vector<float> NodeConversion::KnownFloats(size_t index) {
  const BuiltValue& value = operand(index);
  if (!value.is_known()) {
    Fail(absl::StrCat("operand ", index, " ('", node_.inputs[index],
                      "') must not depend on the inputs and states"));
    return {};
  }
  if (value.type() != ElementType::kFloat32) {
    Fail(absl::StrCat("operand ", index, " must hold floats, not integers"));
    return {};
  }
  return value.tensor().floats();
}

bool NodeConversion::wants(size_t index) const {
  return index < node_.outputs.size() && !node_.outputs[index].empty();
}

bool NodeConversion::has_attribute(absl::string_view name) const {
  return node_.attributes.count(std::string(name)) > 0;
}

template <typename T>
T NodeConversion::Attribute(absl::string_view name, T fallback, absl::string_view kind) {
  seen_attributes_.emplace(name);
  const auto found = node_.attributes.find(std::string(name));
  if (found == node_.attributes.end()) return fallback;
  if (const T* value = std::get_if<T>(&found->second)) return *value;
  Fail(absl::StrCat("attribute '", name, "' is not ", kind));
  return fallback;
}

int64_t NodeConversion::Int(absl::string_view name, int64_t fallback) {
  return Attribute<int64_t>(name, fallback, "an integer");
}

float NodeConversion::Float(absl::string_view name, float fallback) {
  return Attribute<float>(name, fallback, "a float");
}

std::string NodeConversion::String(absl::string_view name, absl::string_view fallback) {
  return Attribute<std::string>(name, std::string(fallback), "a string");
}

std::vector<int64_t> NodeConversion::Ints(absl::string_view name, std::vector<int64_t> fallback) {
  return Attribute<std::vector<int64_t>>(name, std::move(fallback), "a list of integers");
}

std::vector<float> NodeConversion::Floats(absl::string_view name, std::vector<float> fallback) {
  return Attribute<std::vector<float>>(name, std::move(fallback), "a list of floats");
}

std::vector<std::string> NodeConversion::Strings(absl::string_view name,
                                                 std::vector<std::string> fallback) {
  return Attribute<std::vector<std::string>>(name, std::move(fallback), "a list of strings");
}

const OnnxTensor* NodeConversion::Tensor(absl::string_view name) {
  seen_attributes_.emplace(name);
  const auto found = node_.attributes.find(std::string(name));
  if (found == node_.attributes.end()) return nullptr;
  const OnnxTensor* tensor = std::get_if<OnnxTensor>(&found->second);
  if (tensor == nullptr) Fail(absl::StrCat("attribute '", name, "' is not a tensor"));
  return tensor;
}

void NodeConversion::IgnoreAll() {
  for (size_t i = 0; i < operands_.size(); ++i) seen_operands_.insert(i);
  for (const auto& [name, value] : node_.attributes) seen_attributes_.insert(name);
}

int NodeConversion::Axis(int64_t axis, int rank) {
  if (axis >= -rank && axis < rank) return static_cast<int>(axis < 0 ? axis + rank : axis);
  Fail(absl::StrCat("axis ", axis, " is out of range for a tensor of rank ", rank));
  return 0;
}

void NodeConversion::Fail(absl::string_view text) {
  if (status_.ok()) status_ = InvalidArgument("MODEL_CONFIG", text);
}

absl::Status NodeConversion::Check() const {
  if (!status_.ok()) return status_;
  for (size_t i = 0; i < operands_.size(); ++i) {
    if (operands_[i].has_value() && seen_operands_.count(i) == 0) {
      return NotServed(absl::StrCat("operand ", i, " ('", node_.inputs[i], "') is not supported"));
    }
  }
  for (const auto& [name, value] : node_.attributes) {
    if (seen_attributes_.count(name) == 0) {
      return NotServed(absl::StrCat("attribute '", name, "' is not supported"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<BuiltValue>> OneResult(absl::StatusOr<BuiltValue> result) {
  RNNSERVE_ASSIGN_OR_RETURN(BuiltValue value, std::move(result));
  return std::vector<BuiltValue>{std::move(value)};
}

absl::Status NotServed(absl::string_view text) {
  return MakeError(absl::StatusCode::kUnimplemented, "MODEL_CONFIG", text);
}

const NamedConverter* FindConverter(absl::string_view domain, absl::string_view op_type,
                                    int64_t opset) {
  for (absl::Span<const NamedConverter> list : Lists()) {
    for (const NamedConverter& line : list) {
      if (line.domain == domain && line.op_type == op_type && opset >= line.first_opset) {
        return &line;
      }
    }
  }
  return nullptr;
}

std::vector<NamedConverter> AllConverters() {
  std::vector<NamedConverter> all;
  for (absl::Span<const NamedConverter> list : Lists()) {
    all.insert(all.end(), list.begin(), list.end());
  }
  return all;
}

}  // namespace rnnserve
