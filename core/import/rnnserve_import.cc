// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// rnnserve-import: turns a model of Keras or ONNX into a bundle.
//
//   rnnserve-import MODEL BUNDLE_DIR [--config CONFIG.json] [--force] [--cell-plugin PATH]...
//                   [--weight-type TYPE] [--mask-rules RULES]
//                   [--memory-limit-bytes N] [--cpu-limit-s N]
//                   [--state INPUT=OUTPUT] [--set NAME=VALUE] ... (see onnx/onnx_options.h)
//
// MODEL is a .keras file or the folder that it was unpacked to, a whole model in HDF5 (.h5), or,
// with --config, weights alone (.weights.h5). Or it is an ONNX model (.onnx), to which the last
// options belong; what they say may also stand in the file MODEL.json next to it. Its content tells
// the format, not its name. A file of another known format is refused with the way to convert it.
//
// It is a separate program because zip and HDF5 are large formats with a long history of faults.
// Whatever a hostile file does to their readers happens here and not in the server, which runs this
// program for a model that is not a bundle. The work is done in a child process with limits on
// memory and time; the parent waits for it and reports the result. Programs that run it can rely on
// these exit statuses:
//
//   0   BUNDLE_DIR is a complete bundle that can be served. One line on stdout says so.
//   1   Nothing was written at BUNDLE_DIR; a folder BUNDLE_DIR.?????? may be left next to it if the
//       time limit was reached. The last line on stderr is
//           error: CODE: REASON: text
//       CODE and REASON are those of the error ("INVALID_ARGUMENT", "MODEL_WEIGHTS"), and the text
//       is for people. A crash of a reader is INVALID_ARGUMENT, MODEL_FORMAT.
//   2   The command line was wrong. stderr says what is wrong.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/cells/load_cell_plugin.h"
#include "core/import/confined_process.h"
#include "core/import/file_format.h"
#include "core/import/keras_archive.h"
#include "core/import/keras_import.h"
#include "core/import/onnx/graph_reader.h"
#include "core/import/onnx/onnx_import.h"
#include "core/import/onnx/onnx_options.h"
#include "core/layers/layer_registry.h"
#include "core/model/bundle.h"
#include "core/model/input_file.h"

namespace rnnserve {
namespace {

struct Options {
  std::string input;
  std::string output;
  std::string config;
  bool force = false;
  std::string weight_type = std::string(WeightTypeName(WeightType::kFloat32));
  std::string mask_rules = std::string(MaskRulesName(MaskRules::kKeras30));
  // By flag of OnnxFlags, the values on the command line.
  std::map<std::string, std::vector<std::string>> onnx_flags;
  // Absolute paths of shared libraries with cells.
  std::vector<std::string> cell_plugins;
  // The default is enough for 800 MiB of weights. About five times the size of the weights is in
  // memory at once: the file with the state of the optimizer, the weights, and the model that is
  // built to check them.
  uint64_t memory_limit_bytes = uint64_t{4} << 30;
  // A gigabyte takes a few seconds. On some damaged files libhdf5 loops forever.
  uint64_t cpu_limit_s = 60;
};

// Returns the error for --config with another file than weights.
absl::Status ConfigIsForHdf5(const Options& options) {
  return InvalidArgument("MODEL_FORMAT", absl::StrCat("'", options.input,
                                                      "' is not an HDF5 file; --config is for "
                                                      "weights in HDF5"));
}

// Returns what MODEL.onnx.json says, if there is one, and then the flags.
absl::StatusOr<OnnxOptions> ReadOptionsOfOnnx(const Options& options) {
  OnnxOptions onnx;
  const std::string path = absl::StrCat(options.input, ".json");
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) {
    RNNSERVE_ASSIGN_OR_RETURN(const std::string text, ReadInputFile(path, kModelJsonBytesMax));
    const std::string folder = std::filesystem::path(path).parent_path().string();
    absl::StatusOr<OnnxOptions> read = ReadOnnxOptions(text, folder);
    if (!read.ok()) return Annotate(read.status(), absl::StrCat("'", path, "'"));
    onnx = *std::move(read);
  }
  for (const auto& [flag, values] : options.onnx_flags) {
    for (const std::string& value : values) {
      RNNSERVE_RETURN_IF_ERROR(AddOnnxFlag(flag, value, onnx));
    }
  }
  return onnx;
}

absl::StatusOr<Bundle> ReadOnnxModel(const Options& options, const LayerRegistry& registry) {
  if (!options.config.empty()) return ConfigIsForHdf5(options);
  RNNSERVE_ASSIGN_OR_RETURN(const OnnxOptions onnx, ReadOptionsOfOnnx(options));
  RNNSERVE_ASSIGN_OR_RETURN(const OnnxModel model, ReadOnnxFile(options.input));
  return ImportOnnx(model, onnx, registry);
}

absl::StatusOr<Bundle> ReadKerasModel(const Options& options, const LayerRegistry& registry) {
  if (!options.config.empty()) return ConfigIsForHdf5(options);
  RNNSERVE_ASSIGN_OR_RETURN(const KerasArchive archive,
                            ReadKerasArchive(options.input, KerasArchiveLimits{}));
  return ImportKeras(archive, registry);
}

absl::StatusOr<Bundle> ReadHdf5Model(const Options& options, const LayerRegistry& registry) {
  const KerasArchiveLimits limits;
  RNNSERVE_ASSIGN_OR_RETURN(const std::string hdf5,
                            ReadInputFile(options.input, limits.weights_bytes_max));
  if (options.config.empty()) return ImportHdf5(hdf5, registry);
  RNNSERVE_ASSIGN_OR_RETURN(const std::string config,
                            ReadInputFile(options.config, limits.json_bytes_max));
  return ImportConfigAndWeights(config, hdf5, registry);
}

absl::StatusOr<Bundle> ReadModel(const Options& options, const LayerRegistry& registry) {
  RNNSERVE_ASSIGN_OR_RETURN(FileFormat format, DetectFileFormat(options.input));
  // The beginning of a damaged ONNX model may look like anything. Its reader says what is wrong.
  if (format == FileFormat::kUnknown && absl::EndsWith(options.input, ".onnx")) {
    format = FileFormat::kOnnx;
  }
  if (format == FileFormat::kOnnx) return ReadOnnxModel(options, registry);
  for (const auto& [flag, values] : options.onnx_flags) {
    if (values.empty()) continue;
    return InvalidArgument("MODEL_FORMAT", absl::StrCat("--", flag, " is for ONNX models, and '",
                                                        options.input, "' is none"));
  }
  switch (format) {
    case FileFormat::kKeras:
      return ReadKerasModel(options, registry);
    case FileFormat::kHdf5:
      return ReadHdf5Model(options, registry);
    default:
      return FormatRefusal(format);
  }
}

// Writes the bundle and returns the line for stdout.
absl::StatusOr<std::string> Import(const Options& options) {
  RNNSERVE_ASSIGN_OR_RETURN(CellRegistry cells, CellsWithPlugins(options.cell_plugins));
  RNNSERVE_ASSIGN_OR_RETURN(Bundle bundle,
                            ReadModel(options, LayerRegistry::BuiltIn(std::move(cells))));
  bundle.weight_type = *WeightTypeFromName(options.weight_type);
  bundle.mask_rules = *MaskRulesFromName(options.mask_rules);
  RNNSERVE_RETURN_IF_ERROR(WriteBundle(
      bundle, options.output, options.force ? IfBundleExists::kReplace : IfBundleExists::kFail));
  return absl::StrCat(options.output, ": ", bundle.weights.size(), " weights, digest ",
                      BundleDigest(bundle));
}

// Returns the error as one line, without the control characters that names in a model may contain.
std::string ErrorLine(const absl::Status& status) {
  std::string line = absl::StrCat("error: ", absl::StatusCodeToString(status.code()), ": ",
                                  ErrorReason(status), ": ", status.message());
  for (char& c : line) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  return line;
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Turns a model of Keras or ONNX into a bundle for rnnserve.", "rnnserve-import");
  app.add_option("model", options.input,
                 "a .keras file, the folder that one was unpacked to, a whole model in HDF5 (.h5), "
                 "weights alone (.weights.h5) with --config, or an ONNX model (.onnx)")
      ->required();
  app.add_option("bundle", options.output, "the folder to write")->required();
  app.add_option("--config", options.config,
                 "the configuration for a file of weights: the result of model.to_json()");
  app.add_flag("--force", options.force, "replace an existing bundle");
  app.add_option("--weight-type", options.weight_type,
                 "the type in which the server keeps matrices in memory; in the bundle all weights "
                 "stay float32")
      ->check(CLI::IsMember({"float32", "bfloat16", "int8"}))
      ->capture_default_str();
  app.add_option("--mask-rules", options.mask_rules,
                 "which layers hand on masks: as in Keras up to 3.15, or as from 3.16 on, where "
                 "recurrent layers, Bidirectional and TimeDistributed do not")
      ->check(CLI::IsMember({"keras 3.0", "keras 3.16"}))
      ->capture_default_str();
  app.add_option("--cell-plugin", options.cell_plugins,
                 "absolute path of a shared library with cells; may be repeated")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  for (absl::string_view flag : OnnxFlags()) {
    app.add_option(absl::StrCat("--", flag), options.onnx_flags[std::string(flag)],
                   std::string(OnnxFlagHelp(flag)))
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->group(
            "Facts that an ONNX file lacks; the file MODEL.onnx.json next to it can give "
            "them too");
  }
  app.add_option("--memory-limit-bytes", options.memory_limit_bytes, "the most memory to use")
      ->capture_default_str();
  app.add_option("--cpu-limit-s", options.cpu_limit_s, "the most seconds of computing time")
      ->capture_default_str();
  app.set_version_flag("--version", RNNSERVE_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const absl::StatusOr<std::string> result = RunConfined(
      {options.memory_limit_bytes, options.cpu_limit_s}, [&options] { return Import(options); });
  if (!result.ok()) {
    std::cerr << ErrorLine(result.status()) << '\n';
    return 1;
  }
  std::cout << *result << '\n';
  return 0;
}

}  // namespace
}  // namespace rnnserve

int main(int argc, char** argv) { return rnnserve::Main(argc, argv); }
