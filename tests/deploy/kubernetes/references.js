// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Checks what no schema knows: whether the manifests fit together. The API accepts a selector that
// matches nothing and a port name that does not exist, and they silently have no effect.
'use strict';

const of = (documents, kind) => documents.filter((document) => document.kind === kind);

function isSubset(labels, of) {
  return Object.entries(labels ?? {}).every(([key, value]) => of[key] === value);
}

/** Returns each (name, label selector) in `documents` that must match the pods. */
function podSelectors(documents) {
  return [
    ...of(documents, 'Service').map((d) => [`Service/${d.metadata.name}`, d.spec.selector]),
    ...of(documents, 'Deployment').map((d) => ['Deployment', d.spec.selector.matchLabels]),
    ...of(documents, 'Deployment').flatMap((d) => d.spec.template.spec.topologySpreadConstraints.map(
        (c) => [`spread over ${c.topologyKey}`, c.labelSelector.matchLabels])),
    ...of(documents, 'PodDisruptionBudget').map(
        (d) => ['PodDisruptionBudget', d.spec.selector?.matchLabels]),
    ...of(documents, 'NetworkPolicy').map(
        (d) => ['NetworkPolicy', d.spec.podSelector.matchLabels]),
  ];
}

function selectorFaults(documents, pod) {
  return podSelectors(documents).flatMap(([name, selector]) => {
    if (!selector || Object.keys(selector).length === 0) return [`${name} selects every pod or none`];
    if (!isSubset(selector, pod.metadata.labels)) {
      return [`${name} selects ${JSON.stringify(selector)}, pods have ` +
              JSON.stringify(pod.metadata.labels)];
    }
    return [];
  });
}

function portFaults(documents, container) {
  const names = container.ports.map((port) => port.name);
  const numbers = container.ports.map((port) => port.containerPort);
  const used = [
    ...of(documents, 'Service').flatMap((d) => d.spec.ports.map((port) => port.targetPort)),
    ...of(documents, 'NetworkPolicy').flatMap(
        (d) => d.spec.ingress.flatMap((rule) => rule.ports.map((port) => port.port))),
    ...['startupProbe', 'readinessProbe', 'livenessProbe'].map(
        (probe) => container[probe]?.grpc?.port ?? `no gRPC ${probe}`),
  ];
  return used.filter((port) => !names.includes(port) && !numbers.includes(port))
      .map((port) => `port "${port}" is not one of ${names} or ${numbers}`);
}

function volumeFaults(documents, pod, container) {
  const faults = [];
  const names = pod.spec.volumes.map((volume) => volume.name);
  for (const mount of container.volumeMounts) {
    if (!names.includes(mount.name)) faults.push(`no volume for the mount "${mount.name}"`);
  }
  const config = pod.spec.volumes.find((volume) => volume.name === 'config').configMap.name;
  if (!of(documents, 'ConfigMap').some((d) => d.metadata.name === config)) {
    faults.push(`no ConfigMap "${config}"`);
  }
  return faults;
}

function autoscalerFaults(documents, deployment) {
  const faults = of(documents, 'HorizontalPodAutoscaler')
      .filter((d) => d.spec.scaleTargetRef.name !== deployment.metadata.name)
      .map((d) => `the autoscaler scales "${d.spec.scaleTargetRef.name}"`);
  if ('replicas' in deployment.spec) faults.push('replicas would fight with the autoscaler');
  return faults;
}

/** Returns the faults between the documents of one rendered kustomization with one Deployment. */
function referenceFaults(documents) {
  const [deployment] = of(documents, 'Deployment');
  const pod = deployment.spec.template;
  const [container] = pod.spec.containers;
  return [
    ...selectorFaults(documents, pod), ...portFaults(documents, container),
    ...volumeFaults(documents, pod, container), ...autoscalerFaults(documents, deployment),
  ];
}

/** Checks the demands of the "restricted" pod security profile, and a read-only root file system. */
function securityFaults(documents) {
  const {spec} = of(documents, 'Deployment')[0].spec.template;
  const [container] = spec.containers;
  const facts = {
    'runAsNonRoot': spec.securityContext.runAsNonRoot === true,
    'a user other than root': spec.securityContext.runAsUser > 0,
    'seccomp RuntimeDefault': spec.securityContext.seccompProfile?.type === 'RuntimeDefault',
    'no privilege escalation': container.securityContext.allowPrivilegeEscalation === false,
    'drop ALL': container.securityContext.capabilities.drop.includes('ALL') &&
        !('add' in container.securityContext.capabilities),
    'readOnlyRootFilesystem': container.securityContext.readOnlyRootFilesystem === true,
    'no service account token': spec.automountServiceAccountToken === false,
    'no host namespaces': !spec.hostNetwork && !spec.hostPID && !spec.hostIPC,
    'a memory limit': Boolean(container.resources.limits.memory),
  };
  return Object.keys(facts).filter((name) => !facts[name]).map((name) => `missing: ${name}`);
}

module.exports = {referenceFaults, securityFaults};
