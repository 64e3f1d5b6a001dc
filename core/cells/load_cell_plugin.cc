// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/load_cell_plugin.h"

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/cells/cell_plugin.h"

namespace rnnserve {
namespace {

namespace fs = std::filesystem;

constexpr char kSymbol[] = "rnnserve_cell_plugin";

absl::Status PathError(absl::string_view text) { return InvalidArgument("PLUGIN_PATH", text); }
absl::Status LoadError(absl::string_view text) { return InvalidArgument("PLUGIN_LOAD", text); }

absl::Status CheckFile(const std::string& path) {
  struct stat file {};
  if (lstat(path.c_str(), &file) != 0 || !S_ISREG(file.st_mode)) {
    return PathError("it is not a regular file");
  }
  if (file.st_uid != 0 && file.st_uid != geteuid()) {
    return PathError(absl::StrCat("it belongs to user ", file.st_uid, ", neither root nor user ",
                                  geteuid(), " that this process runs as"));
  }
  if ((file.st_mode & S_IWOTH) != 0) return PathError("everyone may write it");
  return absl::OkStatus();
}

absl::Status CheckFolder(const std::string& folder, bool may_be_sticky) {
  struct stat status {};
  if (stat(folder.c_str(), &status) != 0) return PathError(absl::StrCat("cannot read ", folder));
  if ((status.st_mode & S_IWOTH) == 0) return absl::OkStatus();
  if (may_be_sticky && (status.st_mode & S_ISVTX) != 0) return absl::OkStatus();
  return PathError(absl::StrCat("everyone may write to the folder ", folder));
}

// Checks that the plug-in was built for this program.
absl::Status CheckStamp(const CellPlugin& plugin) {
  if (plugin.abi != kCellPluginAbi) {
    return LoadError(absl::StrCat("it was built for version ", plugin.abi,
                                  " of the interface of cells; this is version ", kCellPluginAbi));
  }
  const absl::string_view build = plugin.build;
  if (build != kCellPluginBuild) {
    return LoadError(
        absl::StrCat("it was built with '", build, "'; this is '", kCellPluginBuild, "'"));
  }
  return absl::OkStatus();
}

absl::StatusOr<CellRegistry> CellsOf(void* library) {
  const auto* plugin = static_cast<const CellPlugin*>(dlsym(library, kSymbol));
  if (plugin == nullptr) return LoadError(absl::StrCat("it has no symbol ", kSymbol));
  RNNSERVE_RETURN_IF_ERROR(CheckStamp(*plugin));
  CellRegistry cells;
  plugin->register_cells(cells);
  if (cells.Names().empty()) return LoadError("it registers no cell");
  return cells;
}

absl::StatusOr<std::vector<std::string>> Load(const std::string& path, CellRegistry& registry) {
  RNNSERVE_RETURN_IF_ERROR(CheckPluginPath(path));
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return LoadError(dlerror());
  // Never closed, not even after an error: the plug-in may have stored pointers to its functions
  // anywhere in the process.
  RNNSERVE_ASSIGN_OR_RETURN(CellRegistry cells, CellsOf(library));
  std::vector<std::string> names = cells.Names();
  RNNSERVE_RETURN_IF_ERROR(registry.Merge(std::move(cells)));
  return names;
}

}  // namespace

absl::Status CheckPluginPath(const std::string& path) {
  if (!fs::path(path).is_absolute()) return PathError("the path is not absolute");
  std::error_code error;
  if (!fs::exists(path, error)) return NotFound("PLUGIN_PATH", "there is no such file");
  const fs::path canonical = fs::canonical(path, error);
  if (canonical.native() != path) {
    return PathError(
        absl::StrCat("the path is not the shortest; it leads to ", canonical.native()));
  }
  RNNSERVE_RETURN_IF_ERROR(CheckFile(path));
  for (fs::path folder = canonical.parent_path();; folder = folder.parent_path()) {
    const bool holds_the_file = folder == canonical.parent_path();
    RNNSERVE_RETURN_IF_ERROR(CheckFolder(folder, /*may_be_sticky=*/!holds_the_file));
    if (folder == folder.root_path()) return absl::OkStatus();
  }
}

absl::StatusOr<std::vector<std::string>> LoadCellPlugin(const std::string& path,
                                                        CellRegistry& registry) {
  auto names = Load(path, registry);
  if (names.ok()) return names;
  return Annotate(names.status(), absl::StrCat("cell plug-in '", path, "'"));
}

absl::StatusOr<CellRegistry> CellsWithPlugins(absl::Span<const std::string> paths) {
  CellRegistry cells = CellRegistry::BuiltIn();
  for (const std::string& path : paths) {
    RNNSERVE_RETURN_IF_ERROR(LoadCellPlugin(path, cells).status());
  }
  return cells;
}

}  // namespace rnnserve
