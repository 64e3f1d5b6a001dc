# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Streams the demo's recording through vad.py and compares with what ONNX Runtime computes."""

import json
import pathlib
import unittest

import vad
from served import ROOT, ServedTest

DATA = ROOT / "client/demo/data"


def segments(probabilities):
    """Returns the frames at which speech begins and ends, by the rule that vad.py documents."""
    found, silent = [], 0
    for frame, probability in enumerate(probabilities):
        silent = silent + 1 if probability < vad.ENDS else 0
        is_speaking = len(found) % 2 == 1
        if not is_speaking and probability >= vad.BEGINS:
            found.append(frame)
        elif is_speaking and silent == vad.SILENT_FRAMES:
            found.append(frame + 1 - vad.SILENT_FRAMES)
    return found + [len(probabilities)] * (len(found) % 2)


class VadTest(ServedTest):
    def test_finds_the_speech_that_onnxruntime_finds(self):
        file = json.loads((DATA / "speech_onnxruntime.json").read_text())
        expected = segments(file["recordings"][0]["probabilities"])

        frames = vad.file_frames(str(DATA / "speech.wav"))
        told = list(vad.speech(self.channel, "silero_vad", frames))

        self.assertGreater(len(expected), 2)
        self.assertEqual([what for what, _ in told], ["begins", "ends"] * (len(expected) // 2))
        self.assertEqual([round(seconds * vad.RATE / vad.FRAME) for _, seconds in told], expected)

    def test_refuses_other_sounds(self):
        with self.assertRaises(Exception):
            list(vad.file_frames(str(pathlib.Path(__file__))))


if __name__ == "__main__":
    unittest.main()
