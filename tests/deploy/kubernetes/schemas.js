// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Checks what the Kubernetes API would say about a manifest, without a cluster: `kubernetes-models`
// contains the published schemas twice, as validators (types, quantities, required fields) and as
// TypeScript interfaces (which also know the fields that do not exist).
'use strict';

const path = require('node:path');
const ts = require('typescript');

const modulePath = (document) => `kubernetes-models/${document.apiVersion}/${document.kind}`;
const title = (document) => `${document.kind}/${document.metadata.name}`;

/** Returns the faults of types and values. */
function schemaFaults(documents) {
  return documents.flatMap((document) => {
    try {
      const model = require(modulePath(document))[document.kind];
      new model(document).validate();
      return [];
    } catch (error) {
      return [`${title(document)}: ${error.message}`];
    }
  });
}

/** Returns the document as a constant of its interface's type; the compiler finds unknown fields. */
function literalOf(document, index) {
  return `import type {I${document.kind} as I${index}} from '${modulePath(document)}';\n` +
      `export const document${index}: I${index} = ${JSON.stringify(document, null, 1)};\n`;
}

/**
 * Finds fields that do not exist. `sets` maps names to lists of documents, and the result maps the
 * same names to faults: one run of the compiler, which takes seconds, serves many sets.
 */
function unknownFieldFaults(sets) {
  // The sources get names next to the modules, so that their imports are found.
  const folder = path.dirname(path.dirname(require.resolve('kubernetes-models/package.json')));
  const fileName = (name) => path.join(folder, '..', `${name}.ts`);
  const sources = new Map(Object.entries(sets).map(
      ([name, documents]) => [fileName(name), documents.map(literalOf).join('')]));

  const options = {
    strict: true, noEmit: true, skipLibCheck: true, types: [],
    module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler,
  };
  const host = ts.createCompilerHost(options);
  const {getSourceFile, fileExists} = host;
  host.fileExists = (file) => sources.has(file) || fileExists(file);
  host.getSourceFile = (file, version) => sources.has(file) ?
      ts.createSourceFile(file, sources.get(file), version) : getSourceFile(file, version);

  const program = ts.createProgram([...sources.keys()], options, host);
  const faults = Object.fromEntries(Object.keys(sets).map((name) => [name, []]));
  for (const diagnostic of ts.getPreEmitDiagnostics(program)) {
    const name = path.basename(diagnostic.file?.fileName ?? '', '.ts');
    const text = ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n');
    if (!(name in faults)) throw new Error(text);
    faults[name].push(text);
  }
  return faults;
}

module.exports = {schemaFaults, unknownFieldFaults};
