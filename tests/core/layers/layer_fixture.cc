// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/core/layers/layer_fixture.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "core/layers/layer_registry.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

constexpr float kPoison = std::numeric_limits<float>::quiet_NaN();

size_t Index(int64_t i) { return static_cast<size_t>(i); }

AlignedBuffer Poisoned(int64_t size) {
  AlignedBuffer buffer(size);
  std::fill_n(buffer.data(), size, kPoison);
  return buffer;
}

// Returns values that are filled in row-major order.
template <typename Next>
Values Generate(int64_t batch, int64_t time, int64_t features, Next next) {
  Values values(Index(batch), Table(Index(time), std::vector<float>(Index(features))));
  for (auto& row : values) {
    for (auto& timestep : row) std::generate(timestep.begin(), timestep.end(), next);
  }
  return values;
}

int64_t StateElements(const StateSpec& state) { return state.shape.NumElements().value(); }

// Returns the offset of state `index` in a column.
int64_t StateOffset(absl::Span<const StateSpec> states, size_t index) {
  int64_t offset = 0;
  for (size_t k = 0; k < index; ++k) offset += PaddedRows(StateElements(states[k]));
  return offset;
}

AlignedBuffer InitialColumn(const Layer& layer) {
  AlignedBuffer column(layer.state_size());
  layer.InitialState(column.data());
  for (size_t k = 0; k < layer.states().size(); ++k) {
    const int64_t size = StateElements(layer.states()[k]);
    std::fill_n(column.data() + StateOffset(layer.states(), k) + size, PaddedRows(size) - size,
                kPoison);
  }
  return column;
}

std::vector<float> Flat(const Table& table) {
  std::vector<float> flat;
  for (const auto& row : table) flat.insert(flat.end(), row.begin(), row.end());
  return flat;
}

std::vector<float> Flat(const Values& values) {
  std::vector<float> flat;
  for (const auto& row : values) {
    for (const auto& timestep : row) flat.insert(flat.end(), timestep.begin(), timestep.end());
  }
  return flat;
}

std::vector<size_t> Sizes(const Table& table) {
  std::vector<size_t> sizes;
  for (const auto& row : table) sizes.push_back(row.size());
  return sizes;
}

std::vector<std::vector<size_t>> Sizes(const Values& values) {
  std::vector<std::vector<size_t>> sizes;
  for (const auto& row : values) sizes.push_back(Sizes(row));
  return sizes;
}

bool NearFloat(float actual, float expected) {
  if (std::isnan(expected)) return std::isnan(actual);
  return std::abs(actual - expected) <= 2e-6f * std::max(1.0f, std::abs(expected));
}

// Returns the values of a sequence.
Values ValuesOf(const ConstSequence& sequence) {
  Values values;
  for (int64_t b = 0; b < sequence.batch; ++b) {
    auto& row = values.emplace_back();
    for (int64_t t = 0; t < sequence.time; ++t) {
      const float* column = sequence.At(t).column(b);
      row.emplace_back(column, column + sequence.rows);
    }
  }
  return values;
}

template <typename T>
std::vector<uint32_t> BitsOf(const T& values) {
  const std::vector<float> flat = Flat(values);
  std::vector<uint32_t> bits(flat.size());
  if (!flat.empty()) std::memcpy(bits.data(), flat.data(), flat.size() * sizeof(float));
  return bits;
}

const LayerRegistry& BuiltIn() {
  static const LayerRegistry& registry = *new LayerRegistry(LayerRegistry::BuiltIn());
  return registry;
}

MATCHER_P(IsNear, expected, "is within 2e-6 of " + ::testing::PrintToString(expected)) {
  const std::vector<float> actual_flat = Flat(arg);
  const std::vector<float> expected_flat = Flat(expected);
  return Sizes(arg) == Sizes(expected) &&
         std::equal(actual_flat.begin(), actual_flat.end(), expected_flat.begin(), NearFloat);
}

}  // namespace

Values Scalars(const Table& rows) {
  Values values;
  for (const auto& row : rows) {
    Table& timesteps = values.emplace_back();
    for (const float value : row) timesteps.push_back({value});
  }
  return values;
}

Values Counting(int64_t batch, int64_t time, int64_t features, float start, float step) {
  float i = 0.0f;
  return Generate(batch, time, features, [&] { return start + step * i++; });
}

Values Random(int64_t batch, int64_t time, int64_t features, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  return Generate(batch, time, features, [&] { return uniform(random); });
}

Values Slice(const Values& values, size_t begin, size_t end) {
  Values slice;
  for (const auto& row : values) slice.emplace_back(row.begin() + begin, row.begin() + end);
  return slice;
}

MaskBits Slice(const MaskBits& mask, size_t begin, size_t end) {
  MaskBits slice;
  for (const auto& row : mask) slice.emplace_back(row.begin() + begin, row.begin() + end);
  return slice;
}

MaskBits EveryMask(int time) {
  MaskBits masks;
  for (int pattern = 0; pattern < (1 << time); ++pattern) {
    auto& row = masks.emplace_back();
    for (int t = 0; t < time; ++t) row.push_back((pattern >> t) & 1);
  }
  return masks;
}

Json Object(const std::string& class_name, Json config) {
  if (!config.contains("name")) config["name"] = "layer";
  return {{"class_name", class_name}, {"config", std::move(config)}};
}

Json ProgramCellObject(const std::string& program, Json config) {
  config["program"] = Json::parse(program);
  Json cell = Object("ProgramCell", std::move(config));
  cell["registered_name"] = "rnnserve>ProgramCell";
  return cell;
}

Json ProgramLayerObject(const std::string& program, Json config) {
  config["program"] = Json::parse(program);
  Json layer = Object("Program", std::move(config));
  layer["registered_name"] = kProgramLayer;
  return layer;
}

absl::StatusOr<absl::Span<const float>> AnyWeights::Weight(absl::string_view name,
                                                           const Shape& shape) {
  std::seed_seq seed(name.begin(), name.end());
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-0.5f, 0.5f);
  auto& values = weights_.emplace_back(Index(shape.NumElements().value()));
  for (float& value : values) value = uniform(random);
  return absl::MakeConstSpan(values);
}

ValueSpec Sequences(int64_t features) { return {Shape{features}, true, std::nullopt}; }
ValueSpec Sequences(int64_t time, const Shape& timestep) { return {timestep, true, time}; }
ValueSpec Vectors(int64_t features) { return {Shape{features}, false, std::nullopt}; }
ValueSpec TokenIds() { return {Shape{}, true, std::nullopt}; }

absl::StatusOr<std::unique_ptr<Layer>> Build(const Json& object, const ValueSpec& input,
                                             WeightSource& weights) {
  return BuiltIn().Create(KerasConfig(object, "layer 'layer'"), input, weights);
}

absl::StatusOr<std::unique_ptr<Layer>> Build(const Json& object, const ValueSpec& input) {
  WeightMap none;
  return Build(object, input, none);
}

absl::StatusOr<std::unique_ptr<Layer>> Build(const Json& object,
                                             const std::vector<ValueSpec>& inputs,
                                             WeightSource& weights) {
  return BuiltIn().Create(KerasConfig(object, "layer 'layer'"), inputs, weights);
}

absl::StatusOr<std::unique_ptr<Layer>> BuildMerge(const Json& object,
                                                  const std::vector<ValueSpec>& inputs) {
  WeightMap none;
  return Build(object, inputs, none);
}

StateColumns ColumnsOf(const Layer& layer, const std::vector<Table>& states) {
  StateColumns columns;
  for (size_t b = 0; b < states.front().size(); ++b) {
    AlignedBuffer column = InitialColumn(layer);
    // A layer that does not reset what it carries gives wrong results with these numbers.
    const int64_t states_size = StateOffset(layer.states(), states.size());
    std::fill_n(column.data() + states_size, layer.state_size() - states_size, 77.0f);
    for (size_t k = 0; k < states.size(); ++k) {
      std::copy(states[k][b].begin(), states[k][b].end(),
                column.data() + StateOffset(layer.states(), k));
    }
    layer.OnStatesReplaced(column.data());
    columns.push_back(std::move(column));
  }
  return columns;
}

PreparedRun::Input PreparedRun::Prepare(const RunInput& input) {
  const auto batch = static_cast<int64_t>(input.x.size());
  const auto time = static_cast<int64_t>(input.x.front().size());
  const auto rows = static_cast<int64_t>(input.x.front().front().size());
  Input prepared;
  prepared.values = Poisoned(DenseSequenceSize(rows, batch, time));
  const Sequence x = DenseSequence(prepared.values.data(), rows, batch, time);
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t t = 0; t < time; ++t) {
      const auto& timestep = input.x[Index(b)][Index(t)];
      std::copy(timestep.begin(), timestep.end(), x.At(t).column(b));
      if (!input.mask.empty()) {
        prepared.bits.push_back(input.mask[Index(b)][Index(t)] != 0 ? 1 : 0);
      }
    }
  }
  prepared.x = x;
  if (!input.mask.empty()) prepared.mask = {prepared.bits.data(), time, 1};
  return prepared;
}

PreparedRun::PreparedRun(const Layer& layer, const Values& x, const MaskBits& mask,
                         const StateColumns& states)
    : PreparedRun(layer, std::vector<RunInput>{{x, mask}}, states) {}

PreparedRun::PreparedRun(const Layer& layer, const std::vector<RunInput>& inputs,
                         const StateColumns& states)
    : layer_(layer), state_specs_(layer.states().begin(), layer.states().end()) {
  std::vector<int64_t> times;
  for (const RunInput& input : inputs) {
    inputs_.push_back(Prepare(input));
    times.push_back(inputs_.back().x.time);
  }
  const int64_t batch = inputs_.front().x.batch;
  const int64_t y_time = layer.output_time(times);
  const auto add_output = [&](const ValueSpec& output) {
    const int64_t rows = output.shape.NumElements().value();
    const int64_t time = output.has_time ? y_time : 1;
    outputs_.push_back(Poisoned(DenseSequenceSize(rows, batch, time)));
    return DenseSequence(outputs_.back().data(), rows, batch, time);
  };
  run_.y = add_output(layer.output());
  for (const ValueSpec& output : layer.more_outputs()) more_y_.push_back(add_output(output));
  run_.more_y = more_y_;
  states_ = AlignedBuffer(layer.state_size() * batch);
  scratch_ = Poisoned(layer.scratch_size(batch, times.front()));
  output_mask_buffer_.resize(
      Index(batch * std::max(y_time, *std::max_element(times.begin(), times.end()))));
  for (size_t k = 1; k < inputs_.size(); ++k) {
    more_x_.push_back(inputs_[k].x);
    more_masks_.push_back(inputs_[k].mask);
  }
  run_.x = inputs_.front().x;
  run_.mask = inputs_.front().mask;
  run_.more_x = more_x_;
  run_.more_masks = more_masks_;
  run_.state = {states_.data(), layer.state_size(), batch, layer.state_size()};
  run_.scratch = scratch_.data();
  const AlignedBuffer initial = InitialColumn(layer);
  for (int64_t b = 0; b < batch; ++b) {
    const AlignedBuffer& column = states.empty() ? initial : states[Index(b)];
    std::copy_n(column.data(), layer.state_size(), run_.state.column(b));
  }
}

void PreparedRun::Run() {
  output_mask_ = layer_.OutputMask(run_, output_mask_buffer_.data());
  layer_.Run(run_);
}

void PreparedRun::Train(absl::Span<const uint64_t> row_seeds) {
  const TrainingRun training{row_seeds};
  run_.training = &training;
  Run();
  run_.training = nullptr;
}

Values PreparedRun::y() const { return ValuesOf(run_.y); }

Values PreparedRun::output(size_t index) const {
  return index == 0 ? y() : ValuesOf(more_y_[index - 1]);
}

Table PreparedRun::state(size_t index) const {
  Table state;
  for (int64_t b = 0; b < run_.state.cols; ++b) {
    const float* begin = run_.state.column(b) + StateOffset(state_specs_, index);
    state.emplace_back(begin, begin + StateElements(state_specs_[index]));
  }
  return state;
}

StateColumns PreparedRun::state_columns() const {
  StateColumns columns;
  for (int64_t b = 0; b < run_.state.cols; ++b) {
    columns.push_back(AlignedBuffer::CopyFrom({run_.state.column(b), Index(run_.state.rows)}));
  }
  return columns;
}

MaskBits PreparedRun::output_mask() const {
  MaskBits bits;
  if (output_mask_.data == nullptr) return bits;
  for (int64_t b = 0; b < run_.x.batch; ++b) {
    auto& row = bits.emplace_back();
    for (int64_t t = 0; t < run_.y.time; ++t) row.push_back(output_mask_(b, t) ? 1 : 0);
  }
  return bits;
}

PreparedRun RunLayer(const Layer& layer, const Values& x, const MaskBits& mask,
                     const StateColumns& states) {
  PreparedRun run(layer, x, mask, states);
  run.Run();
  return run;
}

PreparedRun TrainLayer(const Layer& layer, const Values& x,
                       const std::vector<uint64_t>& row_seeds) {
  PreparedRun run(layer, x);
  run.Train(row_seeds);
  return run;
}

PreparedRun RunMerge(const Layer& layer, const std::vector<RunInput>& inputs) {
  PreparedRun run(layer, inputs);
  run.Run();
  return run;
}

std::vector<uint32_t> Bits(const Values& values) { return BitsOf(values); }
std::vector<uint32_t> Bits(const Table& table) { return BitsOf(table); }

::testing::Matcher<const Values&> NearValues(const Values& expected) { return IsNear(expected); }
::testing::Matcher<const Table&> NearTable(const Table& expected) { return IsNear(expected); }

}  // namespace rnnserve::testing
