// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Goal: scrape configurations load, alerts fire when they should, and neither an alert nor a graph
// uses a metric that rnnserve does not have. Method: promtool, the list of metrics, and planted
// mistakes. Run by tests/deploy/run.
'use strict';

const {execFileSync} = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const yaml = require('js-yaml');
const {check, checkFinds} = require('../report.js');
const {readMetrics, vocabularyFaults, syntaxFaults} = require('./expressions.js');
const {expressionsOf, variablesOf, layoutFaults} = require('./dashboard.js');

const deploy = path.resolve(__dirname, '../../../deploy');
const inDeploy = (...parts) => path.join(deploy, ...parts);

/** Runs promtool, which reports errors on either stream. */
function promtool(...args) {
  try {
    execFileSync(process.env.RNNSERVE_PROMTOOL, args, {stdio: 'pipe'});
    return [];
  } catch (error) {
    return [`${error.stdout}\n${error.stderr}`];
  }
}

const metrics = readMetrics(inDeploy('prometheus/metrics.txt'));
const vocabulary = (expressions) => expressions.flatMap((e) => vocabularyFaults(e, metrics));

for (const file of ['prometheus.yml', 'local.yml']) {
  check(`prometheus/${file}: loads`, () => promtool('check', 'config', inDeploy('prometheus', file)));
}

const alerts = yaml.load(fs.readFileSync(inDeploy('prometheus/alerts.yml'), 'utf8'))
    .groups.flatMap((group) => group.rules);
const alertTests = path.join(__dirname, 'alerts_test.yml');
check('prometheus/alerts.yml: unit tests', () => promtool('test', 'rules', alertTests));
check('prometheus/alerts.yml: every alert is tested', () => {
  const tested = yaml.load(fs.readFileSync(alertTests, 'utf8')).tests
      .flatMap((test) => test.alert_rule_test).filter((test) => test.exp_alerts.length !== 0)
      .map((test) => test.alertname);
  return alerts.filter((rule) => !tested.includes(rule.alert))
      .map((rule) => `${rule.alert} is never shown to fire`);
});
check('prometheus/alerts.yml: known metrics only', () => vocabulary(alerts.map((rule) => rule.expr)));

const dashboard = JSON.parse(fs.readFileSync(inDeploy('grafana/rnnserve.json'), 'utf8'));
check('grafana/rnnserve.json: expressions parse', () => syntaxFaults(expressionsOf(dashboard)));
check('grafana/rnnserve.json: known metrics only', () => [
  ...vocabulary(expressionsOf(dashboard)), ...vocabulary(variablesOf(dashboard)),
]);
check('grafana/rnnserve.json: every metric is shown', () => {
  const text = expressionsOf(dashboard).join(' ');
  return [...metrics.keys()].filter((name) => !text.includes(name)).map((name) => `${name} is not`);
});
check('grafana/rnnserve.json: panels are whole and do not overlap', () => layoutFaults(dashboard));

for (const [name, fragment, expression] of [
  ['an unknown metric', 'no sample rnnserve_step_total', 'rate(rnnserve_step_total[5m])'],
  ['a histogram without suffix', 'no sample rnnserve_batch_rows', 'rnnserve_batch_rows > 1'],
  ['an unknown label', 'has no label session', 'rnnserve_sessions{session="1"}'],
  ['grouping by a label of another metric', 'has a label method',
    'sum by (method) (rnnserve_sessions)'],
]) {
  checkFinds(`planted: ${name} is found`, fragment, () => vocabularyFaults(expression, metrics));
}
checkFinds('planted: a syntax error is found', 'parse error', () => syntaxFaults(['sum(rate(x[5m])']));
checkFinds('planted: overlapping panels are found', 'overlaps', () => {
  const spoilt = structuredClone(dashboard);
  spoilt.panels[2].gridPos = spoilt.panels[1].gridPos;
  return layoutFaults(spoilt);
});
