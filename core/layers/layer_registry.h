// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_LAYER_REGISTRY_H_
#define RNNSERVE_CORE_LAYERS_LAYER_REGISTRY_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/cells/cell_registry.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/layer.h"
#include "core/layers/layer_traits.h"

namespace rnnserve {

// The name of the layer that runs a step program at every timestep (builtin/program_layer.cc).
inline constexpr char kProgramLayer[] = "rnnserve>Program";

// Builds layers by the name under which Keras serialized them: the registered name of a custom
// class ("package>Name"), else the class name. It also knows the traits of every class.
//
// Thread-compatible: fill it first, then share it.
class LayerRegistry {
 public:
  // Builds one layer that has one input. Errors: INVALID_ARGUMENT, reason MODEL_CONFIG or
  // MODEL_WEIGHTS; UNIMPLEMENTED, reason LAYER_UNSUPPORTED, CELL_UNSUPPORTED or OPTION_UNSUPPORTED;
  // each names the layer.
  using Factory = std::function<absl::StatusOr<std::unique_ptr<Layer>>(
      const LayerRegistry& registry, const KerasConfig& config, const ValueSpec& input,
      WeightSource& weights)>;

  // Builds one layer that merges one or more inputs. Errors: as for Factory.
  using MergeFactory = std::function<absl::StatusOr<std::unique_ptr<Layer>>(
      const LayerRegistry& registry, const KerasConfig& config, absl::Span<const ValueSpec> inputs,
      WeightSource& weights)>;

  // Returns a registry of every layer that rnnserve knows (builtin/builtin_layers.h), with these
  // cells.
  static LayerRegistry BuiltIn(CellRegistry cells = CellRegistry::BuiltIn());

  explicit LayerRegistry(CellRegistry cells);

  const CellRegistry& cells() const { return cells_; }

  // Adds a class of layers, or replaces the one of that name.
  void Register(std::string name, Factory factory, LayerTraits traits);
  void RegisterMerge(std::string name, MergeFactory factory, LayerTraits traits);

  // Returns the names of all classes, in ascending order.
  std::vector<std::string> Names() const;
  bool Contains(absl::string_view name) const { return TraitsOf(name) != nullptr; }
  // Returns the traits of the class, or null if it is not registered. The pointer is valid until
  // the next class is registered.
  const LayerTraits* TraitsOf(absl::string_view name) const;

  // Builds the layer that `config` describes. `weights` is already scoped to the layer. Errors:
  // those of the factory; UNIMPLEMENTED, reason LAYER_UNSUPPORTED, if no layer of that name is
  // registered, or OPTION_UNSUPPORTED, if its dtype policy is not supported; INVALID_ARGUMENT,
  // reason MODEL_CONFIG, if a layer with a single input is given none or several.
  absl::StatusOr<std::unique_ptr<Layer>> Create(const KerasConfig& config,
                                                absl::Span<const ValueSpec> inputs,
                                                WeightSource& weights) const;
  absl::StatusOr<std::unique_ptr<Layer>> Create(const KerasConfig& config, const ValueSpec& input,
                                                WeightSource& weights) const {
    return Create(config, absl::MakeConstSpan(&input, 1), weights);
  }

 private:
  struct Entry {
    MergeFactory factory;
    LayerTraits traits;
  };

  CellRegistry cells_;
  absl::flat_hash_map<std::string, Entry> entries_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_LAYER_REGISTRY_H_
