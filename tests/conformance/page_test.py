# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests that the page, its data and the generators agree, and that a difference is found."""

import copy
import unittest

import page


class PageTest(unittest.TestCase):
    def test_page_data_and_generators_agree(self):
        self.assertEqual(page.differences(), [])

    def test_every_feature_has_cases(self):
        for feature in page.read()["features"]:
            self.assertGreater(feature["result"]["cases"], 0, feature["name"])

    def test_every_feature_has_goldens(self):
        folder = page.ROOT / "tests/golden/conformance"
        with_goldens = {path.name.rpartition("_")[0] for path in folder.iterdir()}
        # Features with random results have another kind of golden.
        features = page.read()["features"]
        exact = {f["name"] for f in features if not f["tolerance"]["standard_errors"]}
        self.assertEqual(with_goldens, exact)

    def test_every_wider_tolerance_has_a_reason(self):
        for feature in page.read()["features"]:
            tolerance = feature["tolerance"]
            if (tolerance["absolute"], tolerance["relative"]) != (2e-6, 1e-5):
                self.assertGreater(len(tolerance["reason"]), 20, feature["name"])

    def test_another_result_makes_another_page(self):
        document = page.read()
        changed = copy.deepcopy(document)
        changed["features"][0]["result"]["passed"] -= 1
        self.assertNotEqual(page.render(document), page.render(changed))

    def test_every_deviation_is_on_the_page(self):
        document = page.read()
        text = " ".join(page.render(document).split())
        deviations = [*document["deviations"]]
        for feature in document["features"]:
            deviations += feature["deviations"]
        for deviation in deviations:
            self.assertIn(deviation["what"], text)
            self.assertIn(deviation["reason"], text)


if __name__ == "__main__":
    unittest.main()
