// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_CORE_LAYERS_LAYER_FIXTURE_H_
#define RNNSERVE_TESTS_CORE_LAYERS_LAYER_FIXTURE_H_

#include <gmock/gmock.h>

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/aligned_buffer.h"
#include "core/keras/weight_source.h"
#include "core/layers/layer.h"

// The language of the layer tests: build a layer from Keras' JSON, run it on nested vectors.
namespace rnnserve::testing {

using Json = nlohmann::json;

// [batch][time][features]
using Values = std::vector<std::vector<std::vector<float>>>;
// [batch][size]
using Table = std::vector<std::vector<float>>;
// [batch][time]; empty for no mask
using MaskBits = std::vector<std::vector<int>>;

// Sequences of one feature: Scalars({{1, 2, 3}}) is one row of three timesteps.
Values Scalars(const Table& rows);
// start, start + step, ... in row-major order.
Values Counting(int64_t batch, int64_t time, int64_t features, float start = 0.0f,
                float step = 1.0f);
// Uniform in [-1, 1), the same for the same seed.
Values Random(int64_t batch, int64_t time, int64_t features, unsigned seed);
// Timesteps [begin, end) of every row.
Values Slice(const Values& values, size_t begin, size_t end);
MaskBits Slice(const MaskBits& mask, size_t begin, size_t end);
// Every sequence of `time` bits, in order of their binary numbers.
MaskBits EveryMask(int time);

// {"class_name": class_name, "config": config}, with the name "layer" unless it has one.
Json Object(const std::string& class_name, Json config = Json::object());

// What stands in front of a layer: sequences of any number of timesteps or of `time`.
ValueSpec Sequences(int64_t features);
ValueSpec Sequences(int64_t time, const Shape& timestep);
ValueSpec Vectors(int64_t features);
ValueSpec TokenIds();

// Builds a layer of the built-in registry; error texts call it "layer 'layer'". The one without
// weights is for layers that have none.
absl::StatusOr<std::unique_ptr<Layer>> Build(const Json& object, const ValueSpec& input,
                                             WeightSource& weights);
absl::StatusOr<std::unique_ptr<Layer>> Build(const Json& object, const ValueSpec& input);
absl::StatusOr<std::unique_ptr<Layer>> Build(const Json& object,
                                             const std::vector<ValueSpec>& inputs,
                                             WeightSource& weights);
absl::StatusOr<std::unique_ptr<Layer>> BuildMerge(const Json& object,
                                                  const std::vector<ValueSpec>& inputs);

// Columns of state_size() floats, one a batch row: the states and what the layer carries besides.
using StateColumns = std::vector<AlignedBuffer>;

// Columns with these visible states, each [batch][size] in the order of states(), as if a client
// had set them.
StateColumns ColumnsOf(const Layer& layer, const std::vector<Table>& states);

// One input of a run.
struct RunInput {
  Values x;
  MaskBits mask = {};
};

// The buffers of one run. What a layer must not read holds NaN before it: padding, scratch and the
// output. Owns its memory. Used by one thread at a time: the test's. The layer must outlive the
// calls of Run.
class PreparedRun {
 public:
  // Begins with these states, or with the initial states of the layer.
  PreparedRun(const Layer& layer, const Values& x, const MaskBits& mask = {},
              const StateColumns& states = {});
  // Of a layer that merges inputs.
  PreparedRun(const Layer& layer, const std::vector<RunInput>& inputs,
              const StateColumns& states = {});

  void Run();
  // With training=True, and a seed for each row.
  void Train(absl::Span<const uint64_t> row_seeds);

  Values y() const;
  // State `index` as clients see it.
  Table state(size_t index) const;
  StateColumns state_columns() const;
  MaskBits output_mask() const;

 private:
  // Owns what a RunInput is to a layer.
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
  AlignedBuffer y_;
  AlignedBuffer states_;
  AlignedBuffer scratch_;
  std::vector<uint8_t> output_mask_buffer_;
  LayerRun run_;
  Mask output_mask_;
};

// Prepares and runs.
PreparedRun RunLayer(const Layer& layer, const Values& x, const MaskBits& mask = {},
                     const StateColumns& states = {});
PreparedRun TrainLayer(const Layer& layer, const Values& x, const std::vector<uint64_t>& row_seeds);
PreparedRun RunMerge(const Layer& layer, const std::vector<RunInput>& inputs);

// The bits of every value: equal bits, not only equal numbers.
std::vector<uint32_t> Bits(const Values& values);
std::vector<uint32_t> Bits(const Table& table);

// Equal in shape, and in value within 2e-6 (absolute and relative): what sums of float32 in another
// order may differ by.
::testing::Matcher<const Values&> NearValues(const Values& expected);
::testing::Matcher<const Table&> NearTable(const Table& expected);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_CORE_LAYERS_LAYER_FIXTURE_H_
