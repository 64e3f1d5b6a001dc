// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Checks PromQL expressions against the list of metrics in deploy/prometheus/metrics.txt. A metric
// or label that does not exist is valid PromQL and gives an empty graph.
'use strict';

const {execFileSync} = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

/** The labels that Prometheus adds to everything that it scrapes. */
const targetLabels = ['job', 'instance'];

/** Returns the list as a map: name -> {type, labels}. Throws for a line of another form. */
function readMetrics(file) {
  const metrics = new Map();
  for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [name, type, labels, ...rest] = line.split(/ +/);
    if (!/^rnnserve_[a-z_]+$/.test(name) || !['counter', 'gauge', 'histogram'].includes(type) ||
        !labels || rest.length !== 0 || metrics.has(name)) {
      throw new Error(`${path.basename(file)}: cannot use the line "${line}"`);
    }
    if ((type === 'counter') !== name.endsWith('_total')) {
      throw new Error(`${name}: a counter, and nothing else, ends in _total`);
    }
    metrics.set(name, {type, labels: labels === '-' ? [] : labels.split(',')});
  }
  return metrics;
}

/** Returns the labels of a sample named `name`, or undefined if there is no such sample. */
function labelsOf(name, metrics) {
  const [, family, suffix] = name.match(/^(.*?)(_bucket|_sum|_count)?$/);
  if (metrics.get(family)?.type === 'histogram' && suffix) {
    return [...metrics.get(family).labels, ...targetLabels, ...(suffix === '_bucket' ? ['le'] : [])];
  }
  const metric = metrics.get(name);
  return metric && metric.type !== 'histogram' ? [...metric.labels, ...targetLabels] : undefined;
}

/** Returns the samples and labels of `expression` that do not exist. */
function vocabularyFaults(expression, metrics) {
  const faults = [];
  const known = new Set(targetLabels);
  for (const [, name, matchers] of expression.matchAll(/\b(rnnserve_\w+)(?:\{([^}]*)\})?/g)) {
    const labels = labelsOf(name, metrics);
    if (!labels) faults.push(`there is no sample ${name}`);
    for (const label of labels ?? []) known.add(label);
    for (const [, label] of (matchers ?? '').matchAll(/(\w+)\s*(?:=|!)/g)) {
      if (labels && !labels.includes(label)) faults.push(`${name} has no label ${label}`);
    }
  }
  for (const [, list] of expression.matchAll(/\b(?:by|on|without|group_left)\s*\(([^)]*)\)/g)) {
    for (const label of list.split(',').map((word) => word.trim()).filter(Boolean)) {
      if (!known.has(label)) faults.push(`no metric of the expression has a label ${label}`);
    }
  }
  return faults.map((fault) => `${fault}: ${expression}`);
}

/** Returns promtool's syntax errors for the expressions, with Grafana's time variables replaced. */
function syntaxFaults(expressions) {
  const rules = expressions.map((expression, index) => ({
    record: `expression:${index}`, expr: expression.replaceAll('$__rate_interval', '5m'),
  }));
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rnnserve-'));
  try {
    const file = path.join(folder, 'rules.json');
    fs.writeFileSync(file, JSON.stringify({groups: [{name: 'expressions', rules}]}));
    execFileSync(process.env.RNNSERVE_PROMTOOL, ['check', 'rules', file], {stdio: 'pipe'});
    return [];
  } catch (error) {
    return [String(error.stderr || error)];
  } finally {
    fs.rmSync(folder, {recursive: true});
  }
}

module.exports = {readMetrics, vocabularyFaults, syntaxFaults};
