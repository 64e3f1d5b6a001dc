// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// rnnserve-import: turns a model that Keras 3 saved into a bundle.
//
//   rnnserve-import MODEL.keras BUNDLE_DIR [--force] [--memory-limit-bytes N] [--cpu-limit-s N]
//
// It is a program of its own because zip and HDF5 are large formats with a long history of faults:
// whatever a hostile file does to their readers happens here, within limits, and not in the server,
// which runs this program for a `.keras` file. What a program that runs it may rely on:
//
//   exit status 0   BUNDLE_DIR is a complete bundle that can be served; one line on stdout says so.
//   exit status 1   Nothing was written. The last line on stderr is
//                       error: REASON: text
//                   REASON is that of the error ("MODEL_WEIGHTS"), the text is for people.
//   exit status 2   The command line was wrong; stderr says how.
//   a signal        A fault in the reader of a format: to be treated as INVALID_ARGUMENT,
//                   MODEL_FORMAT. Nothing was written at BUNDLE_DIR; a folder BUNDLE_DIR.?????? may
//                   be left beside it.

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <iostream>
#include <new>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/import/keras_archive.h"
#include "core/import/keras_import.h"
#include "core/layers/layer_registry.h"
#include "core/model/bundle.h"

namespace rnnserve {
namespace {

// A sanitizer reserves terabytes of address space for itself.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kLimitsMemory = false;
#else
constexpr bool kLimitsMemory = true;
#endif

struct Options {
  std::string input;
  std::string output;
  bool force = false;
  // About five times the weights are in memory at once: the file with the optimizer's state, the
  // weights, and the model that is built to check them. So this is for 800 MiB of weights.
  uint64_t memory_limit_bytes = uint64_t{4} << 30;
  // A gigabyte takes some seconds. There are damaged files in which libhdf5 runs in circles.
  uint64_t cpu_limit_s = 60;
};

extern "C" void OnCpuLimit(int) {
  constexpr char kLine[] = "error: MODEL_TOO_LARGE: more than --cpu-limit-s of computing time\n";
  if (write(STDERR_FILENO, kLine, sizeof(kLine) - 1) < 0) _exit(3);
  _exit(1);
}

void LimitResources(const Options& options) {
  // With a higher hard limit the signal comes first and can say what happened.
  const rlimit cpu{options.cpu_limit_s, options.cpu_limit_s + 1};
  setrlimit(RLIMIT_CPU, &cpu);
  signal(SIGXCPU, OnCpuLimit);
  const rlimit memory{options.memory_limit_bytes, options.memory_limit_bytes};
  if (kLimitsMemory) setrlimit(RLIMIT_AS, &memory);
}

absl::Status Import(const Options& options) {
  RNNSERVE_ASSIGN_OR_RETURN(const KerasArchive archive,
                            ReadKerasArchive(options.input, KerasArchiveLimits()));
  RNNSERVE_ASSIGN_OR_RETURN(const Bundle bundle, ImportKeras(archive, LayerRegistry::BuiltIn()));
  RNNSERVE_RETURN_IF_ERROR(WriteBundle(
      bundle, options.output, options.force ? IfBundleExists::kReplace : IfBundleExists::kFail));
  std::cout << options.output << ": " << bundle.weights.size() << " weights, digest "
            << BundleDigest(bundle) << '\n';
  return absl::OkStatus();
}

// The error as one line: names in a model may hold anything.
std::string ErrorLine(const absl::Status& status) {
  std::string line = absl::StrCat("error: ", ErrorReason(status), ": ", status.message());
  for (char& c : line) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  return line;
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Turns a model that Keras 3 saved into a bundle for rnnserve.", "rnnserve-import");
  app.add_option("model", options.input, "a .keras file, or the folder that one was unpacked to")
      ->required();
  app.add_option("bundle", options.output, "the folder to write")->required();
  app.add_flag("--force", options.force, "replace a bundle that is there already");
  app.add_option("--memory-limit-bytes", options.memory_limit_bytes, "the most memory to use")
      ->capture_default_str();
  app.add_option("--cpu-limit-s", options.cpu_limit_s, "the most seconds to compute")
      ->capture_default_str();
  app.set_version_flag("--version", RNNSERVE_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  LimitResources(options);
  absl::Status status;
  try {
    status = Import(options);
  } catch (const std::bad_alloc&) {
    status = MakeError(absl::StatusCode::kResourceExhausted, "MODEL_TOO_LARGE",
                       absl::StrCat("more than --memory-limit-bytes (", options.memory_limit_bytes,
                                    ") of memory is needed"));
  }
  if (status.ok()) return 0;
  std::cerr << ErrorLine(status) << '\n';
  return 1;
}

}  // namespace
}  // namespace rnnserve

int main(int argc, char** argv) { return rnnserve::Main(argc, argv); }
