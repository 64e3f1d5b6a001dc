// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/memory/memory.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/base/status_macros.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/builtin/builtin_layers.h"
#include "core/layers/layer.h"
#include "core/layers/layer_config.h"
#include "core/layers/layer_registry.h"

namespace rnnserve {
namespace {

// Layers that copy timesteps: each output timestep is a copy of an input timestep, or zeros. The
// output has no mask. The layers cannot stream.
//
//   keras.layers.Cropping1D      removes timesteps at the beginning and the end
//   keras.layers.ZeroPadding1D   adds timesteps of zeros at the beginning and the end
//   keras.layers.UpSampling1D    repeats each timestep `size` times
//   keras.layers.RepeatVector    repeats a vector as `n` timesteps
//
// Immutable; safe to share.
class TimeCopy final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  int64_t output_time(absl::Span<const int64_t> input_times) const override;
  bool can_stream() const override { return false; }
  void Run(const LayerRun& run) const override;
  Mask OutputMask(const LayerRun& run, uint8_t* buffer) const override;

 private:
  // Output timestep t is a copy of input timestep floor(t / repeat) - before, if that exists, else
  // zeros.
  struct Options {
    int64_t repeat = 1;
    int64_t before = 0;  // timesteps added at the beginning; negative if some are removed
    int64_t behind = 0;

    int64_t OutputTime(int64_t time) const { return before + time * repeat + behind; }
  };

  static absl::StatusOr<Options> ParseOptions(const KerasConfig& config);

  TimeCopy(const KerasConfig& config, const ValueSpec& output, const Options& options);

  const Options options_;
};

struct Ends {
  int64_t before = 0;
  int64_t behind = 0;
};

// Returns the number of timesteps at each end. The option is one number for both ends, or a list of
// two.
absl::StatusOr<Ends> ReadEnds(const KerasConfig& config, absl::string_view key) {
  const auto is_count = [](const nlohmann::json& value) {
    return value.is_number_integer() && value.get<double>() >= 0.0 &&
           value.get<double>() <= static_cast<double>(kTimestepsMax);
  };
  const nlohmann::json& raw = config.Raw(key);
  if (raw.is_null()) return Ends{1, 1};
  if (is_count(raw)) return Ends{raw.get<int64_t>(), raw.get<int64_t>()};
  if (raw.is_array() && raw.size() == 2 && is_count(raw[0]) && is_count(raw[1])) {
    return Ends{raw[0].get<int64_t>(), raw[1].get<int64_t>()};
  }
  return config.Error(absl::StrCat("'", key, "' is ", raw.dump().substr(0, 80),
                                   ", not one or two whole numbers from 0 to ", kTimestepsMax));
}

TimeCopy::TimeCopy(const KerasConfig& config, const ValueSpec& output, const Options& options)
    : Layer(config, output), options_(options) {}

absl::StatusOr<TimeCopy::Options> TimeCopy::ParseOptions(const KerasConfig& config) {
  const std::string name = config.class_name();
  Options options;
  if (name == "RepeatVector") {
    RNNSERVE_ASSIGN_OR_RETURN(options.repeat, TimestepCount(config, "n", 1));
  } else if (name == "UpSampling1D") {
    options.repeat = 2;
    if (config.Has("size")) {
      RNNSERVE_ASSIGN_OR_RETURN(options.repeat, TimestepCount(config, "size", 1));
    }
  } else if (name == "Cropping1D") {
    RNNSERVE_ASSIGN_OR_RETURN(const Ends ends, ReadEnds(config, "cropping"));
    options.before = -ends.before;
    options.behind = -ends.behind;
  } else {
    RNNSERVE_RETURN_IF_ERROR(CheckChannelsLast(config));
    RNNSERVE_ASSIGN_OR_RETURN(const Ends ends, ReadEnds(config, "padding"));
    options.before = ends.before;
    options.behind = ends.behind;
  }
  return options;
}

absl::StatusOr<std::unique_ptr<Layer>> TimeCopy::Create(const LayerRegistry& /*registry*/,
                                                        const KerasConfig& config,
                                                        const ValueSpec& input,
                                                        WeightSource& /*weights*/) {
  RNNSERVE_ASSIGN_OR_RETURN(const Options options, ParseOptions(config));
  std::optional<int64_t> time = input.time;
  if (config.class_name() == "RepeatVector") {
    if (input.rank() != 2 || input.has_time) {
      return config.Error(
          absl::StrCat("the input is incompatible with the layer: expected ndim=2, ",
                       "[batch, features], found ndim=", input.rank()));
    }
    time = 1;
  } else {
    RNNSERVE_RETURN_IF_ERROR(NumSequenceFeatures(config, input).status());
  }
  Axes axes = {std::nullopt, input.shape[0]};
  if (time.has_value()) axes[0] = options.OutputTime(*time);
  RNNSERVE_ASSIGN_OR_RETURN(const ValueSpec output, ValueOfAxes(config, axes));
  return absl::WrapUnique(new TimeCopy(config, output, options));
}

int64_t TimeCopy::output_time(absl::Span<const int64_t> input_times) const {
  return options_.OutputTime(input_times[0]);
}

void TimeCopy::Run(const LayerRun& run) const {
  for (int64_t t = 0; t < run.y.time; ++t) {
    const Columns y = run.y.At(t);
    const int64_t source = t / options_.repeat - options_.before;
    if (source >= 0 && source < run.x.time) {
      Copy(run.x.At(source), y);
      continue;
    }
    for (int64_t b = 0; b < y.cols; ++b) y.padded(b).setZero();
  }
}

Mask TimeCopy::OutputMask(const LayerRun& /*run*/, uint8_t* /*buffer*/) const { return Mask{}; }

}  // namespace

void RegisterTimeCopy(LayerRegistry& registry) {
  for (const char* name : {"Cropping1D", "ZeroPadding1D", "UpSampling1D", "RepeatVector"}) {
    registry.Register(name, TimeCopy::Create,
                      {.variables = LayerVariables::None(), .keras2_mask = Keras2Mask::kEnds});
  }
}

}  // namespace rnnserve
