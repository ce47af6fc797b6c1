# One clear line for a machine that cannot build us, instead of a page of compiler errors.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 9)
  message(FATAL_ERROR "pyollama needs g++ 9 or newer, found ${CMAKE_CXX_COMPILER_VERSION}; set CXX to a newer compiler")
elseif(CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 10)
  message(FATAL_ERROR "pyollama needs clang 10 or newer, found ${CMAKE_CXX_COMPILER_VERSION}; set CXX to a newer compiler")
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "MSVC" AND MSVC_VERSION LESS 1930)
  message(FATAL_ERROR "pyollama needs Visual Studio 2022 or newer, found MSVC ${MSVC_VERSION}")
endif()

find_package(Threads REQUIRED)
find_package(Python QUIET COMPONENTS Interpreter Development.Module)
if(NOT Python_Development.Module_FOUND)
  message(FATAL_ERROR "the headers of Python ${Python_VERSION} are missing; install them (Debian: apt-get install python3-dev)")
endif()
