# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests the checker itself: each test plants one breach in a small tree that is otherwise clean, and
expects exactly that breach, at its line."""

import tempfile
import unittest
from pathlib import Path

from layering import Breach, breaches

LICENCE = "Copyright The rnnserve Authors.\n{0} SPDX-License-Identifier: Apache-2.0\n"
CPP = "// " + LICENCE.format("//")
SCRIPT = "# " + LICENCE.format("#")

CLEAN = {
    "core/base/shape.h": CPP + "#include <string>\n",
    "core/base/error.h": CPP + '#include "absl/status/status.h"\n',
    "core/base/clock.cc": CPP + "absl::Time Real() { return absl::Now(); }\n",
    "core/base/CMakeLists.txt": SCRIPT + "rnnserve_library(base SOURCES a.cc DEPS absl::status)\n",
    "core/kernels/step.h": CPP + '#include "core/base/shape.h"\n#include <Eigen/Core>\n',
    "core/kernels/CMakeLists.txt": SCRIPT
    + "rnnserve_library(kernels SOURCES a.cc DEPS rnnserve::base Eigen3::Eigen)\n",
    "core/cells/cell.h": CPP + '#include "core/kernels/step.h"\n',
    "core/import/main.cc": CPP + "#include <zip.h>\n#include <hdf5.h>\n",
    "core/import/CMakeLists.txt": SCRIPT + "rnnserve_library(import SOURCES a.cc DEPS libzip::zip)\n",
    "server/main.cc": CPP + '#include "rnnserve/v1/inference.grpc.pb.h"\n#include <grpcpp/grpcpp.h>\n',
    "client/cpp/client.h": CPP + '#include "rnnserve/v1/tensor.pb.h"\n#include <unistd.h>\n',
    "tests/core/cell_test.cc": CPP + '#include "core/cells/cell.h"\n#include "server/anything.h"\n',
    "README.md": "No licence line, no breach. [A](core/base), [b](https://example.com), [c](#d).\n",
}


class LayeringTest(unittest.TestCase):
    def expect(self, planted: dict, *expected: Breach):
        with tempfile.TemporaryDirectory() as folder:
            for path, text in {**CLEAN, **planted}.items():
                file = Path(folder) / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
            self.assertEqual(breaches(Path(folder)), list(expected))

    def test_clean_tree_has_no_breach(self):
        self.expect({})

    def test_lower_folder_may_not_include_a_higher_one(self):
        self.expect({"core/kernels/up.h": CPP + '\n#include "core/cells/cell.h"\n'},
                    Breach("core/kernels/up.h", 4,
                           "core/kernels must not use core/cells/cell.h (core/cells)"))

    def test_core_knows_no_grpc(self):
        self.expect({"core/engine/engine.cc": CPP + "  #  include <grpcpp/grpcpp.h>\n"},
                    Breach("core/engine/engine.cc", 3,
                           "core/engine must not use grpcpp/grpcpp.h (grpc)"))

    def test_core_knows_no_generated_message(self):
        self.expect({"core/model/model.cc": CPP + '#include "rnnserve/v1/tensor.pb.h"\n'},
                    Breach("core/model/model.cc", 3,
                           "core/model must not use rnnserve/v1/tensor.pb.h (proto)"))

    def test_client_uses_proto_alone(self):
        self.expect({"client/cpp/x.cc": CPP + '#include "core/base/shape.h"\n'},
                    Breach("client/cpp/x.cc", 3,
                           "client must not use core/base/shape.h (core/base)"))

    def test_server_does_not_read_hostile_formats(self):
        self.expect({"server/x.cc": CPP + '#include "core/import/zip_reader.h"\n'},
                    Breach("server/x.cc", 3,
                           "server must not use core/import/zip_reader.h (core/import)"))

    def test_kernels_reach_no_status_through_another_header(self):
        self.expect({"core/kernels/k.cc": CPP + '#include "core/base/error.h"\n'},
                    Breach("core/kernels/k.cc", 3,
                           "kernels know no Status and no locks, but this reaches "
                           "absl/status/status.h through core/base/error.h"))

    def test_kernels_take_no_lock(self):
        self.expect({"core/kernels/k.cc": CPP + "#include <mutex>\n"},
                    Breach("core/kernels/k.cc", 3,
                           "kernels know no Status and no locks, but this reaches mutex"))

    def test_unknown_library_is_a_breach(self):
        self.expect({"server/x.cc": CPP + "#include <boost/any.hpp>\n"},
                    Breach("server/x.cc", 3,
                           "boost/any.hpp belongs to no library that rules.py knows"))

    def test_new_folder_of_core_needs_a_rule(self):
        self.expect({"core/extra/x.h": CPP},
                    Breach("core/extra/x.h", 1, "this folder of core is not in rules.py"))

    def test_folders_inside_the_engine_are_private_to_it(self):
        self.expect({"server/x.cc": CPP + '#include "core/engine/engine.h"\n'
                     + '#include "core/engine/hosting/hosted_model.h"\n',
                     "core/engine/step/x.cc": CPP + '#include "core/engine/hosting/hosted_model.h"\n',
                     "tests/core/x_test.cc": CPP + '#include "core/engine/hosting/hosted_model.h"\n'},
                    Breach("server/x.cc", 4,
                           "core/engine/hosting/hosted_model.h is private to core/engine"))

    def test_the_headers_of_the_engine_do_not_show_its_folders(self):
        self.expect({"core/engine/engine.cc": CPP + '#include "core/engine/step/exact_step.h"\n',
                     "core/engine/engine.h": CPP + '#include "core/engine/step/exact_step.h"\n'},
                    Breach("core/engine/engine.h", 3, "core/engine/step/exact_step.h is private: "
                           "a header of core/engine shows it"))

    def test_folders_inside_the_engine_have_an_order(self):
        self.expect({"core/engine/step/x.cc": CPP + '#include "core/engine/hosting/x.h"\n',
                     "core/engine/hosting/x.h": CPP + '#include "core/engine/step/x.h"\n'},
                    Breach("core/engine/hosting/x.h", 3,
                           "inside core/engine hosting must not use core/engine/step/x.h"))

    def test_a_new_folder_of_the_engine_needs_a_rule(self):
        self.expect({"core/engine/later/x.h": CPP},
                    Breach("core/engine/later/x.h", 1,
                           "this folder of core/engine is not in rules.py"))

    def test_a_new_folder_inside_the_engine_is_private_too(self):
        self.expect({"server/x.cc": CPP + '#include "core/engine/later/x.h"\n'},
                    Breach("server/x.cc", 3, "core/engine/later/x.h is private to core/engine"))

    def test_builtin_layers_are_private_to_the_layers(self):
        self.expect({"core/model/x.cc": CPP + '#include "core/layers/builtin/dense.h"\n',
                     "core/layers/registry.cc": CPP + '#include "core/layers/builtin/dense.h"\n'},
                    Breach("core/model/x.cc", 3,
                           "core/layers/builtin/dense.h is private to core/layers"))

    def test_links_follow_the_arrows(self):
        self.expect({"core/cells/CMakeLists.txt": SCRIPT
                     + "# (a comment)\nrnnserve_library(cells\n  SOURCES a.cc\n  DEPS gRPC::grpc++)\n"},
                    Breach("core/cells/CMakeLists.txt", 4,
                           "core/cells must not use the target gRPC::grpc++ (grpc)"))

    def test_only_the_importer_links_the_importers(self):
        self.expect({"server/CMakeLists.txt": SCRIPT
                     + "rnnserve_program(rnnserve SOURCES main.cc DEPS rnnserve::import)\n"},
                    Breach("server/CMakeLists.txt", 3,
                           "server must not use the target rnnserve::import (core/import)"))

    def test_target_link_libraries_counts_too(self):
        self.expect({"core/kernels/CMakeLists.txt": SCRIPT
                     + "target_link_libraries(rnnserve_kernels PRIVATE spdlog::spdlog)\n"},
                    Breach("core/kernels/CMakeLists.txt", 3,
                           "core/kernels must not use the target spdlog::spdlog (log)"))

    def test_time_is_passed_in(self):
        self.expect({"core/session/s.cc": CPP + "// absl::Now() in a comment\nauto t = absl::Now();\n"},
                    Breach("core/session/s.cc", 4,
                           "time is passed in: take a Clock, or let main do it"))

    def test_every_file_has_the_licence_line(self):
        self.expect({"deploy/x.yaml": "kind: Service\n"},
                    Breach("deploy/x.yaml", 1, "the copyright and licence lines are missing"))

    def test_no_path_of_a_machine(self):
        self.expect({"deploy/x.sh": SCRIPT + "cd /" + "home/somebody\ncd $root/" + "home/fine\n"},
                    Breach("deploy/x.sh", 3, "a path of somebody's machine"))

    def test_lock_files_name_no_address(self):
        self.expect({"tests/x/package-lock.json": '{\n "resolved": "x"\n}\n'},
                    Breach("tests/x/package-lock.json", 2,
                           "a lock file must not name where packages come from"))

    def test_links_between_documents_lead_somewhere(self):
        self.expect({"deploy/README.md": "[right](../README.md#x)\n[wrong](README.txt)\n"},
                    Breach("deploy/README.md", 2, "the link to README.txt leads nowhere"))

    def test_references_to_code_name_what_is_there(self):
        self.expect({"core/cells/step.h": CPP + "void Step();\n",
                     "deploy/README.md": "`core/cells/step.h: Cell::Step`, `core/cells/step.h`\n"
                                         "`core/cells/step.h: Cell::Stop`\n`core/cells/stop.h`\n"},
                    Breach("deploy/README.md", 2, "core/cells/step.h does not name Cell::Stop"),
                    Breach("deploy/README.md", 3, "there is no file core/cells/stop.h"))

    def test_a_worktree_is_read_like_a_clone(self):
        self.expect({".git": "gitdir: /" + "home/somebody/.git/worktrees/x\n"})

    def test_binary_and_built_files_are_not_read(self):
        self.expect({"deploy/picture.bin": "\0", "build/x.h": "#include <grpcpp/grpcpp.h>\n"})


if __name__ == "__main__":
    unittest.main()
