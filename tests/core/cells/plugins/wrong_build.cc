// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// A plug-in from another compiler.

#include "core/cells/cell_plugin.h"

constinit const rnnserve::CellPlugin rnnserve_cell_plugin{rnnserve::kCellPluginAbi,
                                                          "compiler of tomorrow", nullptr};
