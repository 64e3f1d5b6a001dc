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

// Loads the shared library at `path` (see cell_plugin.h) and adds its cells to `registry`; returns
// their names. Its code runs in this process, with all that this process may do: load what the
// operator listed and nothing else. It stays loaded until the process ends. Errors, each naming the
// path, with `registry` unchanged:
//
//   NOT_FOUND PLUGIN_PATH            There is no such file.
//   INVALID_ARGUMENT PLUGIN_PATH     The path is not absolute, or leads over a symbolic link, "."
//                                    or ".."; it is not a regular file; or somebody else could put
//                                    other code there (see CheckPluginPath).
//   INVALID_ARGUMENT PLUGIN_LOAD     It is not a shared library that loads here; it holds no
//                                    rnnserve_cell_plugin; it was built for another rnnserve, with
//                                    another compiler or other libraries; it registers no cell, or
//                                    one whose name is taken.
absl::StatusOr<std::vector<std::string>> LoadCellPlugin(const std::string& path,
                                                        CellRegistry& registry);

// The built-in cells and those of the plug-ins. Errors: those of LoadCellPlugin.
absl::StatusOr<CellRegistry> CellsWithPlugins(absl::Span<const std::string> paths);

// Whether only this user and root decide what stands at `path`: the file belongs to one of them and
// is not writable by everyone, nor is its folder; the folders above may be if their sticky bit
// keeps others from replacing what is not theirs, as in /tmp. Groups are the operator's affair.
// Errors: those with PLUGIN_PATH.
absl::Status CheckPluginPath(const std::string& path);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CELLS_LOAD_CELL_PLUGIN_H_
