// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// A plug-in without cells.

#include "core/cells/cell_plugin.h"

static void RegisterNothing(rnnserve::CellRegistry& /*registry*/) {}

RNNSERVE_CELL_PLUGIN(RegisterNothing);
