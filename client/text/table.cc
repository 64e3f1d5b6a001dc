// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/text/table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"

namespace rnnserve::client {
namespace {

constexpr size_t kGap = 2;

}  // namespace

Table::Table(std::vector<Column> columns) {
  std::vector<std::string> names;
  for (Column& column : columns) {
    alignments_.push_back(column.alignment);
    names.push_back(std::move(column.name));
  }
  rows_.push_back(std::move(names));
}

void Table::AddRow(std::vector<std::string> cells) {
  cells.resize(alignments_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::ToString(size_t indent) const {
  std::vector<size_t> widths(alignments_.size());
  for (const auto& row : rows_) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line(indent, ' ');
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string padding(widths[c] - row[c].size(), ' ');
      if (c > 0) line.append(kGap, ' ');
      line += alignments_[c] == kRight ? padding + row[c] : row[c] + padding;
    }
    absl::StripTrailingAsciiWhitespace(&line);
    text += line + '\n';
  }
  return text;
}

}  // namespace rnnserve::client
