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

// The importer bounds its own memory and processor time; this catches one that waits.
constexpr absl::Duration kImportTimeout = absl::Minutes(2);

absl::StatusOr<ModelSource> ParseModelOption(const std::string& option) {
  const std::vector<std::string> parts = absl::StrSplit(option, absl::MaxSplits('=', 1));
  if (parts.size() != 2 || parts[0].empty() || parts[1].empty()) {
    return InvalidArgument("MODEL_OPTION", absl::StrCat("--model '", option, "' is not NAME=PATH"));
  }
  return ModelSource{parts[0], parts[1]};
}

absl::Status AppendFolder(const std::string& folder, std::vector<ModelSource>& sources) {
  std::error_code error;
  std::vector<ModelSource> found;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string file_name = entry->path().filename();
    // A folder that may not be read holds no model: volumes have a lost+found of root's.
    std::error_code unreadable;
    const bool is_bundle = fs::exists(entry->path() / kBundleModelFile, unreadable);
    if (!is_bundle && !absl::EndsWith(file_name, ".keras")) continue;
    found.push_back({std::string(absl::StripSuffix(file_name, ".keras")), entry->path()});
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

// The error that the importer printed as "error: REASON: text".
absl::Status ImportError(const SubprocessResult& result) {
  for (const absl::string_view line : absl::StrSplit(result.error_output, '\n')) {
    absl::string_view rest = line;
    if (!absl::ConsumePrefix(&rest, "error: ")) continue;
    const std::vector<std::string> parts = absl::StrSplit(rest, absl::MaxSplits(": ", 1));
    if (parts.size() == 2) return InvalidArgument(parts[0], parts[1]);
  }
  return InvalidArgument("MODEL_IMPORT", absl::StrCat("the importer ended with code ",
                                                      result.exit_code, " and no reason"));
}

absl::StatusOr<std::shared_ptr<const Model>> ImportModel(const std::string& path,
                                                         const std::string& importer) {
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
  RNNSERVE_ASSIGN_OR_RETURN(const SubprocessResult result,
                            RunSubprocess({ImporterPath(importer), path, bundle}, kImportTimeout));
  if (result.exit_code != 0) return ImportError(result);
  return LoadBundle(bundle, LayerRegistry::BuiltIn());
}

}  // namespace

absl::StatusOr<std::vector<ModelSource>> ListModelSources(const std::vector<std::string>& models,
                                                          const std::string& model_dir) {
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
  return sources;
}

absl::StatusOr<std::shared_ptr<const Model>> LoadModel(const std::string& path,
                                                       const std::string& importer) {
  std::error_code error;
  if (!fs::exists(path, error)) {
    return NotFound("MODEL_PATH", absl::StrCat("there is no ", path));
  }
  if (fs::exists(fs::path(path) / kBundleModelFile, error)) {
    return LoadBundle(path, LayerRegistry::BuiltIn());
  }
  return ImportModel(path, importer);
}

}  // namespace rnnserve::server
