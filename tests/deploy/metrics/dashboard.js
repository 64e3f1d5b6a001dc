// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Reads a Grafana dashboard and checks what can be judged without a Grafana.
'use strict';

const gridColumns = 24;

/** Returns the PromQL of all panels. */
function expressionsOf(dashboard) {
  return dashboard.panels.flatMap((panel) => panel.targets ?? []).map((target) => target.expr);
}

/** Returns the queries of the variables, as PromQL that names the same metric and label. */
function variablesOf(dashboard) {
  return dashboard.templating.list.filter((variable) => variable.type === 'query').map((variable) =>
    variable.query.query.replace(/^label_values\((\w+), (\w+)\)$/, 'count by ($2) ($1)'));
}

function overlap(a, b) {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

/** Returns the faults of one panel by itself. */
function panelFaults(panel) {
  const faults = [];
  const {x, w} = panel.gridPos;
  if (x < 0 || x + w > gridColumns) faults.push(`"${panel.title}" leaves the grid`);
  if (panel.type === 'row') return faults;
  if (!panel.description) faults.push(`"${panel.title}" has no description`);
  if (!panel.fieldConfig.defaults.unit) faults.push(`"${panel.title}" has no unit`);
  if (panel.targets.length === 0) faults.push(`"${panel.title}" shows nothing`);
  for (const {datasource} of [panel, ...panel.targets]) {
    if (datasource.uid !== '${datasource}') faults.push(`"${panel.title}" has a fixed data source`);
  }
  return faults;
}

/** Finds panels that lack something, overlap or share an id. */
function layoutFaults({panels}) {
  const faults = panels.flatMap(panelFaults);
  panels.forEach((panel, index) => {
    for (const other of panels.slice(index + 1)) {
      if (panel.id === other.id) faults.push(`"${panel.title}" and "${other.title}" share an id`);
      if (overlap(panel.gridPos, other.gridPos)) {
        faults.push(`"${panel.title}" overlaps "${other.title}"`);
      }
    }
  });
  return faults;
}

module.exports = {expressionsOf, variablesOf, layoutFaults};
