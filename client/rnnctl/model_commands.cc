// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/rnnctl/commands.h"
#include "client/rnnctl/print.h"
#include "client/text/table.h"

namespace rnnserve::client {
namespace {

// Returns for example "float32" for WEIGHT_TYPE_FLOAT32.
std::string FormatWeightType(v1::WeightType type) {
  constexpr absl::string_view kPrefix = "WEIGHT_TYPE_";
  return absl::AsciiStrToLower(absl::StripPrefix(v1::WeightType_Name(type), kPrefix));
}

// Adds the inputs and outputs: with their names if there are several.
void AddTensors(const v1::DescribeModelResponse& model, Table* facts) {
  if (model.inputs_size() <= 1) {
    facts->AddRow({"input", FormatInput(model.input())});
  } else {
    for (const v1::NamedTensorSpec& input : model.inputs()) {
      facts->AddRow({"input", absl::StrCat(input.name(), ": ", FormatInput(input))});
    }
  }
  const auto when = [](bool has_time) {
    return has_time ? " for every timestep" : " after the last timestep";
  };
  if (model.outputs_size() <= 1) {
    facts->AddRow({"output", absl::StrCat("float32 ", FormatShape(model.output().shape()),
                                          when(model.returns_sequences()))});
    return;
  }
  for (const v1::NamedTensorSpec& output : model.outputs()) {
    facts->AddRow(
        {"output", absl::StrCat(output.name(), ": float32 ", FormatShape(output.spec().shape()),
                                when(output.has_time()))});
  }
}

std::string FormatDescription(const v1::DescribeModelResponse& model) {
  const v1::ModelSummary& summary = model.summary();
  Table facts({{"Model"}, {summary.name()}});
  facts.AddRow({"digest", summary.digest()});
  facts.AddRow({"parameters", absl::StrCat(FormatCount(summary.num_parameters()), ", matrices in ",
                                           FormatWeightType(summary.weight_type()), ", ",
                                           FormatCount(summary.parameter_bytes()), " bytes")});
  AddTensors(model, &facts);
  facts.AddRow({"sessions", summary.streamable()
                                ? absl::StrCat("yes, ", FormatCount(summary.state_bytes()),
                                               " bytes of state each")
                                : absl::StrCat("no: ", model.non_streamable_reason())});
  for (const v1::RetiringModel& retiring : summary.retiring()) {
    facts.AddRow(
        {"retiring",
         absl::StrCat(retiring.digest(), ", ", FormatCount(retiring.num_sessions()), " sessions, ",
                      FormatCount(retiring.time_left_ms() / 1000), " s left")});
  }

  Table layers({{"LAYER"}, {"CLASS"}, {"OUTPUT"}, {"PARAMETERS", Table::kRight}});
  for (const v1::LayerSummary& layer : model.layers()) {
    layers.AddRow({layer.name(), layer.class_name(), FormatShape(layer.output_shape()),
                   FormatCount(layer.num_parameters())});
  }
  std::string text = absl::StrCat(facts.ToString(), "\n", layers.ToString());
  if (model.states().empty()) return text;
  Table states({{"STATE OF"}, {"NAME"}, {"SHAPE"}});
  for (const v1::StateSpec& state : model.states()) {
    states.AddRow({state.layer(), state.name(), FormatShape(state.spec().shape())});
  }
  return absl::StrCat(text, "\n", states.ToString());
}

}  // namespace

absl::Status RunModels(Client& client, const Options& options, const Terminal& terminal) {
  const auto models = client.ListModels(CallOptionsOf(options));
  if (!models.ok()) return models.status();
  if (options.is_json) {
    v1::ListModelsResponse response;
    response.mutable_models()->Assign(models->begin(), models->end());
    terminal.out << ToJson(response);
    return absl::OkStatus();
  }
  Table table({{"MODEL"},
               {"SESSIONS"},
               {"PARAMETERS", Table::kRight},
               {"STATE BYTES", Table::kRight},
               {"DIGEST"}});
  for (const v1::ModelSummary& model : *models) {
    table.AddRow({model.name(), model.streamable() ? "yes" : "no",
                  FormatCount(model.num_parameters()), FormatCount(model.state_bytes()),
                  FormatDigest(model.digest())});
    for (const v1::RetiringModel& retiring : model.retiring()) {
      table.AddRow({"  retiring", FormatCount(retiring.num_sessions()), "", "",
                    FormatDigest(retiring.digest())});
    }
  }
  terminal.out << table.ToString();
  return absl::OkStatus();
}

absl::Status RunDescribe(Client& client, const Options& options, const Terminal& terminal) {
  const auto model = client.DescribeModel(options.model, CallOptionsOf(options));
  if (!model.ok()) return model.status();
  terminal.out << (options.is_json ? ToJson(*model) : FormatDescription(*model));
  return absl::OkStatus();
}

absl::Status RunReload(Client& client, const Options& options, const Terminal& terminal) {
  const auto reloaded = client.ReloadModel(options.model, CallOptionsOf(options));
  if (!reloaded.ok()) return reloaded.status();
  if (options.is_json) {
    terminal.out << ToJson(*reloaded);
    return absl::OkStatus();
  }
  const std::string digest = FormatDigest(reloaded->digest());
  if (!reloaded->changed()) {
    terminal.out << options.model << " is unchanged: " << digest << "\n";
    return absl::OkStatus();
  }
  terminal.out << options.model << ": " << FormatDigest(reloaded->previous_digest()) << " -> "
               << digest << "; " << FormatCount(reloaded->num_retiring_sessions())
               << " open sessions stay on the previous version\n";
  return absl::OkStatus();
}

}  // namespace rnnserve::client
