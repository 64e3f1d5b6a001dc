// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Prints one line per check: `ok`, or `FAIL` with the fault. Then the process exits with 1.
'use strict';

/** Runs `body`, which returns a list of faults or throws, and prints the outcome. */
function check(name, body) {
  let faults;
  try {
    faults = body();
  } catch (error) {
    faults = [String(error.stderr || error.stack || error)];
  }
  console.log(`${faults.length === 0 ? 'ok  ' : 'FAIL'} ${name}`);
  for (const fault of faults) console.log(`       ${fault.trim().replaceAll('\n', '\n       ')}`);
  if (faults.length !== 0) process.exitCode = 1;
}

/** Checks that a planted mistake is found: one of the faults of `body` must contain `fragment`. */
function checkFinds(name, fragment, body) {
  check(name, () => {
    const faults = body();
    if (faults.some((fault) => fault.includes(fragment))) return [];
    return [`expected a fault with "${fragment}", got: ${faults.join('; ') || 'none'}`];
  });
}

module.exports = {check, checkFinds};
