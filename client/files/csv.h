// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_FILES_CSV_H_
#define RNNSERVE_CLIENT_FILES_CSV_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cpp/tensor.h"
#include "client/files/rows.h"

// Numbers separated by commas; each line is one timestep.
//
//   sequence,time,x0,x1        The header is optional. Without it the file is one sequence and
//   0,0,1.5,-0.25              every column is a feature. With it, the column `sequence` holds the
//   0,1,1.75,0                 name of the sequence (the lines of one sequence are consecutive),
//   1,0,2,2                    the column `time` is ignored, and the others are the features.
namespace rnnserve::client {

// Reads the sequences of a CSV file. INVALID_ARGUMENT, with the line, if a field is not a number,
// if a line has more or fewer fields than the first, or if a sequence does not fit `kind`. There is
// no quoting, because numbers need none.
absl::StatusOr<std::vector<Tensor>> ParseCsv(absl::string_view text, const InputKind& kind);

// Formats `outputs`, which are float and all [time, outputs] or all [outputs], with a header as
// above (y0, y1, ...).
std::string FormatCsv(const std::vector<Tensor>& outputs);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_FILES_CSV_H_
