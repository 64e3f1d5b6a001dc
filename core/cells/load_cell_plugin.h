// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CELLS_LOAD_CELL_PLUGIN_H_
#define RNNSERVE_CORE_CELLS_LOAD_CELL_PLUGIN_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/cells/cell_registry.h"

namespace rnnserve {

// Loads the shared library at `path` (see cell_plugin.h), adds its cells to `registry` and returns
// their names. The code of the plug-in runs in this process, with all its rights, so load only
// plug-ins that the operator has listed. A plug-in stays loaded until the process ends. Errors,
// each naming the path, with `registry` unchanged:
//
//   NOT_FOUND PLUGIN_PATH            There is no such file.
//   INVALID_ARGUMENT PLUGIN_PATH     The path is not absolute or contains a symbolic link, "." or
//                                    ".."; the file is not a regular file; or it fails another
//                                    check of CheckPluginPath.
//   INVALID_ARGUMENT PLUGIN_LOAD     The file cannot be loaded as a shared library; it has no
//                                    symbol rnnserve_cell_plugin; it was built for another version
//                                    of rnnserve, by another compiler or with other libraries; it
//                                    registers no cell, or a cell whose name is taken.
absl::StatusOr<std::vector<std::string>> LoadCellPlugin(const std::string& path,
                                                        CellRegistry& registry);

// Returns the built-in cells and the cells of the plug-ins at `paths`. Errors: those of
// LoadCellPlugin.
absl::StatusOr<CellRegistry> CellsWithPlugins(absl::Span<const std::string> paths);

// Checks that not everyone can replace the file at `path`: it belongs to this user or to root, and
// neither the file nor its folder is world-writable. Folders further up may be world-writable if
// they are sticky, like /tmp, because others then cannot replace what they do not own. The owners
// of the folders and all group permissions are left to the operator. Errors: as for LoadCellPlugin,
// with reason PLUGIN_PATH.
absl::Status CheckPluginPath(const std::string& path);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CELLS_LOAD_CELL_PLUGIN_H_
