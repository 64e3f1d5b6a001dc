// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Goal: a cluster would accept the manifests, and they do what they claim. Method: render them with
// the real kubectl, check them against the published schemas and against each other, and plant one
// mistake of each kind to see that it is found. Run by tests/deploy/run.
'use strict';

const {execFileSync} = require('node:child_process');
const path = require('node:path');
const yaml = require('js-yaml');
const {check, checkFinds} = require('../report.js');
const {schemaFaults, unknownFieldFaults} = require('./schemas.js');
const {referenceFaults, securityFaults} = require('./references.js');

const manifests = path.resolve(__dirname, '../../../deploy/kubernetes');

function render(folder) {
  return yaml.loadAll(execFileSync(
      process.env.RNNSERVE_KUBECTL, ['kustomize', path.join(manifests, folder)], {encoding: 'utf8'}));
}

/** Returns a copy of the rendered base in which `change` has spoilt the pod or any document. */
function spoil(documents, change) {
  const copy = structuredClone(documents);
  const find = (kind) => copy.find((document) => document.kind === kind);
  change(find('Deployment').spec.template.spec, find);
  return copy;
}

const base = render('base');
const rendered = {base, 'overlays-demo': render('overlays/demo')};
const spoilt = {
  'unknown-field': spoil(base, (pod) => { pod.containers[0].readinesProbe = {}; }),
  'unknown-deep-field': spoil(base, (pod) => { pod.containers[0].livenessProbe.grpc.path = '/'; }),
  'unknown-policy-field': spoil(base, (pod, find) => { find('NetworkPolicy').spec.ingres = []; }),
};
const unknown = unknownFieldFaults({...rendered, ...spoilt});

for (const [name, documents] of Object.entries(rendered)) {
  check(`kubernetes/${name}: types and values`, () => schemaFaults(documents));
  check(`kubernetes/${name}: no unknown field`, () => unknown[name]);
  check(`kubernetes/${name}: selectors, ports, volumes fit`, () => referenceFaults(documents));
  check(`kubernetes/${name}: restricted security`, () => securityFaults(documents));
}

for (const [name, field] of [
  ['unknown-field', 'readinesProbe'], ['unknown-deep-field', 'path'],
  ['unknown-policy-field', 'ingres'],
]) {
  checkFinds(`planted: ${name} is found`, `"${field}"' does not exist`, () => unknown[name]);
}

for (const [name, fragment, change] of [
  ['a bad quantity', 'memory', (pod) => { pod.containers[0].resources.limits.memory = '1 Gigabyte'; }],
  ['a string for a number', 'terminationGracePeriodSeconds',
    (pod) => { pod.terminationGracePeriodSeconds = '30s'; }],
  ['a probe without a port', 'port', (pod) => { delete pod.containers[0].livenessProbe.grpc.port; }],
]) {
  checkFinds(`planted: ${name} is found`, fragment, () => schemaFaults(spoil(base, change)));
}

for (const [name, fragment, change] of [
  ['a selector of nothing', 'Service/rnnserve selects',
    (pod, find) => { find('Service').spec.selector = {app: 'other'}; }],
  ['an empty selector', 'NetworkPolicy selects every pod',
    (pod, find) => { find('NetworkPolicy').spec.podSelector = {}; }],
  ['an unknown port', 'port "http"',
    (pod, find) => { find('Service').spec.ports[0].targetPort = 'http'; }],
  ['an HTTP probe', 'no gRPC livenessProbe',
    (pod) => { pod.containers[0].livenessProbe = {httpGet: {port: 9464}}; }],
  ['a missing volume', '"models"', (pod) => { pod.volumes = pod.volumes.slice(0, 1); }],
]) {
  checkFinds(`planted: ${name} is found`, fragment, () => referenceFaults(spoil(base, change)));
}

checkFinds('planted: a writable root file system is found', 'readOnlyRootFilesystem', () =>
  securityFaults(spoil(base, (pod) => {
    pod.containers[0].securityContext.readOnlyRootFilesystem = false;
  })));
