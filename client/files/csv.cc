// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/files/csv.h"

#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace rnnserve::client {
namespace {

using Fields = std::vector<absl::string_view>;

struct Columns {
  size_t num_columns = 0;
  std::optional<size_t> sequence;
  std::optional<size_t> time;
};

Fields SplitLine(absl::string_view line) {
  Fields fields = absl::StrSplit(line, ',');
  for (absl::string_view& field : fields) field = absl::StripAsciiWhitespace(field);
  return fields;
}

bool IsHeader(const Fields& fields) {
  double ignored = 0;
  for (absl::string_view field : fields) {
    if (!absl::SimpleAtod(field, &ignored)) return true;
  }
  return false;
}

Columns ReadHeader(const Fields& fields) {
  Columns columns{fields.size(), std::nullopt, std::nullopt};
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields[i] == "sequence") columns.sequence = i;
    if (fields[i] == "time") columns.time = i;
  }
  return columns;
}

absl::StatusOr<std::vector<double>> ReadFeatures(const Fields& fields, const Columns& columns) {
  if (fields.size() != columns.num_columns) {
    return absl::InvalidArgumentError(
        absl::StrCat("has ", fields.size(), " fields; the first line has ", columns.num_columns));
  }
  std::vector<double> row;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (i == columns.sequence || i == columns.time) continue;
    double value = 0;
    if (!absl::SimpleAtod(fields[i], &value)) {
      return absl::InvalidArgumentError(absl::StrCat("'", fields[i], "' is not a number"));
    }
    row.push_back(value);
  }
  return row;
}

// Groups lines into sequences. A line with a new name begins a new sequence.
class Sequences {
 public:
  explicit Sequences(const InputKind& kind) : kind_(kind) {}

  absl::Status Add(absl::string_view name, std::vector<double> row) {
    if (!rows_.empty() && name != name_) {
      if (absl::Status status = Finish(); !status.ok()) return status;
    }
    name_ = name;
    rows_.push_back(std::move(row));
    return absl::OkStatus();
  }

  absl::Status Finish() {
    absl::StatusOr<Tensor> sequence = SequenceFromRows(rows_, kind_);
    if (!sequence.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("sequence '", name_, "': ", sequence.status().message()));
    }
    rows_.clear();
    sequences_.push_back(*std::move(sequence));
    return absl::OkStatus();
  }

  std::vector<Tensor> Take() { return std::move(sequences_); }

 private:
  const InputKind kind_;
  absl::string_view name_;
  Rows rows_;
  std::vector<Tensor> sequences_;
};

}  // namespace

absl::StatusOr<std::vector<Tensor>> ParseCsv(absl::string_view text, const InputKind& kind) {
  std::optional<Columns> columns;
  Sequences sequences(kind);
  size_t line_number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++line_number;
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    const Fields fields = SplitLine(line);
    if (!columns.has_value()) {
      const bool is_header = IsHeader(fields);
      columns = is_header ? ReadHeader(fields) : Columns{fields.size(), {}, {}};
      if (is_header) continue;
    }
    absl::StatusOr<std::vector<double>> row = ReadFeatures(fields, *columns);
    absl::Status status = row.status();
    if (status.ok()) {
      const absl::string_view name = columns->sequence ? fields[*columns->sequence] : "0";
      status = sequences.Add(name, *std::move(row));
    }
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("line ", line_number, ": ", status.message()));
    }
  }
  if (absl::Status status = sequences.Finish(); !status.ok()) return status;
  return sequences.Take();
}

std::string FormatCsv(const std::vector<Tensor>& outputs) {
  std::string text;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Tensor& output = outputs[i];
    const bool has_time = output.rank() == 2;
    const int64_t num_rows = has_time ? output.shape()[0] : 1;
    const int64_t num_columns = output.shape().back();
    if (i == 0) {
      text += has_time ? "sequence,time" : "sequence";
      for (int64_t c = 0; c < num_columns; ++c) absl::StrAppend(&text, ",y", c);
      text += '\n';
    }
    for (int64_t t = 0; t < num_rows; ++t) {
      absl::StrAppend(&text, i);
      if (has_time) absl::StrAppend(&text, ",", t);
      for (int64_t c = 0; c < num_columns; ++c) {
        absl::StrAppend(&text, ",",
                        FormatFloat(output.floats()[static_cast<size_t>(t * num_columns + c)]));
      }
      text += '\n';
    }
  }
  return text;
}

}  // namespace rnnserve::client
