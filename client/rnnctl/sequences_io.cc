// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/rnnctl/sequences_io.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/files/sequence_file.h"
#include "client/rnnctl/failure.h"
#include "client/text/table.h"

namespace rnnserve::client {
namespace {

// The number of outputs that fit on a line of a wide terminal.
constexpr int64_t kMaxTableColumns = 10;

std::string PlaceOf(const std::string& path) { return path == "-" ? "standard input" : path; }

InputKind KindOf(const v1::TensorSpec& spec) {
  InputKind kind;
  kind.is_token = spec.dtype() != v1::DATA_TYPE_FLOAT32;
  for (int64_t extent : spec.shape()) kind.num_features *= extent;
  return kind;
}

// Returns the format of a path. A known extension takes precedence: `--format` is for paths without
// one.
absl::StatusOr<FileFormat> FormatOf(const std::string& path, const std::string& format) {
  const absl::StatusOr<FileFormat> by_extension = FormatByExtension(path);
  if (by_extension.ok() || format.empty()) return by_extension;
  return FormatByName(format);
}

absl::StatusOr<FileFormat> InputFormat(const Options& options) {
  if (options.input == "-" && options.format.empty()) return FileFormat::kJsonLines;
  return FormatOf(options.input, options.format);
}

// Returns the format of the output; nothing for a table.
absl::StatusOr<std::optional<FileFormat>> OutputFormat(const Options& options) {
  if (options.output == "-" && options.format.empty()) {
    return options.is_json ? std::optional(FileFormat::kJsonLines) : std::nullopt;
  }
  const absl::StatusOr<FileFormat> format = FormatOf(options.output, options.format);
  if (!format.ok()) return format.status();
  return std::optional(*format);
}

std::string FormatTable(const std::vector<Tensor>& outputs) {
  const int64_t num_columns = outputs[0].shape().back();
  const int64_t num_shown = std::min(num_columns, kMaxTableColumns);
  const bool has_time = outputs[0].rank() == 2;
  std::vector<Table::Column> columns = {{"SEQUENCE", Table::kRight}};
  if (has_time) columns.push_back({"TIME", Table::kRight});
  for (int64_t c = 0; c < num_shown; ++c) columns.push_back({absl::StrCat("Y", c), Table::kRight});
  if (num_shown < num_columns) columns.push_back({absl::StrCat("... Y", num_columns - 1)});
  Table table(std::move(columns));
  for (size_t i = 0; i < outputs.size(); ++i) {
    const int64_t num_rows = has_time ? outputs[i].shape()[0] : 1;
    for (int64_t t = 0; t < num_rows; ++t) {
      std::vector<std::string> cells = {absl::StrCat(i)};
      if (has_time) cells.push_back(absl::StrCat(t));
      for (int64_t c = 0; c < num_shown; ++c) {
        const float value = outputs[i].floats()[static_cast<size_t>(t * num_columns + c)];
        cells.push_back(absl::StrFormat("%.6g", value));
      }
      table.AddRow(std::move(cells));
    }
  }
  return table.ToString();
}

}  // namespace

absl::StatusOr<std::vector<Tensor>> ReadSequences(Client& client, const Options& options) {
  const auto model = client.DescribeModel(options.model, CallOptionsOf(options));
  if (!model.ok()) return model.status();
  const absl::StatusOr<FileFormat> format = InputFormat(options);
  if (!format.ok()) return LocalError("input", format.status());
  const absl::StatusOr<std::string> bytes = ReadFile(options.input);
  if (!bytes.ok()) return LocalError("input", bytes.status());
  auto sequences = ParseSequences(*bytes, *format, KindOf(model->input()));
  if (!sequences.ok()) return LocalError(PlaceOf(options.input), sequences.status());
  return sequences;
}

absl::Status CheckOutput(const Options& options) {
  const auto format = OutputFormat(options);
  return format.ok() ? absl::OkStatus() : LocalError("output", format.status());
}

absl::Status WriteOutputs(const std::vector<Tensor>& outputs, const Options& options,
                          const Terminal& terminal) {
  const auto format = OutputFormat(options);
  if (!format.ok()) return LocalError("output", format.status());
  if (!format->has_value()) {
    terminal.out << FormatTable(outputs);
    return absl::OkStatus();
  }
  const absl::StatusOr<std::string> bytes = FormatOutputs(outputs, **format);
  if (!bytes.ok()) return LocalError("output", bytes.status());
  return WriteResult(options.output, *bytes, "output", terminal);
}

}  // namespace rnnserve::client
