# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
#
# The five kinds of target declarations, so that a folder's CMakeLists.txt only lists files.
# PRECOMPILED names one of the kinds of RnnservePrecompiled.cmake.

# rnnserve_library(<name> SOURCES ... [DEPS ...] [PRIVATE_DEPS ...] [PRECOMPILED core|grpc|test|none]
# [UNITY] [ALONE ...]): library rnnserve_<name>, alias rnnserve::<name>. PRECOMPILED is core by
# default. UNITY compiles six files as one, unless RNNSERVE_UNITY is off. List a file under ALONE if
# a name in its unnamed namespace means something else in another file.
function(rnnserve_library name)
  cmake_parse_arguments(ARG "UNITY" "PRECOMPILED" "SOURCES;DEPS;PRIVATE_DEPS;ALONE" ${ARGN})
  add_library(rnnserve_${name} STATIC ${ARG_SOURCES})
  add_library(rnnserve::${name} ALIAS rnnserve_${name})
  target_link_libraries(rnnserve_${name} PUBLIC ${ARG_DEPS} PRIVATE rnnserve::compiler ${ARG_PRIVATE_DEPS})
  target_include_directories(rnnserve_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  rnnserve_precompiled(rnnserve_${name} "${ARG_PRECOMPILED}" core)
  if(ARG_UNITY AND RNNSERVE_UNITY)
    set_target_properties(rnnserve_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
    set_source_files_properties(${ARG_ALONE} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endif()
endfunction()

# rnnserve_program(<name> SOURCES ... [DEPS ...] [PRECOMPILED core|grpc|none]): program
# <build>/bin/<name>. PRECOMPILED is core by default.
function(rnnserve_program name)
  cmake_parse_arguments(ARG "" "PRECOMPILED" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE rnnserve::compiler ${ARG_DEPS})
  rnnserve_precompiled(${name} "${ARG_PRECOMPILED}" core)
  rnnserve_show_locks(${name})
endfunction()

# rnnserve_show_locks(<target>): makes Abseil's locks visible to ThreadSanitizer in this program.
function(rnnserve_show_locks target)
  if(RNNSERVE_SANITIZER STREQUAL "thread")
    target_sources(${target} PRIVATE
      ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../../tests/support/tsan_absl.cc)
  endif()
endfunction()

# rnnserve_test(<name> SOURCES ... [DEPS ...] [LABELS ...] [TIMEOUT seconds]
# [PRECOMPILED test|json_test|grpc_test]): one GoogleTest program, registered as one CTest test. It
# runs in its source folder. PRECOMPILED is test by default.
function(rnnserve_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT;PRECOMPILED" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(${name} PRIVATE rnnserve::compiler ${ARG_DEPS} GTest::gmock GTest::gtest
                                        GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE RNNSERVE_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                                             RNNSERVE_BIN_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  rnnserve_precompiled(${name} "${ARG_PRECOMPILED}" test)
  rnnserve_show_locks(${name})
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
endfunction()

# rnnserve_bench(<name> SOURCES ... [DEPS ...]): one Google Benchmark program, <build>/bench/<name>;
# `./dev bench` runs all of them. Their names end in _bench.
function(rnnserve_bench name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
  target_link_libraries(${name} PRIVATE rnnserve::compiler ${ARG_DEPS} benchmark::benchmark_main)
  rnnserve_precompiled(${name} "" core)
endfunction()

# rnnserve_protos(<target> IMPORT_DIR <folder> INCLUDE_DIR <folder> PROTOS ...): a static library of
# the messages and gRPC stubs of these .proto files. The files import each other by their path below
# IMPORT_DIR. Their headers are included by the same path below INCLUDE_DIR.
function(rnnserve_protos target)
  cmake_parse_arguments(ARG "" "IMPORT_DIR;INCLUDE_DIR" "PROTOS" ${ARGN})
  add_library(${target} STATIC ${ARG_PROTOS})
  target_link_libraries(${target} PUBLIC gRPC::grpc++ protobuf::libprotobuf)
  # System headers, because warnings in generated code are not ours to fix.
  target_include_directories(${target} SYSTEM PUBLIC ${ARG_INCLUDE_DIR})
  rnnserve_precompiled(${target} grpc grpc)
  protobuf_generate(TARGET ${target} LANGUAGE cpp IMPORT_DIRS ${ARG_IMPORT_DIR})
  protobuf_generate(TARGET ${target} LANGUAGE grpc
                    GENERATE_EXTENSIONS .grpc.pb.h .grpc.pb.cc
                    PLUGIN "protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>"
                    IMPORT_DIRS ${ARG_IMPORT_DIR})
endfunction()
