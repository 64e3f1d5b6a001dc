// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// A plug-in for another version of the interface. Nothing after the version may be read.

#include "core/cells/cell_plugin.h"

constinit const rnnserve::CellPlugin rnnserve_cell_plugin{rnnserve::kCellPluginAbi + 1, nullptr,
                                                          nullptr};
