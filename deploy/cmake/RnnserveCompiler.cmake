# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
#
# The options with which all of our files are compiled: warnings are errors, ccache is used if it is
# installed, RNNSERVE_SANITIZER selects sanitizers, and RNNSERVE_FUZZ prepares for libFuzzer. Instruction sets are chosen at run time, so
# there is no -march here.

add_library(rnnserve_compiler INTERFACE)
add_library(rnnserve::compiler ALIAS rnnserve_compiler)
target_compile_options(rnnserve_compiler INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Werror)
# GCC 12 loses track of the moves of an inlined absl::InlinedVector and warns without cause.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(rnnserve_compiler INTERFACE
                         $<$<NOT:$<CONFIG:Debug>>:-Wno-maybe-uninitialized>)
endif()
target_include_directories(rnnserve_compiler INTERFACE ${CMAKE_SOURCE_DIR})
# No fused multiply-add unless the code asks for it: a result must not depend on which operations
# the optimiser contracts.
target_compile_options(rnnserve_compiler INTERFACE -ffp-contract=off)

# Some libraries require these; precompiled headers need the same options in every target.
add_compile_options(-pthread)
add_compile_definitions(_FILE_OFFSET_BITS=64)

if(RNNSERVE_SANITIZER)
  set(flags -fsanitize=${RNNSERVE_SANITIZER} -fno-omit-frame-pointer)
  if(RNNSERVE_SANITIZER MATCHES "undefined")
    list(APPEND flags -fno-sanitize-recover=all)
  endif()
  add_compile_options(${flags})
  add_link_options(${flags})
endif()

# libFuzzer is a part of Clang. It needs to see which branches of all our code a run takes.
if(RNNSERVE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(RNNSERVE_CCACHE ccache)
if(RNNSERVE_CCACHE)
  # ccache's manual requires this sloppiness for precompiled headers; the base directory lets two
  # clones share their objects.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      ${RNNSERVE_CCACHE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-fpch-preprocess)
  endif()
endif()
