// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_CORE_LAYERS_LAYER_FIXTURE_H_
#define RNNSERVE_TESTS_CORE_LAYERS_LAYER_FIXTURE_H_

#include <gmock/gmock.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/base/aligned_buffer.h"
#include "core/keras/weight_source.h"
#include "core/layers/layer.h"

// Helpers of the layer tests. They build a layer from the JSON of Keras and run it on nested
// vectors.
namespace rnnserve::testing {

using Json = nlohmann::json;

// [batch][time][features]
using Values = std::vector<std::vector<std::vector<float>>>;
// [batch][size]
using Table = std::vector<std::vector<float>>;
// [batch][time]; empty for no mask
using MaskBits = std::vector<std::vector<int>>;

// Returns sequences of one feature: Scalars({{1, 2, 3}}) is one row of three timesteps.
Values Scalars(const Table& rows);
// Returns start, start + step, ... in row-major order.
Values Counting(int64_t batch, int64_t time, int64_t features, float start = 0.0f,
                float step = 1.0f);
// Returns uniform numbers in [-1, 1). The same seed gives the same numbers.
Values Random(int64_t batch, int64_t time, int64_t features, unsigned seed);
// Return timesteps [begin, end) of every row.
Values Slice(const Values& values, size_t begin, size_t end);
MaskBits Slice(const MaskBits& mask, size_t begin, size_t end);
// Returns every sequence of `time` bits, in the order of the binary numbers that they stand for.
MaskBits EveryMask(int time);

// Returns {"class_name": class_name, "config": config}, with the name "layer" unless it has a name.
Json Object(const std::string& class_name, Json config = Json::object());

// Return a cell and a layer that run a step program, given in its text form.
Json ProgramCellObject(const std::string& program, Json config = Json::object());
Json ProgramLayerObject(const std::string& program, Json config = Json::object());

// Has random weights of any name and shape. The same name gets the same weights. Owns them. Used by
// one thread at a time: the test's.
class AnyWeights final : public WeightSource {
 public:
  absl::StatusOr<absl::Span<const float>> Weight(absl::string_view name,
                                                 const Shape& shape) override;

 private:
  std::deque<std::vector<float>> weights_;
};

// Return the spec of an input of a layer. Sequences have any number of timesteps, or `time`.
ValueSpec Sequences(int64_t features);
ValueSpec Sequences(int64_t time, const Shape& timestep);
ValueSpec Vectors(int64_t features);
ValueSpec TokenIds();

// Build a layer with the built-in registry. Error texts call it "layer 'layer'". The overload
// without weights is for layers that have none.
absl::StatusOr<std::unique_ptr<Layer>> Build(const Json& object, const ValueSpec& input,
                                             WeightSource& weights);
absl::StatusOr<std::unique_ptr<Layer>> Build(const Json& object, const ValueSpec& input);
absl::StatusOr<std::unique_ptr<Layer>> Build(const Json& object,
                                             const std::vector<ValueSpec>& inputs,
                                             WeightSource& weights);
absl::StatusOr<std::unique_ptr<Layer>> BuildMerge(const Json& object,
                                                  const std::vector<ValueSpec>& inputs);

// Columns of state_size() floats, one for each batch row: the states and everything else that the
// layer carries.
using StateColumns = std::vector<AlignedBuffer>;

// Returns columns with these visible states, each [batch][size] in the order of states(), as if a
// client had set them.
StateColumns ColumnsOf(const Layer& layer, const std::vector<Table>& states);

// One input of a run.
struct RunInput {
  Values x;
  MaskBits mask = {};
};

// The buffers of one run. Everything that a layer must not read is NaN before the run: padding,
// scratch and the output. Owns its memory. Used by one thread at a time: the test's. The layer must
// outlive the calls of Run.
class PreparedRun {
 public:
  // Prepares a run that starts from these states, or from the initial states of the layer.
  PreparedRun(const Layer& layer, const Values& x, const MaskBits& mask = {},
              const StateColumns& states = {});
  // Prepares a run of a layer that merges inputs.
  PreparedRun(const Layer& layer, const std::vector<RunInput>& inputs,
              const StateColumns& states = {});

  void Run();
  // Runs with training=True and a seed for each row.
  void Train(absl::Span<const uint64_t> row_seeds);

  Values y() const;
  // Returns output `index` of the layer; output 0 is y().
  Values output(size_t index) const;
  // Returns state `index` as clients see it.
  Table state(size_t index) const;
  StateColumns state_columns() const;
  MaskBits output_mask() const;

 private:
  // Owns the sequence and the mask that a layer reads for a RunInput.
  struct Input {
    AlignedBuffer values;
    ConstSequence x;
    std::vector<uint8_t> bits;
    Mask mask;
  };

  static Input Prepare(const RunInput& input);

  const Layer& layer_;
  const std::vector<StateSpec> state_specs_;
  std::vector<Input> inputs_;
  std::vector<ConstSequence> more_x_;
  std::vector<Mask> more_masks_;
  std::vector<AlignedBuffer> outputs_;
  std::vector<Sequence> more_y_;
  AlignedBuffer states_;
  AlignedBuffer scratch_;
  std::vector<uint8_t> output_mask_buffer_;
  LayerRun run_;
  Mask output_mask_;
};

// Prepare a run and run it.
PreparedRun RunLayer(const Layer& layer, const Values& x, const MaskBits& mask = {},
                     const StateColumns& states = {});
PreparedRun TrainLayer(const Layer& layer, const Values& x, const std::vector<uint64_t>& row_seeds);
PreparedRun RunMerge(const Layer& layer, const std::vector<RunInput>& inputs);

// Return the bits of every value, to compare bits and not only numbers.
std::vector<uint32_t> Bits(const Values& values);
std::vector<uint32_t> Bits(const Table& table);

// Match values of equal shape that differ by at most 2e-6 (absolute and relative), as sums of
// float32 in another order may.
::testing::Matcher<const Values&> NearValues(const Values& expected);
::testing::Matcher<const Table&> NearTable(const Table& expected);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_CORE_LAYERS_LAYER_FIXTURE_H_
