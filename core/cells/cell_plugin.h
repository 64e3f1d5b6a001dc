// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CELLS_CELL_PLUGIN_H_
#define RNNSERVE_CORE_CELLS_CELL_PLUGIN_H_

#include <Eigen/Core>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "absl/base/config.h"
#include "core/cells/cell_registry.h"

// The interface of a shared library that adds custom cells (see CUSTOM_CELLS.md). A plug-in is one
// source file that defines cells and ends, outside any namespace, with this line:
//
//   RNNSERVE_CELL_PLUGIN(RegisterMyCells);   // void RegisterMyCells(rnnserve::CellRegistry&)
//
// rnnserve_cell_plugin in CMakeLists.txt builds it.
//
// How symbols are resolved: a plug-in links rnnserve::cells itself and hides all of it. It shares
// only Abseil and the C++ library, which are shared objects, with the program that loads it. So the
// program exports nothing and contains no code just for plug-ins; a plug-in is about 300 KiB. C++
// objects (Cell, KerasConfig, Shape, ...) cross the boundary, so both sides must be built from the
// same headers by the same compiler with the same libraries. `abi` and `build` say whether they
// were.

namespace rnnserve {

// The version of the interface. It is incremented with every change to a type or function that a
// plug-in shares with the program: Cell and the types it uses, CellRegistry, KerasConfig,
// WeightSource.
constexpr uint32_t kCellPluginAbi = 2;

#define RNNSERVE_TEXT_INNER_(x) #x
#define RNNSERVE_TEXT_(x) RNNSERVE_TEXT_INNER_(x)

#if defined(__SANITIZE_ADDRESS__)
#define RNNSERVE_SANITIZER_TEXT_ " asan"
#elif defined(__SANITIZE_THREAD__)
#define RNNSERVE_SANITIZER_TEXT_ " tsan"
#else
#define RNNSERVE_SANITIZER_TEXT_ ""
#endif

// The compiler and the libraries whose types cross the boundary.
// clang-format off
constexpr char kCellPluginBuild[] =
    "compiler " __VERSION__
    ", C++ " RNNSERVE_TEXT_(__cplusplus)
    ", cxx11_abi " RNNSERVE_TEXT_(_GLIBCXX_USE_CXX11_ABI)
    ", absl " RNNSERVE_TEXT_(ABSL_LTS_RELEASE_VERSION)
    ", json " RNNSERVE_TEXT_(NLOHMANN_JSON_VERSION_MAJOR)
    "." RNNSERVE_TEXT_(NLOHMANN_JSON_VERSION_MINOR)
    ", eigen " RNNSERVE_TEXT_(EIGEN_MAJOR_VERSION) "." RNNSERVE_TEXT_(EIGEN_MINOR_VERSION)
    RNNSERVE_SANITIZER_TEXT_;
// clang-format on

// The one object that a plug-in exports. The order of the members never changes.
struct CellPlugin {
  uint32_t abi;       // kCellPluginAbi of its headers; if it differs, nothing else is read
  const char* build;  // kCellPluginBuild of its headers
  // Registers its cells under names that are not taken. Called once, with an empty registry.
  void (*register_cells)(CellRegistry& registry);
};

}  // namespace rnnserve

extern "C" __attribute__((visibility("default"))) const rnnserve::CellPlugin rnnserve_cell_plugin;

#define RNNSERVE_CELL_PLUGIN(register_cells)                              \
  constinit const rnnserve::CellPlugin rnnserve_cell_plugin {             \
    rnnserve::kCellPluginAbi, rnnserve::kCellPluginBuild, &register_cells \
  }

#endif  // RNNSERVE_CORE_CELLS_CELL_PLUGIN_H_
