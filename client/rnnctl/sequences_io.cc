// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/rnnctl/sequences_io.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/files/json_lines.h"
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
  absl::StatusOr<FileFormat> by_extension = FormatByExtension(path);
  if (by_extension.ok() || format.empty()) return by_extension;
  return FormatByName(format);
}

// Reads the sequences of a file, or of standard input.
absl::StatusOr<std::vector<Tensor>> ReadSequenceFile(const std::string& path,
                                                     const v1::TensorSpec& spec,
                                                     const Options& options) {
  const absl::StatusOr<FileFormat> format = path == "-" && options.format.empty()
                                                ? FileFormat::kJsonLines
                                                : FormatOf(path, options.format);
  if (!format.ok()) return LocalError("input", format.status());
  const absl::StatusOr<std::string> bytes = ReadFile(path);
  if (!bytes.ok()) return LocalError("input", bytes.status());
  auto sequences = ParseSequences(*bytes, *format, KindOf(spec));
  if (!sequences.ok()) return LocalError(PlaceOf(path), sequences.status());
  return sequences;
}

// Returns every timestep of the sequences, as a vector of its own.
std::vector<Tensor> VectorsOf(const std::vector<Tensor>& sequences) {
  std::vector<Tensor> vectors;
  for (const Tensor& sequence : sequences) {
    const std::vector<int64_t>& shape = sequence.shape();
    for (int64_t t = 0; t < shape[0]; ++t) {
      vectors.push_back(sequence.Rows(t, t + 1).Reshaped({shape.begin() + 1, shape.end()}));
    }
  }
  return vectors;
}

absl::Status InputError(const std::string& text) {
  return LocalError("--input", absl::InvalidArgumentError(text));
}

// Returns the path that `--input` gives for an input of the model.
absl::StatusOr<std::string> PathOfInput(const std::string& name, const Options& options) {
  std::optional<std::string> path;
  for (const std::string& named : options.named_inputs) {
    if (!absl::StartsWith(named, absl::StrCat(name, "="))) continue;
    if (path.has_value()) return InputError(absl::StrCat("'", name, "' is given twice"));
    path = named.substr(name.size() + 1);
  }
  if (path.has_value()) return *path;
  return InputError(absl::StrCat("the model also has an input '", name, "'; give it too"));
}

// Checks that every input is one of the model's.
absl::Status CheckNames(const v1::DescribeModelResponse& model, const Options& options) {
  for (const std::string& named : options.named_inputs) {
    const auto is_its_name = [&](const v1::NamedTensorSpec& input) {
      return absl::StartsWith(named, absl::StrCat(input.name(), "="));
    };
    if (std::any_of(model.inputs().begin(), model.inputs().end(), is_its_name)) continue;
    std::vector<std::string> names;
    for (const v1::NamedTensorSpec& input : model.inputs()) names.push_back(input.name());
    return InputError(absl::StrCat("'", named, "' is not NAME=FILE with one of the names ",
                                   absl::StrJoin(names, ", ")));
  }
  return absl::OkStatus();
}

// Adds the values of an input to all sequences.
absl::Status AddInput(const v1::NamedTensorSpec& input, std::vector<Tensor> values,
                      std::vector<NamedSequence>* sequences) {
  if (sequences->empty()) sequences->resize(values.size());
  if (values.size() != sequences->size()) {
    return InputError(absl::StrCat("'", input.name(), "' has ", values.size(),
                                   " sequences, the inputs before it have ", sequences->size()));
  }
  for (size_t i = 0; i < values.size(); ++i) {
    (*sequences)[i].push_back({input.name(), std::move(values[i]), input.has_time()});
  }
  return absl::OkStatus();
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
  return ReadSequenceFile(options.input, model->input(), options);
}

absl::StatusOr<std::vector<NamedSequence>> ReadNamedSequences(Client& client,
                                                              const Options& options) {
  const auto model = client.DescribeModel(options.model, CallOptionsOf(options));
  if (!model.ok()) return model.status();
  if (absl::Status status = CheckNames(*model, options); !status.ok()) return status;
  std::vector<NamedSequence> sequences;
  for (const v1::NamedTensorSpec& input : model->inputs()) {
    const absl::StatusOr<std::string> path = PathOfInput(input.name(), options);
    if (!path.ok()) return path.status();
    auto values = ReadSequenceFile(*path, input.spec(), options);
    if (!values.ok()) return values.status();
    absl::Status status =
        AddInput(input, input.has_time() ? *std::move(values) : VectorsOf(*values), &sequences);
    if (!status.ok()) return status;
  }
  return sequences;
}

absl::Status CheckLengths(const std::vector<NamedSequence>& sequences) {
  for (size_t i = 0; i < sequences.size(); ++i) {
    const SequenceInput* first = nullptr;
    for (const SequenceInput& input : sequences[i]) {
      if (!input.has_time) continue;
      if (first == nullptr) first = &input;
      if (input.value.shape()[0] == first->value.shape()[0]) continue;
      return InputError(absl::StrCat("sequence ", i, " has ", first->value.shape()[0],
                                     " timesteps in '", first->name, "' and ",
                                     input.value.shape()[0], " in '", input.name, "'"));
    }
  }
  return absl::OkStatus();
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

absl::Status WriteOutputs(std::vector<std::vector<NamedTensor>> outputs, const Options& options,
                          const Terminal& terminal) {
  if (outputs.front().size() == 1) {
    std::vector<Tensor> single;
    single.reserve(outputs.size());
    for (std::vector<NamedTensor>& of_sequence : outputs) {
      single.push_back(std::move(of_sequence.front().value));
    }
    return WriteOutputs(single, options, terminal);
  }
  const auto format = OutputFormat(options);
  if (!format.ok()) return LocalError("output", format.status());
  if (!format->has_value()) {
    for (size_t k = 0; k < outputs.front().size(); ++k) {
      std::vector<Tensor> values;
      values.reserve(outputs.size());
      for (const std::vector<NamedTensor>& of_sequence : outputs) {
        values.push_back(of_sequence[k].value);
      }
      terminal.out << (k == 0 ? "" : "\n") << outputs.front()[k].name << "\n"
                   << FormatTable(values);
    }
    return absl::OkStatus();
  }
  if (**format != FileFormat::kJsonLines) {
    return LocalError("output", absl::InvalidArgumentError(
                                    "only .jsonl can hold the outputs of a model with several"));
  }
  return WriteResult(options.output, FormatJsonLines(outputs), "output", terminal);
}

}  // namespace rnnserve::client
