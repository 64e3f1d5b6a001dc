// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Calls a fuzz target without libFuzzer: with every file of its corpus, and with a number of changed
// copies of each, so that an ordinary test covers them with any compiler.
//
//   x_fuzz [--changes N] FILE_OR_FOLDER...
//
// Prints the file, the seed of the change and the input if the target aborts.

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "tests/fuzz/fuzz_target.h"

// A target may have no mutator of its own.
extern "C" __attribute__((weak)) size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size,
                                                                size_t max_size, unsigned seed);

namespace {

namespace fs = std::filesystem;

constexpr size_t kInputBytesMax = size_t{1} << 16;

std::mt19937 byte_changes;  // for LLVMFuzzerMutate
std::string now_running;    // for the handler of signals

void PrintInput(int signal_number) {
  // Nothing can be done if this fails, and the process is about to end.
  if (write(STDERR_FILENO, now_running.data(), now_running.size()) < 0) _exit(1);
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

void Run(const std::string& name, const std::string& input) {
  now_running = "input: " + name + "\n" + input + "\n";
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

std::string Changed(const std::string& input, unsigned seed) {
  byte_changes.seed(seed);
  std::string changed = input;
  changed.resize(std::max(kInputBytesMax, input.size()));
  auto* const data = reinterpret_cast<uint8_t*>(changed.data());
  const auto mutate = [&] {
    if (LLVMFuzzerCustomMutator == nullptr) {
      return LLVMFuzzerMutate(data, input.size(), changed.size());
    }
    return LLVMFuzzerCustomMutator(data, input.size(), changed.size(), seed);
  };
  changed.resize(mutate());
  return changed;
}

// Returns the files, and those in the folders, by name.
std::vector<std::string> FilesIn(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    if (!fs::is_directory(path)) {
      files.push_back(path);
      continue;
    }
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size) {
  if (size == 0) return 0;
  const size_t at = byte_changes() % size;
  switch (byte_changes() % 4) {
    case 0:
      return at;
    case 1:
      std::memmove(data + at, data + at + 1, size - at - 1);
      return size - 1;
    case 2:
      if (size == max_size) return size;
      std::memmove(data + at + 1, data + at, size - at);
      return size + 1;
    default:
      data[at] = static_cast<uint8_t>(byte_changes());
      return size;
  }
}

int main(int argc, char** argv) {
  std::vector<std::string> paths(argv + 1, argv + argc);
  unsigned num_changes = 0;
  if (paths.size() > 1 && paths[0] == "--changes" && absl::SimpleAtoi(paths[1], &num_changes)) {
    paths.erase(paths.begin(), paths.begin() + 2);
  }
  signal(SIGABRT, PrintInput);
  signal(SIGSEGV, PrintInput);
  const std::vector<std::string> files = FilesIn(paths);
  for (const std::string& file : files) {
    std::ifstream stream(file, std::ios::binary);
    const std::string input{std::istreambuf_iterator<char>(stream), {}};
    if (!stream.is_open()) {
      std::cerr << file << " cannot be read\n";
      return 1;
    }
    Run(file, input);
    for (unsigned seed = 1; seed <= num_changes; ++seed) {
      Run(file + ", change " + std::to_string(seed), Changed(input, seed));
    }
  }
  std::cout << files.size() << " files, each with " << num_changes << " changes\n";
  return files.empty() ? 1 : 0;
}
