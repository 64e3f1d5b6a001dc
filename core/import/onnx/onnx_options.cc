// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/onnx_options.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/import/onnx/confined_path.h"
#include "core/model/json_reader.h"
#include "core/model/limits.h"

namespace rnnserve {
namespace {

using Json = nlohmann::json;

struct Flag {
  absl::string_view name;
  absl::string_view help;
};

constexpr Flag kFlags[] = {
    {"state",
     "INPUT=OUTPUT: the output is the input's value at the next step; INPUT=none: it is no "
     "state"},
    {"set",
     "NAME=VALUE: an input that is the same at every step, or the extent of a symbolic "
     "dimension"},
    {"shape", "INPUT=1,576: the whole shape of an input, with its batch axis"},
    {"batch-axis", "NAME=AXIS: which axis of an input or output is the batch, from 0, or none"},
    {"time-axis", "INPUT=AXIS: which axis is time, if the recurrence is inside the file"},
    {"initial-state", "INPUT=FILE.npy: the value of a state before the first step; else zeros"},
    {"overlap",
     "INPUT=N: the last N elements of a frame are put in front of the next one, and "
     "clients send the others"},
};

absl::Status Wrong(absl::string_view key, absl::string_view name, absl::string_view expected) {
  return InvalidArgument("MODEL_CONFIG",
                         absl::StrCat("'", key, "' of '", name, "' is not ", expected));
}

// Reads the value of one entry into the options. `key` has underscores, as in a file.
absl::Status AddEntry(absl::string_view key, const std::string& name, const Json& value,
                      OnnxOptions& options) {
  if (key == "set") {
    std::vector<double> numbers;
    for (const Json& number : value.is_array() ? value : Json::array({value})) {
      if (!number.is_number() && !number.is_boolean()) return Wrong(key, name, "a number");
      numbers.push_back(number.is_boolean() ? (number.get<bool>() ? 1.0 : 0.0)
                                            : number.get<double>());
    }
    options.set[name] = std::move(numbers);
    return absl::OkStatus();
  }
  if (key == "shape") {
    std::vector<int64_t> extents;
    for (const Json& extent : value.is_array() ? value : Json::array({value})) {
      if (!extent.is_number_integer() || extent.get<int64_t>() < 1) {
        return Wrong(key, name, "a list of extents of at least 1");
      }
      extents.push_back(extent.get<int64_t>());
    }
    options.shape[name] = std::move(extents);
    return absl::OkStatus();
  }
  if (key == "batch_axis") {
    if (!value.is_null() && !(value.is_number_integer() && value.get<int64_t>() >= 0)) {
      return Wrong(key, name, "an axis counted from 0, or none");
    }
    options.batch_axis[name] = value.is_null() ? OnnxOptions::kNoAxis : value.get<int64_t>();
    return absl::OkStatus();
  }
  if (key == "time_axis" || key == "overlap") {
    if (!value.is_number_integer() || value.get<int64_t>() < 0) {
      return Wrong(key, name, "a whole number of at least 0");
    }
    (key == "overlap" ? options.overlap : options.time_axis)[name] = value.get<int64_t>();
    return absl::OkStatus();
  }
  if (!value.is_string() && !(key == "state" && value.is_null())) {
    return Wrong(key, name,
                 key == "state" ? "the name of an output, or none" : "a path or 'zeros'");
  }
  (key == "state" ? options.state : options.initial_state)[name] =
      value.is_null() ? "" : value.get<std::string>();
  return absl::OkStatus();
}

bool IsKey(absl::string_view key) {
  for (const Flag& flag : kFlags) {
    if (absl::StrJoin(absl::StrSplit(flag.name, '-'), "_") == key) return true;
  }
  return false;
}

// Returns the value of a flag as a file would have it: "none" is null, "1,576" a list, "16000" a
// number.
Json ValueOf(absl::string_view key, absl::string_view text) {
  if (text == "none" && (key == "batch_axis" || key == "state")) return nullptr;
  if (key == "state" || key == "initial_state") return std::string(text);
  Json list = Json::array();
  for (absl::string_view part : absl::StrSplit(text, ',')) {
    int64_t integer = 0;
    double number = 0;
    if (absl::SimpleAtoi(part, &integer)) {
      list.push_back(integer);
    } else if (absl::SimpleAtod(part, &number)) {
      list.push_back(number);
    } else if (part == "true" || part == "false") {
      list.push_back(part == "true");
    } else {
      return std::string(text);
    }
  }
  return list.size() == 1 ? list[0] : list;
}

}  // namespace

absl::StatusOr<OnnxOptions> ReadOnnxOptions(absl::string_view text, const std::string& folder) {
  RNNSERVE_ASSIGN_OR_RETURN(const Json file, ParseJson(text, kModelJsonBytesMax, "the options"));
  if (!file.is_object()) return InvalidArgument("MODEL_CONFIG", "the options are not an object");
  OnnxOptions options;
  for (const auto& [key, entries] : file.items()) {
    if (!IsKey(key) || !entries.is_object()) {
      return InvalidArgument("MODEL_CONFIG",
                             absl::StrCat("'", key,
                                          "' is not an object with one of the names 'set', "
                                          "'shape', 'batch_axis', 'time_axis', 'state', "
                                          "'initial_state' and 'overlap'"));
    }
    for (const auto& [name, value] : entries.items()) {
      RNNSERVE_RETURN_IF_ERROR(AddEntry(key, name, value, options));
    }
  }
  for (auto& [name, path] : options.initial_state) {
    if (path == "zeros") continue;
    RNNSERVE_ASSIGN_OR_RETURN(path, ConfinedPath(folder, path, "MODEL_CONFIG",
                                                 absl::StrCat("'initial_state' of '", name, "':")));
  }
  return options;
}

absl::Status AddOnnxFlag(absl::string_view flag, absl::string_view value, OnnxOptions& options) {
  const std::vector<std::string> parts = absl::StrSplit(value, absl::MaxSplits('=', 1));
  if (parts.size() != 2 || parts[0].empty() || parts[1].empty()) {
    return InvalidArgument(
        "MODEL_CONFIG", absl::StrCat("--", flag, " ", value, ": it is not of the form NAME=VALUE"));
  }
  const std::string key = absl::StrJoin(absl::StrSplit(flag, '-'), "_");
  return AddEntry(key, parts[0], ValueOf(key, parts[1]), options);
}

std::vector<absl::string_view> OnnxFlags() {
  std::vector<absl::string_view> names;
  for (const Flag& flag : kFlags) names.push_back(flag.name);
  return names;
}

absl::string_view OnnxFlagHelp(absl::string_view flag) {
  for (const Flag& known : kFlags) {
    if (known.name == flag) return known.help;
  }
  return "";
}

}  // namespace rnnserve
