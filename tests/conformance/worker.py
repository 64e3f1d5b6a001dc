# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs dozens of models from their generators through Keras and the server to results."""

import dataclasses
import logging
import pathlib
import re
import shutil
import tempfile
import traceback
import warnings
import zlib

import as_programs
import calls
import compare
import grpc
import samples
import server
from compare import Distance
from feature import CHUNKS, INFER, REGISTRY, REUSED, TRAINING, WHOLE
from random_source import Random
from reference import keras

import features  # noqa: F401  (fills the registry)

# Keras warns about small models and old file formats, which are intended here.
warnings.simplefilter("ignore")
logging.getLogger("absl").setLevel(logging.ERROR)

PASSED = "passed"
FAILED = "failed"
REFUSED = "refused"  # by the importer or the server: not implemented, or not intended


@dataclasses.dataclass(frozen=True)
class Task:
    """Some models of a run, each as (feature, number)."""

    seed: int
    models: tuple
    programs: pathlib.Path
    failures: pathlib.Path  # the folder for the files of failed models
    as_programs: bool = False  # only models with cells that can be programs, which they become


@dataclasses.dataclass
class Result:
    """The result of one case."""

    feature: str
    number: int
    call: int
    status: str = PASSED
    text: str = ""
    distance: Distance = dataclasses.field(default_factory=Distance)


@dataclasses.dataclass
class _Model:
    """A model in progress."""

    feature: str
    number: int
    file: pathlib.Path
    config: pathlib.Path | None = None
    sample: object = None
    calls: list = dataclasses.field(default_factory=list)
    has_time: list = dataclasses.field(default_factory=list)  # See calls.has_time.
    # The status and text of all cases of the model, if it could not get any further.
    ended: tuple = ()
    is_in_run: bool = True

    @property
    def name(self):
        return f"{self.feature}-{self.number}"

    def results(self, status, text):
        return [
            Result(self.feature, self.number, call, status, text)
            for call in range(calls.CALLS_OF_A_MODEL)
        ]


def make_sample(seed, feature, number, tiny=False):
    """Makes the model of (seed, feature, number). The numbering of layer names starts afresh."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(zlib.crc32(f"{seed}/{feature}/{number}".encode()))  # for dropout
    return REGISTRY[feature].generate(Random(seed, feature, number, tiny=tiny))


def run(task):
    """Returns the Results of a Task."""
    with tempfile.TemporaryDirectory(prefix="rnnserve-conformance-") as name:
        folder = pathlib.Path(name)
        (folder / "files").mkdir()
        (folder / "models").mkdir()
        models = [_make(task, folder, *model) for model in task.models]
        for model in models:
            _import(task, folder, model)
        models = [model for model in models if model.is_in_run]
        results = []
        waiting = list(models)
        while waiting:
            _serve(task, folder, waiting, results)
        _keep_failures(task, models, results)
        return results


def _make(task, folder, feature, number):
    model = _Model(feature, number, folder / "files" / f"{feature}-{number}" / "model")
    model.file.parent.mkdir()
    try:
        model.sample = make_sample(task.seed, feature, number)
        model.file = model.file.with_suffix(f".{model.sample.file_format}")
        tolerance = REGISTRY[feature].tolerance
        model.calls = calls.make(model.sample, (task.seed, feature, number), tolerance)
        model.config = model.sample.save(model.file)
        model.has_time = calls.has_time(model.sample)
        model.sample.model = None  # Thousands of models would fill the memory.
    except Exception:  # An error in a generator must not hide the other results.
        model.ended = (FAILED, f"no reference: {traceback.format_exc(limit=-3)}")
    return model


def _import(task, folder, model):
    if model.ended:
        return
    try:
        server.import_model(
            task.programs, model.file, model.config, folder / "models" / model.name
        )
    except server.ImportRefused as refusal:
        model.ended = (REFUSED, str(refusal))
        return
    if task.as_programs and not as_programs.rewrite(folder / "models" / model.name):
        model.is_in_run = False
        shutil.rmtree(folder / "models" / model.name)


def _serve(task, folder, waiting, results):
    """Takes models from `waiting` until all are done or a server has ended."""
    while waiting and waiting[0].ended:
        model = waiting.pop(0)
        results += model.results(*model.ended)
    if not waiting:
        return
    try:
        with server.Server(task.programs, folder) as running:
            while waiting and running.is_alive():
                model = waiting.pop(0)
                results += model.results(*model.ended) if model.ended else _call(running, model)
                shutil.rmtree(folder / "models" / model.name, ignore_errors=True)
    except RuntimeError as error:
        _blame(folder, waiting, results, str(error))


def _blame(folder, waiting, results, log):
    """Handles a server that failed: blames the model that its log names, or else all."""
    named = [m for m in waiting if re.search(rf"(?<![\w-]){re.escape(m.name)}(?![\w-])", log)]
    for model in named[:1] or waiting[:]:
        waiting.remove(model)
        shutil.rmtree(folder / "models" / model.name, ignore_errors=True)
        results += model.results(FAILED, log[-2000:])


def _call(running, model):
    tolerance = REGISTRY[model.feature].tolerance
    try:
        client = server.ModelClient(running, model.name)
        if model.sample.kinds == WHOLE and model.sample.refuses_sessions:
            client.expect_no_sessions()
    except (grpc.RpcError, AssertionError) as error:
        return model.results(FAILED, _text(error))
    results = []
    for number, call in enumerate(model.calls):
        result = Result(model.feature, model.number, number)
        try:
            result.distance = _measure(client, model, call, number, tolerance)
        except Exception as error:  # Any exception is a failure of this case.
            result.status = FAILED
            result.text = f"{call.describe()}: {_text(error)}"
            result.distance = getattr(error, "distance", result.distance)
            if "UNIMPLEMENTED" in result.text:
                result.status = REFUSED
        results.append(result)
    return results


def _measure(client, model, call, number, tolerance):
    """Returns the Distance of the server's results. Raises if it is beyond the tolerance."""
    if call.kind == INFER:
        return compare.compare_infer(call, client.infer(call), tolerance)
    if call.kind == TRAINING:
        first, again, other = (client.samples(call, seed) for seed in (number, number, number + 9))
        samples.expect_reproducible(first, again, other)
        return samples.compare_samples(call, first)
    served = client.chunks(call) if call.kind == CHUNKS else client.steps(call, call.kind == REUSED)
    return compare.compare_steps(call, served, model.has_time, tolerance)


def _text(error):
    if isinstance(error, grpc.RpcError):
        return f"{error.code().name}: {error.details()}"
    return str(error) if isinstance(error, AssertionError) else repr(error)


def _keep_failures(task, models, results):
    failed = {(result.feature, result.number) for result in results if result.status == FAILED}
    for model in models:
        if (model.feature, model.number) in failed and model.file.exists():
            task.failures.mkdir(parents=True, exist_ok=True)
            shutil.copytree(model.file.parent, task.failures / model.name, dirs_exist_ok=True)
