# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Headers of other libraries, precompiled once per kind and shared by all targets of that kind. Reading
# them takes most of the compile time of most of our files. A file still includes what it uses:
# clang-tidy reads the preset `lint`, which has no precompiled headers.
#
#   core        the standard library, Abseil and Eigen
#   grpc        core, gRPC and Protocol Buffers
#   test        core and GoogleTest
#   json_test   test and nlohmann/json
#   grpc_test   grpc and GoogleTest
#
# nlohmann/json is in json_test alone: its literal operators make every file that sees it compile a
# JSON parser, which takes more than a second, precompiled or not.

set(core_headers
  <algorithm> <array> <atomic> <cmath> <cstdint> <deque> <filesystem> <fstream> <functional> <limits>
  <map> <memory> <optional> <random> <set> <string> <thread> <utility> <variant> <vector>
  <absl/base/thread_annotations.h> <absl/container/flat_hash_map.h>
  <absl/container/inlined_vector.h> <absl/functional/any_invocable.h> <absl/memory/memory.h>
  <absl/status/statusor.h> <absl/strings/numbers.h> <absl/strings/str_cat.h>
  <absl/strings/str_format.h> <absl/strings/str_join.h> <absl/strings/str_split.h>
  <absl/synchronization/mutex.h> <absl/time/time.h> <absl/types/span.h>
  <Eigen/Core>)
set(grpc_headers <grpcpp/grpcpp.h> <google/protobuf/message.h>)
set(test_headers <gmock/gmock.h> <gtest/gtest.h>)

# rnnserve_precompile(<kind> HEADERS ... [DEPS ...]): makes the target whose precompiled headers the
# others reuse.
function(rnnserve_precompile kind)
  cmake_parse_arguments(ARG "" "" "HEADERS;DEPS" ${ARGN})
  set(source ${CMAKE_BINARY_DIR}/precompiled/${kind}.cc)
  file(CONFIGURE OUTPUT ${source} CONTENT "// A target needs a file.\n")
  add_library(rnnserve_precompiled_${kind} OBJECT ${source})
  target_link_libraries(rnnserve_precompiled_${kind} PRIVATE rnnserve::compiler Eigen3::Eigen ${ARG_DEPS})
  target_precompile_headers(rnnserve_precompiled_${kind} PRIVATE ${ARG_HEADERS})
endfunction()

rnnserve_precompile(core HEADERS ${core_headers})
rnnserve_precompile(grpc HEADERS ${core_headers} ${grpc_headers} DEPS gRPC::grpc++)
if(RNNSERVE_BUILD_TESTS)
  rnnserve_precompile(test HEADERS ${core_headers} ${test_headers} DEPS GTest::gmock GTest::gtest)
  rnnserve_precompile(json_test HEADERS ${core_headers} ${test_headers} <nlohmann/json.hpp>
                      DEPS GTest::gmock GTest::gtest)
  rnnserve_precompile(grpc_test HEADERS ${core_headers} ${grpc_headers} ${test_headers}
                      DEPS gRPC::grpc++ GTest::gmock GTest::gtest)
endif()

# rnnserve_precompiled(<target> <kind> <default>): lets the target reuse the headers of this kind,
# or those of the default if the kind is empty. GCC reuses them only under the same options, so a
# program is compiled with -fPIC as a library is, not with -fPIE.
function(rnnserve_precompiled target kind default)
  if(NOT kind)
    set(kind ${default})
  endif()
  if(kind STREQUAL none)
    return()
  endif()
  get_target_property(type ${target} TYPE)
  if(type STREQUAL EXECUTABLE)
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fPIC)
  endif()
  target_precompile_headers(${target} REUSE_FROM rnnserve_precompiled_${kind})
endfunction()
