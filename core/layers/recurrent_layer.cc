// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/layers/recurrent_layer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/layers/layer_config.h"
#include "core/layers/layer_registry.h"

namespace rnnserve {
namespace {

absl::StatusOr<std::unique_ptr<Cell>> CreateCell(const LayerRegistry& registry,
                                                 const KerasConfig& config, const ValueSpec& input,
                                                 WeightSource& weights) {
  const LayerTraits* const traits = registry.TraitsOf(config.registered_name());
  if (traits != nullptr && !traits->cell.empty()) {
    return registry.cells().Create(traits->cell, config, input.shape, weights);
  }
  RNNSERVE_ASSIGN_OR_RETURN(const KerasConfig cell, config.Object("cell"));
  return registry.cells().Create(cell, input.shape, weights);
}

ValueSpec OutputOf(const ValueSpec& input, const RecurrentLayer::Options& options,
                   const Cell& cell) {
  if (options.return_sequences) return input.WithShape(cell.output_shape());
  return {cell.output_shape(), /*has_time=*/false, std::nullopt};
}

absl::Status CheckCell(const KerasConfig& config, const Cell& cell) {
  const auto num_states = static_cast<int64_t>(cell.states().size());
  if (num_states > RecurrentLayer::kMaxStates) {
    return config.Unsupported(absl::StrCat("a cell with ", num_states, " states is not supported; ",
                                           "it may have at most ", RecurrentLayer::kMaxStates));
  }
  const auto num_constants = static_cast<int64_t>(cell.constants().size());
  if (num_constants > RecurrentLayer::kMaxConstants) {
    return config.Unsupported(absl::StrCat("a cell with ", num_constants, " constants is not ",
                                           "supported; it may have at most ",
                                           RecurrentLayer::kMaxConstants));
  }
  return absl::OkStatus();
}

// Checks that the layer is given the constants that its cell takes, in number and shape.
absl::Status CheckConstants(const KerasConfig& config, const Cell& cell,
                            absl::Span<const ValueSpec> constants) {
  const auto& expected = cell.constants();
  if (constants.size() != expected.size()) {
    return config.Error(
        absl::StrCat("the cell takes ", expected.size(), " constants, found ", constants.size()));
  }
  for (size_t i = 0; i < constants.size(); ++i) {
    const ValueSpec& given = constants[i];
    if (given.has_time || !(given.shape == expected[i])) {
      return config.Error(absl::StrCat("constant ", i, " of the cell is ", expected[i].ToString(),
                                       " without time, found ", given.shape.ToString(),
                                       given.has_time ? " at every timestep" : ""));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RecurrentLayer::Options> RecurrentLayer::Options::Parse(const KerasConfig& config) {
  // With this option Keras 2 reads [time, batch, features].
  RNNSERVE_ASSIGN_OR_RETURN(const bool time_major, config.Bool("time_major", false));
  if (time_major) return config.Unsupported("time_major is not supported");
  Options options;
  RNNSERVE_ASSIGN_OR_RETURN(options.return_sequences, config.Bool("return_sequences", false));
  RNNSERVE_ASSIGN_OR_RETURN(options.return_state, config.Bool("return_state", false));
  RNNSERVE_ASSIGN_OR_RETURN(options.go_backwards, config.Bool("go_backwards", false));
  RNNSERVE_ASSIGN_OR_RETURN(options.zero_output_for_mask,
                            config.Bool("zero_output_for_mask", false));
  return options;
}

// Projecting saves reads of weights, but its results have to be written and read again. It pays off
// as long as reading a weight takes longer than multiplying it by all rows: with up to two or three
// rows if the weights are in a cache, and with a few more if they come from memory.
int64_t RecurrentLayer::ProjectedBatch(int64_t projection_rows, int64_t parameter_bytes) {
  constexpr int64_t kCachedBytes = int64_t{16} << 20;
  constexpr int64_t kMostOfCached = 3;
  if (projection_rows == 0) return 0;
  return parameter_bytes > kCachedBytes ? kMaxProjectedBatch : kMostOfCached;
}

RecurrentLayer::RecurrentLayer(const KerasConfig& config, const Options& options,
                               const ValueSpec& input, std::unique_ptr<Cell> cell)
    : Layer(config, OutputOf(input, options, *cell)),
      options_(options),
      cell_(std::move(cell)),
      projected_batch_(ProjectedBatch(cell_->projection_rows(), cell_->parameter_bytes())) {
  for (const StateSpec& state : cell_->states()) {
    const int64_t size = *state.shape.NumElements();
    state_rows_.push_back({states_size_, size});
    states_size_ += PaddedRows(size);
  }
}

absl::StatusOr<std::unique_ptr<Layer>> RecurrentLayer::Create(const LayerRegistry& registry,
                                                              const KerasConfig& config,
                                                              absl::Span<const ValueSpec> inputs,
                                                              WeightSource& weights) {
  RNNSERVE_ASSIGN_OR_RETURN(const Options options, Options::Parse(config));
  return CreateWithOptions(registry, config, options, inputs, weights);
}

absl::StatusOr<std::unique_ptr<RecurrentLayer>> RecurrentLayer::CreateWithOptions(
    const LayerRegistry& registry, const KerasConfig& config, const Options& options,
    absl::Span<const ValueSpec> inputs, WeightSource& weights) {
  const ValueSpec& input = inputs[0];
  RNNSERVE_RETURN_IF_ERROR(CheckSequence(config, input));
  RNNSERVE_ASSIGN_OR_RETURN(std::unique_ptr<Cell> cell,
                            CreateCell(registry, config, input, weights));
  RNNSERVE_RETURN_IF_ERROR(CheckCell(config, *cell));
  RNNSERVE_RETURN_IF_ERROR(CheckConstants(config, *cell, inputs.subspan(1)));
  return absl::WrapUnique(new RecurrentLayer(config, options, input, std::move(cell)));
}

int64_t RecurrentLayer::emitted_size() const {
  return options_.zero_output_for_mask ? 0 : PaddedRows(cell_->output_size());
}

int64_t RecurrentLayer::state_size() const { return states_size_ + emitted_size(); }

void RecurrentLayer::InitialState(float* column) const {
  for (size_t k = 0; k < state_rows_.size(); ++k) {
    const auto [offset, size] = state_rows_[k];
    cell_->InitialState(static_cast<int>(k), {column + offset, static_cast<size_t>(size)});
  }
}

void RecurrentLayer::OnStatesReplaced(float* column) const {
  std::fill_n(column + states_size_, emitted_size(), 0.0f);
}

int64_t RecurrentLayer::projected_time(int64_t batch, int64_t time) const {
  return batch > projected_batch_ || time == 1 ? 0 : std::min(time, kMaxProjectedTime);
}

int64_t RecurrentLayer::scratch_size(int64_t batch, int64_t time) const {
  // A larger batch does not project, but a run may have fewer rows than `batch`.
  const int64_t projected_batch = std::min(batch, projected_batch_);
  const int64_t together = projected_time(projected_batch, time);
  return ColumnsSize(states_size_, batch) + ColumnsSize(cell_->prepared_rows(), batch) +
         ColumnsSize(cell_->projection_rows(), projected_batch * together) +
         std::max(cell_->scratch_size(batch), cell_->projection_scratch_size(together));
}

void RecurrentLayer::Run(const LayerRun& run) const {
  const int64_t batch = run.x.batch;
  float* scratch = run.scratch;
  // The states before and after a step, which change places with every step.
  const Columns state = run.state.Rows(0, states_size_);
  std::array<Columns, 2> buffers = {state, TakeColumns(scratch, states_size_, batch)};
  std::array<ConstColumns, kMaxStates> states;
  std::array<Columns, kMaxStates> next_states;
  std::array<ConstColumns, kMaxConstants> constants;
  for (size_t k = 0; k < run.more_x.size(); ++k) constants[k] = run.more_x[k].At(0);
  CellStep step;
  step.constants = {constants.data(), run.more_x.size()};
  step.state = {states.data(), state_rows_.size()};
  step.next_state = {next_states.data(), state_rows_.size()};
  step.team = run.team;
  step.training = run.training;
  const Columns prepared = TakeColumns(scratch, cell_->prepared_rows(), batch);
  step.prepared = prepared;
  const int64_t together = run.training == nullptr ? projected_time(batch, run.x.time) : 0;
  const Sequence projected = DenseSequence(scratch, cell_->projection_rows(), batch, together);
  step.scratch = scratch + DenseSequenceSize(projected.rows, batch, together);
  if (prepared.rows > 0) cell_->Prepare(step.constants, prepared, step.scratch);
  int64_t first_projected = 0;
  for (int64_t i = 0; i < run.x.time; ++i) {
    const int64_t t = options_.go_backwards ? run.x.time - 1 - i : i;
    step.x = run.x.At(t);
    if (together > 0) {
      if (i % together == 0) first_projected = Project(run.x, i, step, projected);
      step.projection = projected.At(t - first_projected);
    }
    for (size_t k = 0; k < state_rows_.size(); ++k) {
      const auto [offset, size] = state_rows_[k];
      states[k] = buffers[0].Rows(offset, size);
      next_states[k] = buffers[1].Rows(offset, size);
    }
    step.y = run.y.At(options_.return_sequences ? i : 0);
    cell_->Step(step);
    Commit(run, t, buffers[0], buffers[1], step.y);
    std::swap(buffers[0], buffers[1]);
  }
  if (buffers[0].data != state.data) Copy(buffers[0], state);
}

int64_t RecurrentLayer::Project(ConstSequence x, int64_t i, const CellStep& step,
                                Sequence projected) const {
  const int64_t count = std::min(projected.time, x.time - i);
  const int64_t first = options_.go_backwards ? x.time - i - count : i;
  std::array<ConstColumns, kMaxConstants> constants;
  for (int64_t b = 0; b < x.batch; ++b) {
    for (size_t k = 0; k < step.constants.size(); ++k) {
      constants[k] = EveryColumn(step.constants[k].column(b), step.constants[k].rows, count);
    }
    cell_->Project(
        {.x = {x.At(first).column(b), x.rows, count, x.time_stride},
         .constants = {constants.data(), step.constants.size()},
         .prepared = EveryColumn(step.prepared.column(b), step.prepared.rows, count),
         .projection = {projected.At(0).column(b), projected.rows, count, projected.time_stride},
         .scratch = step.scratch});
  }
  return first;
}

void RecurrentLayer::Commit(const LayerRun& run, int64_t t, ConstColumns states,
                            Columns next_states, Columns y) const {
  const int64_t output_rows = PaddedRows(y.rows);
  for (int64_t b = 0; b < y.cols; ++b) {
    float* const emitted = run.state.column(b) + states_size_;
    if (run.mask(b, t)) {
      std::copy_n(y.column(b), emitted_size(), emitted);
      continue;
    }
    std::copy_n(states.column(b), states_size_, next_states.column(b));
    if (options_.zero_output_for_mask) {
      std::fill_n(y.column(b), output_rows, 0.0f);
    } else {
      std::copy_n(emitted, output_rows, y.column(b));
    }
  }
}

Mask RecurrentLayer::OutputMask(const LayerRun& run, uint8_t* /*buffer*/) const {
  return options_.return_sequences ? run.mask : Mask{};
}

}  // namespace rnnserve
