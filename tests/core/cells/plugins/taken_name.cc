// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// A plug-in with one new cell and one that would replace a built-in cell.

#include "core/cells/cell_plugin.h"
#include "core/cells/minimal_rnn_cell.h"

static void RegisterCells(rnnserve::CellRegistry& registry) {
  registry.Register("mine>Cell", rnnserve::MinimalRnnCell::Create);
  registry.Register("LSTMCell", rnnserve::MinimalRnnCell::Create);
}

RNNSERVE_CELL_PLUGIN(RegisterCells);
