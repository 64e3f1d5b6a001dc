// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Bundles: the input is the model.json of one, with layers, cells and step programs. The bundle is
// read from its folder and its model is built. A small model runs; a row must get the same bits in a
// batch and alone. Weights of any name and shape are right.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/keras/keras_config.h"
#include "core/model/bundle.h"
#include "core/model/model.h"
#include "core/model/safetensors.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/json_mutator.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::testing {
namespace {

// Models with more weights are not built, and models that need more memory do not run.
constexpr int64_t kElementsMax = 20000;
constexpr int64_t kWorkspaceBytesMax = 256 << 10;
constexpr int64_t kRows = 3;

// Weights of any name and shape, up to kElementsMax elements together.
class AnyWeights final : public WeightSource {
 public:
  explicit AnyWeights(WeightType matrix_type) : matrix_type_(matrix_type) {}

  absl::StatusOr<absl::Span<const float>> Weight(absl::string_view, const Shape& shape) override {
    const std::optional<int64_t> elements = shape.NumElements();
    if (!elements.has_value() || *elements > left_) {
      return InvalidArgument("MODEL_WEIGHTS", "too many weights for this test");
    }
    left_ -= *elements;
    std::vector<float>& values = kept_.emplace_back(static_cast<size_t>(*elements));
    for (size_t i = 0; i < values.size(); ++i) values[i] = 0.01f * static_cast<float>(i % 23);
    return absl::MakeConstSpan(values);
  }
  WeightType matrix_type() const override { return matrix_type_; }

 private:
  const WeightType matrix_type_;
  int64_t left_ = kElementsMax;
  std::deque<std::vector<float>> kept_;
};

absl::StatusOr<Bundle> ReadFrom(absl::string_view description) {
  static const TemporaryFolder folder;
  static const bool has_weights = [] {
    std::ofstream file(folder.path() / kBundleWeightsFile, std::ios::binary);
    WriteSafetensors({}, file);
    return file.good();
  }();
  Require(has_weights, "no temporary file can be written");
  std::ofstream(folder.path() / kBundleModelFile, std::ios::binary | std::ios::trunc)
      << description;
  return ReadBundle(folder.path());
}

// Returns the last row's outputs of a run of `batch` rows that all have the same inputs.
std::vector<float> OutputsOf(const Model& model, absl::Span<const int64_t> times, int64_t batch) {
  Workspace workspace(model, batch, times);
  for (int64_t b = 0; b < batch; ++b) {
    std::copy(model.initial_state().begin(), model.initial_state().end(),
              workspace.states().column(b));
    for (size_t i = 0; i < model.inputs().size(); ++i) {
      const Sequence input = workspace.input(i);
      // A token id; token 0 may be masked.
      const float value = model.inputs()[i].is_token_ids ? 0.0f : 0.5f;
      for (int64_t t = 0; t < input.time; ++t) {
        std::fill_n(input.At(t).column(b), input.rows, value);
      }
    }
  }
  model.RunSequencePart(workspace);
  model.RunTail(workspace);
  std::vector<float> values;
  for (size_t i = 0; i < model.outputs().size(); ++i) {
    const ConstSequence output = model.output(workspace, i);
    for (int64_t t = 0; t < output.time; ++t) {
      const float* const column = output.At(t).column(batch - 1);
      values.insert(values.end(), column, column + output.rows);
    }
  }
  return values;
}

void RunIfSmall(const Model& model) {
  std::vector<int64_t> times;
  for (const Model::Input& input : model.inputs()) times.push_back(input.spec.has_time ? 2 : 1);
  const auto value_times = model.ValueTimes(times);
  RequireReason(value_times.status());
  if (!value_times.ok()) return;
  const auto bytes = Workspace::Bytes(model, kRows, times);
  if (!bytes.has_value() || *bytes > kWorkspaceBytesMax) return;
  const std::vector<float> alone = OutputsOf(model, times, 1);
  const std::vector<float> in_batch = OutputsOf(model, times, kRows);
  const auto is_same = [](float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); };
  Require(std::equal(alone.begin(), alone.end(), in_batch.begin(), in_batch.end(), is_same),
          "other values in a batch");
}

}  // namespace
}  // namespace rnnserve::testing

size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  return rnnserve::testing::MutateJson(data, size, max_size, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace rnnserve;           // NOLINT(google-build-using-namespace)
  using namespace rnnserve::testing;  // NOLINT(google-build-using-namespace)
  static const LayerRegistry& registry = *new LayerRegistry(LayerRegistry::BuiltIn());
  const auto bundle = ReadFrom(TextOf(data, size));
  RequireReason(bundle.status());
  if (!bundle.ok()) return 0;
  AnyWeights weights(bundle->weight_type);
  const auto model = Model::Create(KerasConfig(bundle->model, "model"), weights, registry,
                                   BundleDigest(*bundle), bundle->mask_rules);
  RequireReason(model.status());
  if (model.ok()) RunIfSmall(**model);
  return 0;
}
