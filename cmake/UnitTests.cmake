# C++ unit tests, *_test.cpp beside the sources. One command configures, builds and runs them:
#   cmake --workflow --preset unit        what needs no vendored code: seconds to build
#   cmake --workflow --preset unit-asan   the same under the address and undefined-behaviour sanitizers
#   cmake --workflow --preset unit-all    the tests over the vendored libraries too: builds those
# Real models: PYOLLAMA_TEST_GGUF=model.gguf; tests that need one are skipped without it.
find_package(GTest QUIET)
if(NOT GTest_FOUND AND PYOLLAMA_CTEST STREQUAL AUTO)
  set(missing "GoogleTest is not installed: C++ unit tests are left out (Debian: apt-get install libgtest-dev)")
  add_custom_target(unit_tests_all COMMAND ${CMAKE_COMMAND} -E echo ${missing} VERBATIM)
  set(PYOLLAMA_CTEST OFF)
  return()
elseif(NOT GTest_FOUND)
  message(FATAL_ERROR "PYOLLAMA_CTEST needs GoogleTest; install it (Debian: apt-get install libgtest-dev)")
endif()
enable_testing()
add_custom_target(unit_tests)      # need only the sources they list
add_custom_target(unit_tests_all)  # and those over the vendored libraries
add_dependencies(unit_tests_all unit_tests)

# po_add_test(name SOURCES test.cpp source.cpp... [LIBS target...])
# Tests that link a library are labelled "vendored", the rest "unit".
function(po_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBS")
  add_executable(${name} EXCLUDE_FROM_ALL ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/csrc)
  target_compile_features(${name} PRIVATE cxx_std_17)
  target_link_libraries(${name} PRIVATE ${arg_LIBS} GTest::gtest_main pyollama::warnings)
  if(arg_LIBS)
    set(label vendored)
    add_dependencies(unit_tests_all ${name})
  else()
    set(label unit)
    add_dependencies(unit_tests ${name})
  endif()
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)  # one process, as a start costs more than most tests
  set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT 120)
endfunction()
