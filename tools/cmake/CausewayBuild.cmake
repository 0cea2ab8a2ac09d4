# What every target of Causeway is built with, and the three functions that
# the folders' CMakeLists use: causeway_library, causeway_binary, causeway_test.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

find_program(CAUSEWAY_CCACHE ccache)
if(CAUSEWAY_CCACHE)
  # Paths relative to the tree: another clone of it finds what this one built.
  set(CMAKE_C_COMPILER_LAUNCHER env "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}"
    CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros
    "${CAUSEWAY_CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_C_COMPILER_LAUNCHER})
endif()

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)

# One interface target carries the flags, so that a library of Debian's that
# is not warning-clean (gRPC, spdlog) is only ever included as SYSTEM.
add_library(causeway_flags INTERFACE)
target_include_directories(causeway_flags INTERFACE "${CMAKE_SOURCE_DIR}")
# Where tests stop a process exactly (engine/base/stop_point.h).
target_compile_definitions(causeway_flags INTERFACE
  $<$<NOT:$<CONFIG:Release>>:CAUSEWAY_STOP_POINTS>)
target_compile_options(causeway_flags INTERFACE
  -Wall -Wextra -Wshadow -Wvla -Werror -fno-omit-frame-pointer
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor$<SEMICOLON>-Woverloaded-virtual>)
# GCC 12 at -O2 and above warns of std::string's own memcpy (GCC PR 105651) and
# of the unused alternatives of std::variant (PR 80635).
target_compile_options(causeway_flags INTERFACE
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-restrict -Wno-maybe-uninitialized>)
if(CAUSEWAY_SANITIZE)
  list(JOIN CAUSEWAY_SANITIZE "," causeway_sanitizers)
  target_compile_options(causeway_flags INTERFACE
    "-fsanitize=${causeway_sanitizers}" -fno-sanitize-recover=all)
  target_link_options(causeway_flags INTERFACE
    "-fsanitize=${causeway_sanitizers}")
  if("thread" IN_LIST CAUSEWAY_SANITIZE)
    target_compile_options(causeway_flags INTERFACE
      $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
  endif()
endif()

if(CAUSEWAY_BUILD_FUZZ)
  target_compile_options(causeway_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# tools/check runs the tests of all builds in one ctest run, where a suffix
# tells the sanitizers' tests apart: NAME.asan, NAME.tsan.
set(CAUSEWAY_TEST_SUFFIX "")
if("address" IN_LIST CAUSEWAY_SANITIZE)
  set(CAUSEWAY_TEST_SUFFIX ".asan")
elseif("thread" IN_LIST CAUSEWAY_SANITIZE)
  set(CAUSEWAY_TEST_SUFFIX ".tsan")
endif()

# GCC 12 at -O3 no longer takes what comes from a precompiled header for a
# system's: it warns of std::string (PR 105651, under other names than above).
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  set(CMAKE_DISABLE_PRECOMPILE_HEADERS ON)
endif()

# What a user runs, without tests and benchmarks.
add_custom_target(programs)

# A sanitizer's build compiles up to CAUSEWAY_JOIN sources of a target as one:
# most of what a file costs is its headers and the templates in them, which so
# are paid for once. Names without linkage must then differ in a target. dev and
# release compile each file alone, so that a missing include is still found. Not
# CMAKE_UNITY_BUILD: it names the sources by absolute paths, so that the
# compiler cache would know nothing of what another clone has built.
set(CAUSEWAY_JOIN 0 CACHE STRING "Sources compiled as one; 0: each alone")
if(CAUSEWAY_JOIN GREATER 1)
  # A local name may be that of another file's constant; dev looks within each.
  target_compile_options(causeway_flags INTERFACE -Wno-shadow)
endif()

# causeway_join(OUT NAME sources...): the sources of the target NAME with its
# *.cc joined, in even shares.
function(causeway_join out name)
  set(alone ${ARGN})
  set(joined ${ARGN})
  list(FILTER alone EXCLUDE REGEX "\\.cc$")
  list(FILTER joined INCLUDE REGEX "\\.cc$")
  list(LENGTH joined count)
  if(CAUSEWAY_JOIN LESS 2 OR count LESS 2)
    set(${out} ${ARGN} PARENT_SCOPE)
    return()
  endif()
  math(EXPR files "(${count} + ${CAUSEWAY_JOIN} - 1) / ${CAUSEWAY_JOIN}")
  foreach(i RANGE 1 ${files})
    math(EXPR first "(${i} - 1) * ${count} / ${files}")
    math(EXPR share "${i} * ${count} / ${files} - ${first}")
    list(SUBLIST joined ${first} ${share} sources)
    set(text "")
    foreach(source IN LISTS sources)
      cmake_path(ABSOLUTE_PATH source NORMALIZE)
      file(RELATIVE_PATH source "${CMAKE_SOURCE_DIR}" "${source}")
      string(APPEND text "#include \"${source}\"\n")
    endforeach()
    set(file "${CMAKE_BINARY_DIR}/joined/${name}_${i}.cc")
    file(CONFIGURE OUTPUT "${file}" CONTENT "${text}" @ONLY)
    list(APPEND alone "${file}")
  endforeach()
  set(${out} ${alone} PARENT_SCOPE)
endfunction()

# causeway_library(NAME SOURCES a.cc ... [ALONE b.cc ...] [DEPS targets ...]
#   [PRIVATE_DEPS ...])
# ALONE: what cannot be joined with others; the reason stands beside it.
function(causeway_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;ALONE;DEPS;PRIVATE_DEPS" ${ARGN})
  causeway_join(sources ${name} ${ARG_SOURCES})
  add_library(${name} STATIC ${sources} ${ARG_ALONE})
  target_link_libraries(${name}
    PUBLIC causeway_flags ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
endfunction()

# causeway_binary(NAME SOURCES main.cc ... [DEPS targets ...])
function(causeway_binary name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  causeway_join(sources ${name} ${ARG_SOURCES})
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE causeway_flags ${ARG_DEPS})
  add_dependencies(programs ${name})
endfunction()

# causeway_test(NAME SOURCES a_test.cc ... [DEPS ...] [LABELS ...] [TIMEOUT s]
#   [COST s] [WAITS])
# One GoogleTest binary is one ctest entry: cheaper on 2 cores than one process
# a case. Skipped cases are gathered by tools/check from the output.
# COST: about how long it takes; what takes longest starts first.
# WAITS: for a long line, a time-out, a process, most of that. Of those two share
# a core: PROCESSORS counts halves of one, so that 2 cores are `ctest -j 4`. Not
# so with a sanitizer, which makes work of what waited.
# GoogleTest's headers are parsed once a build (tests/CMakeLists.txt).
function(causeway_test name)
  cmake_parse_arguments(ARG "WAITS" "TIMEOUT;COST" "SOURCES;DEPS;LABELS" ${ARGN})
  find_package(GTest REQUIRED)
  causeway_join(sources ${name} ${ARG_SOURCES})
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE causeway_flags ${ARG_DEPS}
    GTest::gtest GTest::gmock GTest::gtest_main)
  target_precompile_headers(${name} REUSE_FROM gtest_precompiled)
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  set(processors 2)
  if(ARG_WAITS AND NOT CAUSEWAY_SANITIZE)
    set(processors 1)
  endif()
  add_test(NAME ${name}${CAUSEWAY_TEST_SUFFIX} COMMAND ${name})
  set_tests_properties(${name}${CAUSEWAY_TEST_SUFFIX} PROPERTIES
    TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}"
    PROCESSORS ${processors}
    ENVIRONMENT "CAUSEWAY_BIN=${CMAKE_BINARY_DIR}/bin")
  if(ARG_COST)
    set_tests_properties(${name}${CAUSEWAY_TEST_SUFFIX} PROPERTIES
      COST ${ARG_COST})
  endif()
endfunction()

# causeway_grpc_test(NAME): gRPC is not built for ThreadSanitizer, which cannot
# see how its threads wait for each other, takes its own calls for races and
# its pool, which ends with the process, for a leak.
function(causeway_grpc_test name)
  if(CAUSEWAY_SANITIZE MATCHES "thread")
    set_property(TEST ${name}${CAUSEWAY_TEST_SUFFIX} APPEND PROPERTY
      ENVIRONMENT
      "TSAN_OPTIONS=ignore_noninstrumented_modules=1:report_thread_leaks=0")
  endif()
endfunction()
