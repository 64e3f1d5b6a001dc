// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_TEXT_TABLE_H_
#define RNNSERVE_CLIENT_TEXT_TABLE_H_

#include <string>
#include <vector>

namespace rnnserve::client {

// A table for people: columns as wide as their widest cell, two blanks between.
//
// Owns its cells. Thread-compatible. Cells are ASCII on one line.
//
//   Table table({{"MODEL"}, {"BYTES", Table::kRight}});
//   table.AddRow({"sunspots", "256"});
//   std::cout << table.ToString();
class Table {
 public:
  enum Alignment { kLeft, kRight };
  struct Column {
    std::string name;
    Alignment alignment = kLeft;
  };

  explicit Table(std::vector<Column> columns);

  // REQUIRES: as many cells as columns.
  void AddRow(std::vector<std::string> cells);

  // A line of names and a line for each row, without blanks at the ends of lines. Each line begins
  // with `indent` blanks.
  std::string ToString(size_t indent = 0) const;

 private:
  std::vector<Alignment> alignments_;
  // The first is the names.
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_TEXT_TABLE_H_
