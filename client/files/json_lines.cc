// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/files/json_lines.h"

#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"

namespace rnnserve::client {
namespace {

using Json = nlohmann::json;

absl::StatusOr<std::vector<double>> ReadTimestep(const Json& timestep) {
  if (timestep.is_number()) return std::vector<double>{timestep.get<double>()};
  std::vector<double> row;
  for (const Json& value : timestep) {
    if (!timestep.is_array() || !value.is_number()) break;
    row.push_back(value.get<double>());
  }
  if (!timestep.is_array() || row.size() != timestep.size()) {
    return absl::InvalidArgumentError("is neither a number nor an array of numbers");
  }
  return row;
}

absl::StatusOr<Tensor> ReadSequence(absl::string_view line, const InputKind& kind) {
  const Json document = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) return absl::InvalidArgumentError("is not JSON");
  const Json* frames = &document;
  if (document.is_object()) {
    const auto it = document.find("frames");
    if (it == document.end()) return absl::InvalidArgumentError("has no \"frames\"");
    frames = &*it;
  }
  if (!frames->is_array()) return absl::InvalidArgumentError("has no array of timesteps");
  Rows rows;
  for (const Json& timestep : *frames) {
    absl::StatusOr<std::vector<double>> row = ReadTimestep(timestep);
    if (!row.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("timestep ", rows.size(), " ", row.status().message()));
    }
    rows.push_back(*std::move(row));
  }
  return SequenceFromRows(rows, kind);
}

std::string FormatNumbers(absl::Span<const float> values) {
  std::string text = "[";
  for (size_t i = 0; i < values.size(); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ",",
                    std::isfinite(values[i]) ? FormatFloat(values[i]) : "null");
  }
  return text + "]";
}

std::string FormatTensor(const Tensor& tensor) {
  if (tensor.rank() < 2) return FormatNumbers(tensor.floats());
  const size_t row_size = static_cast<size_t>(tensor.shape()[1]);
  std::string text = "[";
  for (size_t t = 0; t < static_cast<size_t>(tensor.shape()[0]); ++t) {
    absl::StrAppend(&text, t == 0 ? "" : ",",
                    FormatNumbers(tensor.floats().subspan(t * row_size, row_size)));
  }
  return text + "]";
}

}  // namespace

absl::StatusOr<std::vector<Tensor>> ParseJsonLines(absl::string_view text, const InputKind& kind) {
  std::vector<Tensor> sequences;
  size_t line_number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++line_number;
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    absl::StatusOr<Tensor> sequence = ReadSequence(line, kind);
    if (!sequence.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", line_number, ": ", sequence.status().message()));
    }
    sequences.push_back(*std::move(sequence));
  }
  return sequences;
}

std::string FormatJsonLines(const std::vector<Tensor>& outputs) {
  std::string text;
  for (size_t i = 0; i < outputs.size(); ++i) {
    absl::StrAppend(&text, "{\"sequence\":", i, ",\"output\":", FormatTensor(outputs[i]), "}\n");
  }
  return text;
}

std::string FormatJsonLines(const std::vector<std::vector<NamedTensor>>& outputs) {
  std::string text;
  for (size_t i = 0; i < outputs.size(); ++i) {
    absl::StrAppend(&text, "{\"sequence\":", i, ",\"outputs\":{");
    for (size_t k = 0; k < outputs[i].size(); ++k) {
      const NamedTensor& output = outputs[i][k];
      absl::StrAppend(&text, k == 0 ? "" : ",", Json(output.name).dump(), ":",
                      FormatTensor(output.value));
    }
    absl::StrAppend(&text, "}}\n");
  }
  return text;
}

}  // namespace rnnserve::client
