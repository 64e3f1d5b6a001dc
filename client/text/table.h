// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_TEXT_TABLE_H_
#define RNNSERVE_CLIENT_TEXT_TABLE_H_

#include <string>
#include <vector>

namespace rnnserve::client {

// A table for people to read: each column is as wide as its widest cell, with two blanks between
// columns.
//
// Owns its cells. Thread-compatible. A cell is one line of ASCII.
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

  // Returns a line of column names and a line for each row. Each line begins with `indent` blanks
  // and has no trailing blanks.
  std::string ToString(size_t indent = 0) const;

 private:
  std::vector<Alignment> alignments_;
  // The first row holds the column names.
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_TEXT_TABLE_H_
