// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/onnx_import.h"

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/import/onnx/fixed_time.h"
#include "core/import/onnx/layered_model.h"
#include "core/import/onnx/recurrent_states.h"
#include "core/import/onnx/sequence_import.h"
#include "core/import/onnx/state_pairs.h"
#include "core/import/onnx/step_import.h"
#include "core/import/onnx/whole_sequence_import.h"

namespace rnnserve {
namespace {

using Json = nlohmann::json;

// The layer that runs the program. Its name is a part of the names of the weights.
constexpr char kLayerName[] = "step";

// Returns a Functional of one layer, with the inputs and outputs of the program.
Json FunctionalOf(const Program& program) {
  Json layers = Json::array();
  Json inputs = Json::object();
  Json arguments = Json::array();
  for (Program::ValueId id : program.inputs) {
    const std::string& name = program.values[id].name;
    layers.push_back(InputLayerJson(program.values[id], true));
    inputs[name] = {name, 0, 0};
    arguments.push_back(LayerTensorJson(name, 0));
  }
  // A layer must not have the name of an input.
  std::string layer_name = kLayerName;
  while (inputs.contains(layer_name)) layer_name += "_";
  Json outputs = Json::object();
  for (size_t i = 0; i < program.outputs.size(); ++i) {
    outputs[program.outputs[i].name] = {layer_name, 0, i};
  }
  layers.push_back(ProgramLayerJson(layer_name, program, std::move(arguments)));
  return FunctionalJson(std::move(layers), std::move(inputs), std::move(outputs));
}

absl::Status NoStates(const OnnxModel& model, const OnnxOptions& options) {
  const std::string candidates = StateCandidates(model.graph, options);
  return InvalidArgument(
      "ONNX_STATES",
      absl::StrCat("no input is named as the state of an output",
                   candidates.empty()
                       ? ", and no two have the same shape: the model has no state"
                       : absl::StrCat("; of equal shapes are ", candidates,
                                      ". Say which are states: --state INPUT=OUTPUT")));
}

// Returns the bundle of a model of one layer.
Bundle BundleOf(ProgramBuilder::Result step) {
  Bundle bundle;
  bundle.model = FunctionalOf(step.program);
  const std::string scope =
      bundle.model["config"]["layers"].back()["config"]["name"].get<std::string>();
  for (auto& [name, weight] : step.weights) {
    bundle.weights[absl::StrCat(scope, "/", name)] = std::move(weight);
  }
  return bundle;
}

// Imports a graph whose recurrence is inside the file and whose time axis is open: as one program if
// it can be, because that is the fastest, else in layers.
absl::StatusOr<Bundle> ImportOpenRecurrence(const OnnxModel& model, const OnnxOptions& options,
                                            const LayerRegistry& registry, int64_t fixed_time = 0) {
  absl::StatusOr<ProgramBuilder::Result> step = ImportSequence(model, options, fixed_time);
  if (step.ok()) return BundleOf(*std::move(step));
  const bool may_be_layers = step.status().code() == absl::StatusCode::kUnimplemented ||
                             ErrorReason(step.status()) == "ONNX_SHAPES";
  if (!may_be_layers) return step.status();
  return ImportWholeSequences(model, options, registry, fixed_time);
}

// As above, also for a graph that was exported for a fixed number of timesteps. It is served if it
// means the same for every number.
absl::StatusOr<Bundle> ImportRecurrence(const OnnxModel& model, const OnnxOptions& options,
                                        const LayerRegistry& registry) {
  absl::StatusOr<Bundle> bundle = ImportOpenRecurrence(model, options, registry);
  const std::string reason = bundle.ok() ? "" : ErrorReason(bundle.status());
  if (reason != "ONNX_SHAPES" && reason != "ONNX_TIME") return bundle;
  absl::StatusOr<Bundle> found = bundle.status();
  const OpenedModel* found_way = nullptr;
  const std::vector<OpenedModel> ways = OpenFixedTime(model, options);
  std::string reasons;
  for (const OpenedModel& way : ways) {
    absl::StatusOr<Bundle> opened = ImportOpenRecurrence(way.model, options, registry, way.time);
    if (!opened.ok()) {
      if (opened.status() == bundle.status()) continue;
      absl::StrAppend(&reasons, "; axis ", way.axis, " of '", way.input, "' is not time, or the ",
                      "graph depends on ", way.time, " timesteps: ", opened.status().message());
      continue;
    }
    if (found_way != nullptr) {
      return InvalidArgument(
          "ONNX_SHAPES", absl::StrCat("axes ", found_way->axis, " of '", found_way->input, "' and ",
                                      way.axis, " of '", way.input, "' could be time: --time-axis ",
                                      way.input, "=", found_way->axis, " or =", way.axis));
    }
    found = std::move(opened);
    found_way = &way;
  }
  if (found_way != nullptr || reasons.empty()) return found;
  return MakeError(bundle.status().code(), ErrorReason(bundle.status()),
                   absl::StrCat(bundle.status().message(), reasons,
                                ". Export the model with an open time axis: ",
                                "torch.onnx.export(..., dynamic_axes={'", ways.front().input,
                                "': {AXIS: 'time'}})"));
}

}  // namespace

absl::StatusOr<Bundle> ImportOnnx(const OnnxModel& model, const OnnxOptions& options,
                                  const LayerRegistry& registry) {
  RNNSERVE_ASSIGN_OR_RETURN(const auto states, PairStates(model.graph, options));
  const bool has_states = !states.empty() || !options.overlap.empty();
  if (!has_states && !HasRecurrentNodes(model)) return NoStates(model, options);
  if (has_states && !options.time_axis.empty()) {
    return InvalidArgument("MODEL_CONFIG",
                           "'time_axis' is for models that have no states as inputs and outputs");
  }
  Bundle bundle;
  if (has_states) {
    RNNSERVE_ASSIGN_OR_RETURN(ProgramBuilder::Result step, ImportStep(model, options, states));
    bundle = BundleOf(std::move(step));
  } else {
    RNNSERVE_ASSIGN_OR_RETURN(bundle, ImportRecurrence(model, options, registry));
  }
  bundle.generator = absl::StrCat("rnnserve-import, from an ONNX file of ",
                                  model.producer.empty() ? "an unknown producer" : model.producer);
  RNNSERVE_RETURN_IF_ERROR(BuildModel(bundle, registry).status());
  return bundle;
}

}  // namespace rnnserve
