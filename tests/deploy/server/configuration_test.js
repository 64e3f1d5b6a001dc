// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Goal: the server accepts the configuration of the Kubernetes manifests, and the list of metrics
// agrees with /metrics. Method: start the server of this build with that file, on ports that the
// system chooses, read its metrics and stop it. Run by tests/deploy/run.
'use strict';

const {execFileSync, spawn} = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const {check} = require('../report.js');
const {readMetrics} = require('../metrics/expressions.js');

const source = path.resolve(__dirname, '../../..');
const program = path.join(process.env.RNNSERVE_BIN_DIR, 'rnnserve');
const startMsMax = 30000;

/** Returns the addresses once the server has written them; throws if it ends or takes too long. */
async function addressesOf(server, file, log) {
  for (const deadline = Date.now() + startMsMax; Date.now() < deadline;) {
    if (fs.existsSync(file)) return JSON.parse(fs.readFileSync(file, 'utf8'));
    if (server.exitCode !== null) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`the server did not start:\n${log()}`);
}

/** Returns the metric families of a page: name -> {type, labels}. */
function familiesOf(text) {
  const families = new Map();
  let name;
  for (const line of text.split('\n')) {
    const head = line.match(/^# TYPE (\S+) (\S+)$/);
    if (head) {
      name = head[1];
      families.set(name, {type: head[2], labels: new Set()});
    } else if (line.startsWith(name)) {
      const labels = line.match(/^\w+\{(.*)\} /)?.[1] ?? '';
      for (const [, label] of labels.matchAll(/(\w+)="/g)) families.get(name).labels.add(label);
    }
  }
  return families;
}

/** Returns families that differ from the list. Some appear only once they have a sample. */
function familyFaults(families, metrics) {
  const faults = [];
  for (const [name, {type, labels}] of families) {
    const listed = metrics.get(name);
    if (!name.startsWith('rnnserve_')) continue;
    if (listed?.type !== type) faults.push(`${name} is a ${type}, the list says ${listed?.type}`);
    for (const label of labels) {
      if (label !== 'le' && !listed?.labels.includes(label)) faults.push(`${name} has "${label}"`);
    }
  }
  if (!families.has('rnnserve_model_info')) faults.push('there is no rnnserve_model_info');
  return faults;
}

async function main() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rnnserve-'));
  const addressFile = path.join(folder, 'addresses.json');
  const server = spawn(program, [
    '--config', path.join(source, 'deploy/kubernetes/base/rnnserve.toml'),
    '--model-dir', path.join(source, 'client/demo/models'),
    '--grpc-address', '127.0.0.1:0', '--metrics-address', '127.0.0.1:0',
    '--address-file', addressFile,
  ]);
  const exited = new Promise((resolve) => server.on('exit', resolve));
  let output = '';
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (data) => output += data);
  try {
    const addresses = await addressesOf(server, addressFile, () => output);
    const text = await (await fetch(`http://${addresses.metrics}/metrics`)).text();
    server.kill('SIGTERM');
    const exitCode = await exited;

    check('server: accepts the configuration of the manifests and stops cleanly', () =>
      exitCode === 0 ? [] : [`exit code ${exitCode}:\n${output}`]);
    check('server: /metrics agrees with deploy/prometheus/metrics.txt', () => familyFaults(
        familiesOf(text), readMetrics(path.join(source, 'deploy/prometheus/metrics.txt'))));
    check('server: promtool accepts /metrics', () => {
      execFileSync(process.env.RNNSERVE_PROMTOOL, ['check', 'metrics'], {input: text, stdio: 'pipe'});
      return [];
    });
  } catch (error) {
    check('server: starts with the configuration of the manifests', () => [String(error.message)]);
  } finally {
    server.kill('SIGKILL');
    fs.rmSync(folder, {recursive: true});
  }
}

if (fs.existsSync(program)) {
  main();
} else {
  console.log(`skip server: ${program} is not built`);
}
