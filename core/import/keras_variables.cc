// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/keras_variables.h"

#include <algorithm>
#include <array>
#include <string>

#include "absl/types/span.h"
#include "core/base/status_macros.h"

namespace rnnserve {
namespace {

// A variable, and the option without which it is not made, which is set where it is left out, but
// for renorm.
struct Entry {
  absl::string_view name;
  absl::string_view option = "";
  bool is_trained = true;
};

constexpr absl::string_view kRenorm = "renorm";

constexpr std::array<Entry, 3> kCell = {{{"kernel"}, {"recurrent_kernel"}, {"bias", "use_bias"}}};
constexpr std::array<Entry, 2> kKernel = {{{"kernel"}, {"bias", "use_bias"}}};
constexpr std::array<Entry, 1> kEmbedding = {{{"embeddings"}}};
constexpr std::array<Entry, 2> kNormalization = {{{"gamma", "scale"}, {"beta", "center"}}};
constexpr std::array<Entry, 7> kBatchNormalization = {{{"gamma", "scale"},
                                                       {"beta", "center"},
                                                       {"moving_mean", "", false},
                                                       {"moving_variance", "", false},
                                                       {"moving_stddev", kRenorm, false},
                                                       {"renorm_mean", kRenorm, false},
                                                       {"renorm_stddev", kRenorm, false}}};
constexpr std::array<Entry, 3> kSeparableConv = {
    {{"depthwise_kernel"}, {"pointwise_kernel"}, {"bias", "use_bias"}}};
constexpr std::array<Entry, 1> kGamma = {{{"gamma"}}};
constexpr std::array<Entry, 1> kScale = {{{"scale"}}};
constexpr std::array<Entry, 1> kAlpha = {{{"alpha"}}};

struct ClassEntries {
  absl::string_view class_name;
  absl::Span<const Entry> entries;
};

const std::array<ClassEntries, 16> kClasses = {{
    {"SimpleRNN", kCell},
    {"LSTM", kCell},
    {"GRU", kCell},
    {"ConvLSTM1D", kCell},
    {"ConvLSTM2D", kCell},
    {"ConvLSTM3D", kCell},
    {"Dense", kKernel},
    {"Conv1D", kKernel},
    {"DepthwiseConv1D", kKernel},
    {"SeparableConv1D", kSeparableConv},
    {"Embedding", kEmbedding},
    {"LayerNormalization", kNormalization},
    {"GroupNormalization", kNormalization},
    {"BatchNormalization", kBatchNormalization},
    {"RMSNormalization", kScale},
    {"PReLU", kAlpha},
}};

absl::StatusOr<absl::Span<const Entry>> EntriesOf(const KerasConfig& object) {
  const std::string class_name = object.class_name();
  if (class_name == "LayerNormalization") {
    RNNSERVE_ASSIGN_OR_RETURN(const bool is_rms, object.Bool("rms_scaling", false));
    if (is_rms) return absl::MakeConstSpan(kGamma);
  }
  const auto found = std::find_if(kClasses.begin(), kClasses.end(), [&](const ClassEntries& entry) {
    return entry.class_name == class_name;
  });
  return found == kClasses.end() ? absl::Span<const Entry>() : found->entries;
}

}  // namespace

absl::StatusOr<std::vector<KerasVariable>> KerasVariablesOf(const KerasConfig& object,
                                                            const std::string& registered_name,
                                                            const CellRegistry& cells) {
  std::vector<KerasVariable> variables;
  if (cells.Contains(registered_name)) {
    RNNSERVE_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                              cells.VariableNames(registered_name, object));
    for (const std::string& name : names) variables.push_back({name, /*is_trained=*/true});
    return variables;
  }
  RNNSERVE_ASSIGN_OR_RETURN(const absl::Span<const Entry> entries, EntriesOf(object));
  for (const Entry& entry : entries) {
    RNNSERVE_ASSIGN_OR_RETURN(const bool is_made,
                              object.Bool(entry.option, entry.option != kRenorm));
    if (is_made) variables.push_back({std::string(entry.name), entry.is_trained});
  }
  return variables;
}

bool IsLayerOfOneCell(absl::string_view class_name) {
  constexpr std::array<absl::string_view, 6> kLayers = {"SimpleRNN",  "LSTM",       "GRU",
                                                        "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"};
  return std::find(kLayers.begin(), kLayers.end(), class_name) != kLayers.end();
}

}  // namespace rnnserve
