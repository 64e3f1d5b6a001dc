// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/state_pairs.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"

namespace rnnserve {
namespace {

absl::Status Ambiguous(absl::string_view text) { return InvalidArgument("ONNX_STATES", text); }

// Returns whether a name without its part that says in or out still names something.
bool IsName(absl::string_view name) {
  return std::any_of(name.begin(), name.end(),
                     [](char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)); });
}

struct Affixes {
  absl::string_view input;
  absl::string_view output;
};

// Beginnings and ends that take each other's place. In lower case.
constexpr Affixes kPrefixes[] = {
    {"in_", "out_"},
    {"input_", "output_"},
    {"prev_", "next_"},
    {"prev_", "new_"},
    {"prev_", "cur_"},
    {"previous_", "next_"},
    {"old_", "new_"},
    {"past_", "present_"},
    {"init_", "final_"},
    {"initial_", "final_"},
    {"past_key_values.", "present."},
    {"past_key_values.", "present_key_values."},
    {"prev_", ""},
    {"", "new_"},
    {"", "next_"},
    {"", "out_"},
    {"", "output_"},
    {"", "updated_"},
};
constexpr Affixes kSuffixes[] = {
    {"_in", "_out"},  {"_input", "_output"}, {"_prev", "_next"}, {"_prev", "_new"},
    {"_prev", ""},    {"_0", "_n"},          {"0", "n"},         {".in", ".out"},
    {"_in", "_next"}, {"_init", "_final"},   {"", "n"},          {"", "_n"},
    {"", "_out"},     {"", "_output"},       {"", "out"},        {"", "_next"},
    {"", "_new"},     {"", "next"},          {"", "new"},        {"", "_updated"},
};

bool PairsWithPrefixes(absl::string_view input, absl::string_view output) {
  for (const Affixes& affixes : kPrefixes) {
    absl::string_view in = input;
    absl::string_view out = output;
    if (!absl::ConsumePrefix(&in, affixes.input) || !absl::ConsumePrefix(&out, affixes.output)) {
      continue;
    }
    // "past" is a name itself: past_0 and present_0 pair.
    const bool is_named = IsName(in) || absl::StartsWith(affixes.input, "past");
    if (in == out && !in.empty() && is_named) return true;
  }
  return false;
}

bool PairsWithSuffixes(absl::string_view input, absl::string_view output) {
  for (const Affixes& affixes : kSuffixes) {
    absl::string_view in = input;
    absl::string_view out = output;
    if (!absl::ConsumeSuffix(&in, affixes.input) || !absl::ConsumeSuffix(&out, affixes.output)) {
      continue;
    }
    if (in == out && IsName(in)) return true;
  }
  return false;
}

// Returns whether the file says that the two differ: in their rank or in an extent that is known.
bool ShapesDiffer(const OnnxValueInfo& a, const OnnxValueInfo& b) {
  if (a.type != b.type) return true;
  if (!a.axes.has_value() || !b.axes.has_value()) return false;
  if (a.axes->size() != b.axes->size()) return true;
  for (size_t i = 0; i < a.axes->size(); ++i) {
    const int64_t x = (*a.axes)[i].extent;
    const int64_t y = (*b.axes)[i].extent;
    if (x >= 0 && y >= 0 && x != y) return true;
  }
  return false;
}

const OnnxValueInfo* FindInfo(const std::vector<OnnxValueInfo>& infos, const std::string& name) {
  for (const OnnxValueInfo& info : infos) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

std::string NamesOf(const std::vector<const OnnxValueInfo*>& infos) {
  return absl::StrJoin(infos, ", ", [](std::string* out, const OnnxValueInfo* info) {
    absl::StrAppend(out, "'", info->name, "'");
  });
}

std::string Flag(const OnnxValueInfo& input, const OnnxValueInfo& output) {
  return absl::StrCat("--state ", input.name, "=", output.name);
}

absl::Status CheckNamed(const OnnxGraph& graph, const OnnxOptions& options) {
  for (const auto& [input, output] : options.state) {
    if (FindInfo(graph.inputs, input) == nullptr) {
      return InvalidArgument("MODEL_CONFIG",
                             absl::StrCat("the state '", input, "' is no input of the model"));
    }
    if (!output.empty() && FindInfo(graph.outputs, output) == nullptr) {
      return InvalidArgument("MODEL_CONFIG",
                             absl::StrCat("the next value '", output, "' of the state '", input,
                                          "' is no output of the model"));
    }
    if (!output.empty() && options.set.count(input) > 0) {
      return InvalidArgument("MODEL_CONFIG", absl::StrCat("'", input,
                                                          "' cannot be a state and have a fixed "
                                                          "value (--set)"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

bool NamesPair(absl::string_view input, absl::string_view output) {
  const std::string in = absl::AsciiStrToLower(input);
  const std::string out = absl::AsciiStrToLower(output);
  return in != out && (PairsWithPrefixes(in, out) || PairsWithSuffixes(in, out));
}

absl::StatusOr<std::map<std::string, std::string>> PairStates(const OnnxGraph& graph,
                                                              const OnnxOptions& options) {
  RNNSERVE_RETURN_IF_ERROR(CheckNamed(graph, options));
  std::map<std::string, std::string> pairs;  // by output
  const auto add = [&pairs](const std::string& input, const std::string& output) {
    const auto [place, is_new] = pairs.emplace(output, input);
    if (is_new) return absl::OkStatus();
    return Ambiguous(absl::StrCat("the output '", output, "' could be the next value of '",
                                  place->second, "' and of '", input, "'; say which with --state ",
                                  input, "=NAME or --state ", input, "=none"));
  };
  std::set<std::string> taken;
  for (const auto& [input, output] : options.state) {
    if (output.empty()) continue;
    RNNSERVE_RETURN_IF_ERROR(add(input, output));
    taken.insert(output);
  }
  for (const OnnxValueInfo& input : graph.inputs) {
    if (options.state.count(input.name) > 0 || options.set.count(input.name) > 0) continue;
    std::vector<const OnnxValueInfo*> found;
    std::vector<const OnnxValueInfo*> contradicting;
    for (const OnnxValueInfo& output : graph.outputs) {
      if (taken.count(output.name) > 0 || !NamesPair(input.name, output.name)) continue;
      (ShapesDiffer(input, output) ? contradicting : found).push_back(&output);
    }
    if (found.size() > 1) {
      return Ambiguous(absl::StrCat("the next value of '", input.name, "' could be ",
                                    NamesOf(found), "; say which: ", Flag(input, *found.front()),
                                    ", or --state ", input.name, "=none if it is no state"));
    }
    if (found.empty() && !contradicting.empty()) {
      return Ambiguous(absl::StrCat(
          "'", input.name, "' and ", NamesOf(contradicting),
          " are named like a state and its next value, but their shapes or types differ; if '",
          input.name, "' is no state: --state ", input.name, "=none"));
    }
    if (!found.empty()) RNNSERVE_RETURN_IF_ERROR(add(input.name, found.front()->name));
  }
  std::map<std::string, std::string> by_input;
  for (const auto& [output, input] : pairs) {
    if (!by_input.emplace(input, output).second) {
      return Ambiguous(absl::StrCat("the state '", input, "' has two next values"));
    }
  }
  return by_input;
}

std::string StateCandidates(const OnnxGraph& graph, const OnnxOptions& options) {
  std::vector<std::string> candidates;
  for (const OnnxValueInfo& input : graph.inputs) {
    if (options.state.count(input.name) > 0 || options.set.count(input.name) > 0) continue;
    for (const OnnxValueInfo& output : graph.outputs) {
      if (ShapesDiffer(input, output)) continue;
      candidates.push_back(absl::StrCat("'", input.name, "' and '", output.name, "'"));
    }
  }
  constexpr size_t kMost = 8;
  if (candidates.size() > kMost) {
    candidates.resize(kMost);
    candidates.push_back("...");
  }
  return absl::StrJoin(candidates, ", ");
}

}  // namespace rnnserve
