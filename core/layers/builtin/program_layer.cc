// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/base/status_macros.h"
#include "core/cells/program_config.h"
#include "core/cells/sliced_program.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/builtin/builtin_layers.h"
#include "core/layers/layer.h"
#include "core/layers/layer_config.h"
#include "core/layers/layer_registry.h"
#include "core/layers/recurrent_layer.h"
#include "core/program/limits.h"

namespace rnnserve {
namespace {

// rnnserve>Program: runs a step program at every timestep of its inputs. The inputs of the layer are
// those of the program, in order, and then its constants. All inputs have a time axis and equally
// many timesteps; the constants have none. The outputs of the layer are those of the program at
// every timestep, and the states of the program are the states of the layer. For one batch row it
// computes
//
//   emitted[i] = 0 for every output i;  states = initial states
//   for t = 0 .. T-1:
//     (y, next) = program(inputs[t], states, constants)
//     if every mask counts t:        states = next;  emitted = y
//     else if zero_output_for_mask:  y = 0
//     else:                          y = emitted
//   output i: every y[i]
//
// With `go_backwards` the timesteps run from T-1 to 0, padding included, and the outputs keep the
// order of the inputs. An output that is named in `last_outputs` has no time axis: it is y[i] at the
// timestep that is processed last. These outputs are behind the others.
//
// Masks act as in a recurrent layer (RecurrentLayer). A timestep counts if it counts in every
// input that has a mask, and the outputs have that mask. `emitted` is part of the state, because
// several short runs must give the same result as one long run. With zero_output_for_mask nothing
// reads it, and it is left out.
//
// Without states there is nothing that a masked timestep could disturb: as in Dense, every timestep
// is computed, masked or not. From Keras 3.16 on, the mask ends at a layer with states and passes a
// layer without any. If none of its inputs has a time axis, such a layer runs once, and none of its
// outputs has one.
//
//   state column:  | state 0 . | state 1 . | emitted 0 . | emitted 1 . |     . = padding
//
// Weights: those of the program, by its names. For the other options see ProgramConfig. Owns the
// program. Immutable; safe to share.
class ProgramLayer final : public Layer {
 public:
  // Errors: see LayerRegistry::MergeFactory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       absl::Span<const ValueSpec> inputs,
                                                       WeightSource& weights);

  absl::Span<const ValueSpec> more_outputs() const override {
    return absl::MakeConstSpan(outputs_).subspan(1);
  }
  int64_t output_time(absl::Span<const int64_t> input_times) const override;
  bool can_stream() const override { return !go_backwards_; }
  bool loops_over_time() const override { return has_states(); }
  std::string no_training_reason() const override { return no_training_reason_; }
  int64_t num_parameters() const override { return program_.compiled().num_parameters(); }
  int64_t parameter_bytes() const override { return program_.compiled().parameter_bytes(); }
  int64_t shareable_bytes() const override { return program_.compiled().shareable_bytes(); }
  absl::Span<const StateSpec> states() const override { return states_; }
  int64_t state_size() const override { return states_size_ + emitted_size_; }
  void InitialState(float* column) const override;
  void OnStatesReplaced(float* column) const override;
  int64_t scratch_size(int64_t batch, int64_t time) const override;

  void Run(const LayerRun& run) const override;
  Mask OutputMask(const LayerRun& run, uint8_t* buffer) const override;

 private:
  using Arguments = CompiledProgram::Arguments;
  using Inputs = std::array<ConstColumns, kProgramInputsMax>;
  using Constants = std::array<ConstColumns, kProgramConstantsMax>;
  using Outputs = std::array<Columns, kProgramOutputsMax>;

  // The facts that follow from the configuration and the shapes of the inputs.
  struct Parts {
    std::string no_training_reason;
    bool zero_output_for_mask = false;
    bool go_backwards = false;
    size_t num_inputs = 0;
    std::vector<ValueSpec> outputs;
    std::vector<StateSpec> states;
  };

  ProgramLayer(const KerasConfig& config, Parts parts, SlicedProgram program);

  bool has_states() const { return !states_.empty(); }
  // Returns whether output k is the one after the last timestep only.
  bool is_last(size_t k) const { return !outputs_[k].has_time; }
  // Returns output k of the run at timestep t.
  Columns OutputAt(const LayerRun& run, size_t k, int64_t t) const {
    return OutputOf(run, k).At(is_last(k) ? 0 : t);
  }
  // Returns input or output k of a run.
  static const ConstSequence& InputOf(const LayerRun& run, size_t k) {
    return k == 0 ? run.x : run.more_x[k - 1];
  }
  static const Sequence& OutputOf(const LayerRun& run, size_t k) {
    return k == 0 ? run.y : run.more_y[k - 1];
  }
  // Returns whether timestep t of row b counts in every input.
  bool Counts(const LayerRun& run, int64_t b, int64_t t) const;

  // Returns the number of timesteps of each row that are projected together; 0 if none are.
  int64_t projected_time(int64_t batch, int64_t time) const;
  // Projects the timesteps that are processed i-th and later, as many as fit into `projected`.
  // Returns the smallest of them, which is the last one processed with go_backwards.
  int64_t Project(const LayerRun& run, int64_t i, const Arguments& step, Sequence projected) const;

  // Run the program timestep by timestep, and a program without states on all timesteps at once.
  // `step` has the constants, what is prepared from them, scratch and team.
  void RunStepByStep(const LayerRun& run, Arguments step) const;
  void RunAtOnce(const LayerRun& run, const Arguments& step) const;
  // Runs a program without states on the timesteps of row b, or of all rows if b is -1.
  void RunColumns(const LayerRun& run, int64_t b, Arguments step) const;
  // Ends timestep t. In rows in which it counts, keeps the outputs as emitted. In the others, sets
  // the next states to the states before the step and replaces the outputs.
  void Commit(const LayerRun& run, int64_t t, ConstColumns states, Columns next_states) const;

  const std::string no_training_reason_;
  const bool zero_output_for_mask_;
  const bool go_backwards_;
  const size_t num_inputs_;
  const std::vector<ValueSpec> outputs_;
  const std::vector<StateSpec> states_;
  const SlicedProgram program_;
  // Whether timesteps depend on their order: there are states or outputs of the last one.
  const bool is_stepwise_;
  const int64_t projected_batch_;  // the largest number of rows of a run that projects
  int64_t states_size_ = 0;        // of all states, padded
  int64_t emitted_size_ = 0;       // of all outputs, padded; 0 if they are not kept
};

// `needs_time` says that the program has states, or that another of its inputs has a time axis.
absl::Status CheckInput(const KerasConfig& config, const ProgramConfig& read, size_t k,
                        const ValueSpec& given, bool needs_time) {
  const Program::ValueId value = read.program.inputs[k];
  const std::string what = absl::StrCat("input '", read.name(value), "' of the program");
  if (!given.has_time && needs_time) {
    return config.Error(absl::StrCat(
        what, " is given a tensor without a time axis; a Program layer reads every input at every ",
        "timestep. Declare what is the same at all timesteps as a constant of the program"));
  }
  if (read.shape(value) == given.shape) return absl::OkStatus();
  return config.Error(absl::StrCat(what, " is ", read.shape(value).ToString(),
                                   " at every timestep, found ", given.shape.ToString()));
}

absl::Status CheckConstant(const KerasConfig& config, const ProgramConfig& read, size_t k,
                           const ValueSpec& given) {
  const Program::ValueId value = read.program.constants[k];
  if (!given.has_time && read.shape(value) == given.shape) return absl::OkStatus();
  return config.Error(absl::StrCat(
      "constant '", read.name(value), "' of the program is ", read.shape(value).ToString(),
      " without time, found ", given.shape.ToString(), given.has_time ? " at every timestep" : ""));
}

absl::Status CheckInputs(const KerasConfig& config, const ProgramConfig& read,
                         absl::Span<const ValueSpec> inputs) {
  const size_t num_inputs = read.program.inputs.size();
  const size_t num_constants = read.program.constants.size();
  if (inputs.size() != num_inputs + num_constants) {
    return config.Error(absl::StrCat("the program reads ", num_inputs, " inputs and ",
                                     num_constants, " constants; the layer is given ",
                                     inputs.size(), " tensors"));
  }
  const auto has_time = [](const ValueSpec& input) { return input.has_time; };
  const auto sequences = inputs.first(num_inputs);
  const bool needs_time =
      !read.program.states.empty() || std::any_of(sequences.begin(), sequences.end(), has_time);
  for (size_t k = 0; k < inputs.size(); ++k) {
    RNNSERVE_RETURN_IF_ERROR(k < num_inputs
                                 ? CheckInput(config, read, k, inputs[k], needs_time)
                                 : CheckConstant(config, read, k - num_inputs, inputs[k]));
  }
  return absl::OkStatus();
}

// Returns the number of timesteps that the inputs fix, if any does.
absl::StatusOr<std::optional<int64_t>> TimeOf(const KerasConfig& config,
                                              absl::Span<const ValueSpec> inputs) {
  std::optional<int64_t> time;
  for (const ValueSpec& input : inputs) {
    if (!input.time.has_value()) continue;
    if (time.has_value() && *time != *input.time) {
      return config.Error(absl::StrCat("the inputs have ", *time, " and ", *input.time,
                                       " timesteps; all must have equally many"));
    }
    time = input.time;
  }
  return time;
}

// Returns how many of the program's outputs, from the first one on, have a time axis: those that
// `last_outputs` does not name.
absl::StatusOr<size_t> NumSequenceOutputs(const KerasConfig& config, const Program& program) {
  const nlohmann::json& last = config.Raw("last_outputs");
  const size_t num_outputs = program.outputs.size();
  if (last.is_null()) return num_outputs;
  if (!last.is_array() || last.size() > num_outputs) {
    return config.Error("last_outputs must be a list of outputs of the program");
  }
  const size_t num_sequences = num_outputs - last.size();
  for (size_t i = 0; i < last.size(); ++i) {
    const std::string& name = program.outputs[num_sequences + i].name;
    if (last[i] == name) continue;
    return config.Error(absl::StrCat("last_outputs must name the last outputs of the program, in ",
                                     "its order: entry ", i, " is not '", name, "'"));
  }
  return num_sequences;
}

absl::StatusOr<std::unique_ptr<Layer>> ProgramLayer::Create(const LayerRegistry& /*registry*/,
                                                            const KerasConfig& config,
                                                            absl::Span<const ValueSpec> inputs,
                                                            WeightSource& weights) {
  RNNSERVE_ASSIGN_OR_RETURN(ProgramConfig read, ProgramConfig::Read(config));
  RNNSERVE_RETURN_IF_ERROR(CheckInputs(config, read, inputs));
  Parts parts{.no_training_reason = read.no_training_reason(),
              .zero_output_for_mask = false,
              .go_backwards = false,
              .num_inputs = read.program.inputs.size(),
              .outputs = {},
              .states = read.states()};
  RNNSERVE_ASSIGN_OR_RETURN(parts.zero_output_for_mask, config.Bool("zero_output_for_mask", false));
  RNNSERVE_ASSIGN_OR_RETURN(parts.go_backwards, config.Bool("go_backwards", false));
  RNNSERVE_ASSIGN_OR_RETURN(const std::optional<int64_t> time,
                            TimeOf(config, inputs.first(parts.num_inputs)));
  RNNSERVE_ASSIGN_OR_RETURN(const size_t num_sequences, NumSequenceOutputs(config, read.program));
  for (const Program::Output& output : read.program.outputs) {
    const bool has_time = inputs[0].has_time && parts.outputs.size() < num_sequences;
    parts.outputs.push_back({read.shape(output.value), has_time, has_time ? time : std::nullopt});
    RNNSERVE_RETURN_IF_ERROR(CheckElements(config, parts.outputs.back()));
  }
  RNNSERVE_ASSIGN_OR_RETURN(SlicedProgram program,
                            SlicedProgram::Create(std::move(read.program), weights));
  return absl::WrapUnique(new ProgramLayer(config, std::move(parts), std::move(program)));
}

ProgramLayer::ProgramLayer(const KerasConfig& config, Parts parts, SlicedProgram program)
    : Layer(config, parts.outputs.front()),
      no_training_reason_(std::move(parts.no_training_reason)),
      zero_output_for_mask_(parts.zero_output_for_mask),
      go_backwards_(parts.go_backwards),
      num_inputs_(parts.num_inputs),
      outputs_(std::move(parts.outputs)),
      states_(std::move(parts.states)),
      program_(std::move(program)),
      is_stepwise_(has_states() || !outputs_.back().has_time),
      projected_batch_(RecurrentLayer::ProjectedBatch(program_.projection_rows(),
                                                      program_.compiled().parameter_bytes())) {
  for (const StateSpec& state : states_) states_size_ += PaddedRows(*state.shape.NumElements());
  if (states_.empty() || zero_output_for_mask_) return;
  for (const ValueSpec& output : outputs_) {
    emitted_size_ += PaddedRows(*output.shape.NumElements());
  }
}

int64_t ProgramLayer::output_time(absl::Span<const int64_t> input_times) const {
  const auto times = input_times.first(num_inputs_);
  const auto differs = [&](int64_t time) { return time != times[0]; };
  if (std::any_of(times.begin(), times.end(), differs)) return 0;
  return output().has_time ? times[0] : 1;
}

void ProgramLayer::InitialState(float* column) const {
  for (size_t k = 0; k < states_.size(); ++k) {
    const absl::Span<const float> initial = program_.compiled().initial_state(k);
    std::copy(initial.begin(), initial.end(), column);
    column += PaddedRows(static_cast<int64_t>(initial.size()));
  }
}

void ProgramLayer::OnStatesReplaced(float* column) const {
  std::fill_n(column + states_size_, emitted_size_, 0.0f);
}

int64_t ProgramLayer::projected_time(int64_t batch, int64_t time) const {
  return !is_stepwise_ || batch > projected_batch_ || time == 1
             ? 0
             : std::min(time, RecurrentLayer::kMaxProjectedTime);
}

int64_t ProgramLayer::scratch_size(int64_t batch, int64_t time) const {
  // A larger batch does not project, but a run may have fewer rows than `batch`.
  const int64_t projected_batch = std::min(batch, projected_batch_);
  const int64_t together = projected_time(projected_batch, time);
  const int64_t columns = is_stepwise_ ? std::max(batch, together) : batch * time;
  return ColumnsSize(program_.compiled().prepared_rows(), batch) +
         ColumnsSize(states_size_, batch) +
         ColumnsSize(program_.projection_rows(), projected_batch * together) +
         program_.scratch_size(columns);
}

void ProgramLayer::Run(const LayerRun& run) const {
  Constants constants;
  const size_t num_constants = run.more_x.size() + 1 - num_inputs_;
  for (size_t k = 0; k < num_constants; ++k) constants[k] = InputOf(run, num_inputs_ + k).At(0);
  float* scratch = run.scratch;
  const Columns prepared = TakeColumns(scratch, program_.compiled().prepared_rows(), run.x.batch);
  Arguments step;
  step.constants = {constants.data(), num_constants};
  step.prepared = prepared;
  step.scratch = scratch;
  step.team = run.team;
  if (prepared.rows > 0) program_.Prepare(step.constants, prepared, step.scratch);
  if (is_stepwise_) {
    RunStepByStep(run, step);
  } else {
    RunAtOnce(run, step);
  }
}

void ProgramLayer::RunStepByStep(const LayerRun& run, Arguments step) const {
  const int64_t batch = run.x.batch;
  const Columns state = run.state.Rows(0, states_size_);
  // The states before and after a step change places with every step, which saves copies.
  std::array<Columns, 2> buffers = {state, TakeColumns(step.scratch, states_size_, batch)};
  const int64_t together = projected_time(batch, run.x.time);
  const Sequence projected =
      DenseSequence(step.scratch, program_.projection_rows(), batch, together);
  step.scratch += DenseSequenceSize(projected.rows, batch, together);
  Inputs inputs;
  Outputs outputs;
  std::array<ConstColumns, kProgramStatesMax> states;
  std::array<Columns, kProgramStatesMax> next_states;
  step.inputs = {inputs.data(), num_inputs_};
  step.outputs = {outputs.data(), outputs_.size()};
  step.states = {states.data(), states_.size()};
  step.next_states = {next_states.data(), states_.size()};
  int64_t first_projected = 0;
  for (int64_t i = 0; i < run.x.time; ++i) {
    const int64_t t = go_backwards_ ? run.x.time - 1 - i : i;
    int64_t offset = 0;
    for (size_t k = 0; k < states_.size(); ++k) {
      const auto size = static_cast<int64_t>(program_.compiled().initial_state(k).size());
      states[k] = buffers[0].Rows(offset, size);
      next_states[k] = buffers[1].Rows(offset, size);
      offset += PaddedRows(size);
    }
    for (size_t k = 0; k < num_inputs_; ++k) inputs[k] = InputOf(run, k).At(t);
    for (size_t k = 0; k < outputs_.size(); ++k) outputs[k] = OutputAt(run, k, t);
    if (together > 0) {
      if (i % together == 0) first_projected = Project(run, i, step, projected);
      step.projection = projected.At(t - first_projected);
    }
    program_.Step(step);
    Commit(run, t, buffers[0], buffers[1]);
    std::swap(buffers[0], buffers[1]);
  }
  if (buffers[0].data != state.data) Copy(buffers[0], state);
}

int64_t ProgramLayer::Project(const LayerRun& run, int64_t i, const Arguments& step,
                              Sequence projected) const {
  const int64_t count = std::min(projected.time, run.x.time - i);
  const int64_t first = go_backwards_ ? run.x.time - i - count : i;
  Inputs inputs;
  Constants constants;
  for (int64_t b = 0; b < run.x.batch; ++b) {
    for (size_t k = 0; k < num_inputs_; ++k) {
      const ConstSequence& x = InputOf(run, k);
      inputs[k] = {x.At(first).column(b), x.rows, count, x.time_stride};
    }
    for (size_t k = 0; k < step.constants.size(); ++k) {
      constants[k] = EveryColumn(step.constants[k].column(b), step.constants[k].rows, count);
    }
    program_.Project({inputs.data(), num_inputs_}, {constants.data(), step.constants.size()},
                     EveryColumn(step.prepared.column(b), step.prepared.rows, count),
                     {projected.At(0).column(b), projected.rows, count, projected.time_stride},
                     step.scratch);
  }
  return first;
}

void ProgramLayer::Commit(const LayerRun& run, int64_t t, ConstColumns states,
                          Columns next_states) const {
  if (!has_states()) return;
  for (int64_t b = 0; b < run.x.batch; ++b) {
    const bool counts = Counts(run, b, t);
    if (!counts) std::copy_n(states.column(b), states_size_, next_states.column(b));
    float* emitted = run.state.column(b) + states_size_;
    for (size_t k = 0; k < outputs_.size(); ++k) {
      const Columns y = OutputAt(run, k, t);
      const int64_t size = PaddedRows(y.rows);
      if (zero_output_for_mask_) {
        if (!counts) std::fill_n(y.column(b), size, 0.0f);
        continue;
      }
      if (counts) {
        std::copy_n(y.column(b), size, emitted);
      } else {
        std::copy_n(emitted, size, y.column(b));
      }
      emitted += size;
    }
  }
}

// Returns whether the timesteps of all rows are evenly spaced in memory, row after row.
template <typename T>
bool IsEven(const BasicSequence<T>& values) {
  return values.time == 1 || values.batch == 1 ||
         values.batch_stride == values.time * values.time_stride;
}

// Return the timesteps of row b, or of all rows if b is -1, as columns.
template <typename T>
BasicColumns<T> TimestepsOf(const BasicSequence<T>& values, int64_t b) {
  if (b >= 0) return {values.At(0).column(b), values.rows, values.time, values.time_stride};
  return {values.data, values.rows, values.batch * values.time,
          values.time == 1 ? values.batch_stride : values.time_stride};
}

void ProgramLayer::RunAtOnce(const LayerRun& run, const Arguments& step) const {
  // Every timestep of a row reads the same column of a constant.
  bool is_even = step.constants.empty() || run.x.time == 1;
  for (size_t k = 0; k < num_inputs_; ++k) is_even = is_even && IsEven(InputOf(run, k));
  for (size_t k = 0; k < outputs_.size(); ++k) is_even = is_even && IsEven(OutputOf(run, k));
  if (is_even) {
    RunColumns(run, -1, step);
    return;
  }
  Constants constants;
  for (int64_t b = 0; b < run.x.batch; ++b) {
    Arguments row = step;
    for (size_t k = 0; k < step.constants.size(); ++k) {
      constants[k] = EveryColumn(step.constants[k].column(b), step.constants[k].rows, run.x.time);
    }
    row.constants = {constants.data(), step.constants.size()};
    row.prepared = EveryColumn(step.prepared.column(b), step.prepared.rows, run.x.time);
    RunColumns(run, b, row);
  }
}

void ProgramLayer::RunColumns(const LayerRun& run, int64_t b, Arguments step) const {
  Inputs inputs;
  Outputs outputs;
  for (size_t k = 0; k < num_inputs_; ++k) inputs[k] = TimestepsOf(InputOf(run, k), b);
  for (size_t k = 0; k < outputs_.size(); ++k) outputs[k] = TimestepsOf(OutputOf(run, k), b);
  step.inputs = {inputs.data(), num_inputs_};
  step.outputs = {outputs.data(), outputs_.size()};
  program_.Step(step);
}

bool ProgramLayer::Counts(const LayerRun& run, int64_t b, int64_t t) const {
  if (!run.mask(b, t)) return false;
  for (size_t k = 1; k < num_inputs_; ++k) {
    if (!run.more_masks[k - 1](b, t)) return false;
  }
  return true;
}

Mask ProgramLayer::OutputMask(const LayerRun& run, uint8_t* buffer) const {
  if (!output().has_time) return Mask{};
  bool is_of_first = true;
  for (size_t k = 1; k < num_inputs_; ++k) {
    is_of_first = is_of_first && run.more_masks[k - 1].data == nullptr;
  }
  if (is_of_first) return run.mask;
  for (int64_t b = 0; b < run.x.batch; ++b) {
    for (int64_t t = 0; t < run.x.time; ++t) {
      buffer[b * run.x.time + t] = Counts(run, b, t) ? 1 : 0;
    }
  }
  return {buffer, run.x.time, 1};
}

}  // namespace

void RegisterProgram(LayerRegistry& registry) {
  registry.RegisterMerge(kProgramLayer, ProgramLayer::Create,
                         {.variables = LayerVariables::None()});
}

}  // namespace rnnserve
