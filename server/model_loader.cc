// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/model_loader.h"

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/model/bundle.h"
#include "server/subprocess.h"

namespace rnnserve::server {
namespace {

namespace fs = std::filesystem;

// The importer bounds its own memory and processor time. This timeout ends an importer that hangs
// without using either.
constexpr absl::Duration kImportTimeout = absl::Minutes(2);

absl::StatusOr<ModelSource> ParseModelOption(const std::string& option) {
  const std::vector<std::string> parts = absl::StrSplit(option, absl::MaxSplits('=', 1));
  if (parts.size() != 2 || parts[0].empty() || parts[1].empty()) {
    return InvalidArgument("MODEL_OPTION", absl::StrCat("--model '", option, "' is not NAME=PATH"));
  }
  return ModelSource{parts[0], parts[1], std::nullopt};
}

// Applies one "NAME=TYPE" to the source of that name.
absl::Status SetWeightType(const std::string& option, std::vector<ModelSource>& sources) {
  const std::vector<std::string> parts = absl::StrSplit(option, absl::MaxSplits('=', 1));
  const auto type = WeightTypeFromName(parts.back());
  if (parts.size() != 2 || !type.has_value()) {
    return InvalidArgument(
        "MODEL_OPTION", absl::StrCat("--weight-type '", option,
                                     "' is not NAME=TYPE with a type of float32, bfloat16, int8"));
  }
  const auto source = std::find_if(sources.begin(), sources.end(),
                                   [&](const ModelSource& s) { return s.name == parts[0]; });
  if (source == sources.end()) {
    return InvalidArgument("MODEL_OPTION", absl::StrCat("--weight-type '", option,
                                                        "': there is no model '", parts[0], "'"));
  }
  source->weight_type = type;
  return absl::OkStatus();
}

// Returns whether this is an .h5 file with a whole model. A .weights.h5 file has only weights.
bool IsWholeModelHdf5(const std::string& file_name) {
  return absl::EndsWith(file_name, ".h5") && !absl::EndsWith(file_name, ".weights.h5");
}

absl::Status AppendFolder(const std::string& folder, std::vector<ModelSource>& sources) {
  std::error_code error;
  std::vector<ModelSource> found;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string file_name = entry->path().filename();
    // An unreadable folder does not count as a model: volumes have a lost+found folder that root
    // owns.
    std::error_code unreadable;
    const bool is_bundle = fs::exists(entry->path() / kBundleModelFile, unreadable);
    const bool is_file = absl::EndsWith(file_name, ".keras") ||
                         absl::EndsWith(file_name, ".onnx") || IsWholeModelHdf5(file_name);
    if (!is_bundle && !is_file) continue;
    const absl::string_view name =
        absl::StripSuffix(absl::StripSuffix(file_name, ".keras"), ".onnx");
    found.push_back({std::string(is_bundle ? name : absl::StripSuffix(name, ".h5")), entry->path(),
                     std::nullopt});
  }
  if (error) {
    return NotFound("MODEL_PATH",
                    absl::StrCat("cannot read the model folder ", folder, ": ", error.message()));
  }
  std::sort(found.begin(), found.end(),
            [](const ModelSource& a, const ModelSource& b) { return a.name < b.name; });
  sources.insert(sources.end(), found.begin(), found.end());
  return absl::OkStatus();
}

std::string ImporterPath(const std::string& importer) {
  if (!importer.empty()) return importer;
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path() / "rnnserve-import";
}

// Returns the code called `name`, for example "NOT_FOUND", or INVALID_ARGUMENT if there is none.
absl::StatusCode CodeFromName(absl::string_view name) {
  constexpr int kLast = static_cast<int>(absl::StatusCode::kUnauthenticated);
  for (int code = 1; code <= kLast; ++code) {
    if (absl::StatusCodeToString(static_cast<absl::StatusCode>(code)) == name) {
      return static_cast<absl::StatusCode>(code);
    }
  }
  return absl::StatusCode::kInvalidArgument;
}

// Returns the error that the importer printed as "error: CODE: REASON: text".
absl::Status ImportError(const SubprocessResult& result) {
  for (const absl::string_view line : absl::StrSplit(result.error_output, '\n')) {
    absl::string_view rest = line;
    if (!absl::ConsumePrefix(&rest, "error: ")) continue;
    const std::vector<std::string> parts = absl::StrSplit(rest, absl::MaxSplits(": ", 2));
    if (parts.size() == 3) return MakeError(CodeFromName(parts[0]), parts[1], parts[2]);
  }
  return InvalidArgument("MODEL_IMPORT", absl::StrCat("the importer ended with code ",
                                                      result.exit_code, " and gave no reason"));
}

absl::StatusOr<std::shared_ptr<const Model>> ImportModel(
    const ModelSource& source, const std::string& importer, const LayerRegistry& layers,
    absl::Span<const std::string> cell_plugins) {
  std::string folder = fs::temp_directory_path() / "rnnserve-import-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) {
    return MakeError(absl::StatusCode::kResourceExhausted, "MODEL_IMPORT",
                     "cannot make a temporary folder");
  }
  const absl::Cleanup remove = [&folder] {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  };
  const std::string bundle = absl::StrCat(folder, "/model");
  std::vector<std::string> command = {ImporterPath(importer), source.path, bundle};
  for (const std::string& plugin : cell_plugins) {
    command.insert(command.end(), {"--cell-plugin", plugin});
  }
  RNNSERVE_ASSIGN_OR_RETURN(const SubprocessResult result, RunSubprocess(command, kImportTimeout));
  if (result.exit_code != 0) return ImportError(result);
  return LoadBundle(bundle, layers, source.weight_type);
}

}  // namespace

absl::StatusOr<std::vector<ModelSource>> ListModelSources(
    const std::vector<std::string>& models, const std::string& model_dir,
    const std::vector<std::string>& weight_types) {
  std::vector<ModelSource> sources;
  for (const std::string& option : models) {
    RNNSERVE_ASSIGN_OR_RETURN(sources.emplace_back(), ParseModelOption(option));
  }
  if (!model_dir.empty()) RNNSERVE_RETURN_IF_ERROR(AppendFolder(model_dir, sources));
  absl::flat_hash_set<std::string> names;
  for (const ModelSource& source : sources) {
    if (!names.insert(source.name).second) {
      return InvalidArgument("MODEL_OPTION",
                             absl::StrCat("two models are named '", source.name, "'"));
    }
  }
  for (const std::string& option : weight_types) {
    RNNSERVE_RETURN_IF_ERROR(SetWeightType(option, sources));
  }
  return sources;
}

absl::StatusOr<std::shared_ptr<const Model>> LoadModel(const ModelSource& source,
                                                       const std::string& importer,
                                                       const LayerRegistry& layers,
                                                       absl::Span<const std::string> cell_plugins) {
  std::error_code error;
  if (!fs::exists(source.path, error)) {
    return NotFound("MODEL_PATH", absl::StrCat(source.path, " does not exist"));
  }
  if (fs::exists(fs::path(source.path) / kBundleModelFile, error)) {
    return LoadBundle(source.path, layers, source.weight_type);
  }
  return ImportModel(source, importer, layers, cell_plugins);
}

absl::StatusOr<std::shared_ptr<const Model>> LoadModel(const std::string& path,
                                                       const std::string& importer) {
  return LoadModel({"", path, std::nullopt}, importer, LayerRegistry::BuiltIn(),
                   /*cell_plugins=*/{});
}

}  // namespace rnnserve::server
