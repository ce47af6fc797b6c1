# pyollama::llama, pyollama::common and pyollama::mtmd, from the source tree that vendor.lock pins.
# Looked for in this order: PYOLLAMA_VENDOR_DIR, third_party/llama.cpp, else fetched into the latter.

set(PYOLLAMA_VENDOR_DIR "" CACHE PATH "An unpacked llama.cpp tree to build instead of the pinned one")
set(vendor_lock ${CMAKE_CURRENT_LIST_DIR}/vendor.lock)
set(vendor_patches ${CMAKE_CURRENT_LIST_DIR}/vendor_patches.toml)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${vendor_lock} ${vendor_patches})

if(PYOLLAMA_VENDOR_DIR)
  set(vendor_dir ${PYOLLAMA_VENDOR_DIR})
  if(NOT EXISTS ${vendor_dir}/include/llama.h)
    message(FATAL_ERROR "PYOLLAMA_VENDOR_DIR=${vendor_dir} holds no llama.cpp tree (include/llama.h is missing)")
  endif()
else()
  set(vendor_dir ${PROJECT_SOURCE_DIR}/third_party/llama.cpp)
  file(SHA256 ${vendor_lock} pinned)
  file(SHA256 ${vendor_patches} patched)
  set(pinned "${pinned} ${patched}")
  set(present "")
  if(EXISTS ${vendor_dir}/PINNED)
    file(STRINGS ${vendor_dir}/PINNED present LIMIT_COUNT 1)
  endif()
  if(NOT present STREQUAL pinned)
    execute_process(
      COMMAND ${Python_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/vendor.py ${vendor_lock} ${vendor_dir}
      RESULT_VARIABLE failed ERROR_VARIABLE reason)
    if(failed)
      message(FATAL_ERROR "${reason}")
    endif()
  endif()
endif()

# Nothing of upstream but the libraries; nothing that goes to the network at configure time.
foreach(off BUILD_SHARED_LIBS GGML_OPENMP GGML_CCACHE GGML_CUDA_NCCL GGML_RPC_RDMA LLAMA_OPENSSL LLAMA_SUBPROCESS
            LLAMA_BUILD_COMMON LLAMA_BUILD_TOOLS LLAMA_BUILD_TESTS LLAMA_BUILD_EXAMPLES LLAMA_BUILD_SERVER
            LLAMA_BUILD_APP LLAMA_BUILD_UI LLAMA_USE_PREBUILT_UI LLAMA_LLGUIDANCE LLAMA_ALL_WARNINGS MTMD_VIDEO)
  set(${off} OFF CACHE BOOL "" FORCE)
endforeach()
set(LLAMA_BUILD_MTMD ON CACHE BOOL "" FORCE)
set(LLAMA_BUILD_NUMBER 0)  # upstream asks git, and a release archive has none
set(LLAMA_BUILD_COMMIT pinned)
set(GIT_EXE ${CMAKE_COMMAND} -E true)  # else ggml takes our commit for its own, and is compiled anew after each

add_subdirectory(${vendor_dir} third_party/llama.cpp EXCLUDE_FROM_ALL SYSTEM)
get_property(ggml_targets DIRECTORY ${vendor_dir}/ggml/src PROPERTY BUILDSYSTEM_TARGETS)
list(FILTER ggml_targets INCLUDE REGEX "^ggml-cpu")
foreach(target IN LISTS ggml_targets)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/csrc)  # our kernels, see vendor_patches.toml
endforeach()
add_library(pyollama::llama ALIAS llama)
add_library(pyollama::mtmd ALIAS mtmd)

# The part of common/ that neither downloads nor parses command lines (upstream's own target does both).
set(common_dir ${vendor_dir}/common)
include(${common_dir}/parsers/sources.cmake)
set(BUILD_COMPILER "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}")
set(BUILD_TARGET ${CMAKE_SYSTEM_PROCESSOR})
configure_file(${common_dir}/build-info.cpp.in build-info.cpp)
set(common_sources
    common log sampling speculative fit reasoning-budget imatrix-loader unicode trie llguidance
    ngram-cache ngram-map ngram-mod json json-schema json-schema-to-grammar peg-parser
    chat chat-auto-parser-generator chat-auto-parser-helpers chat-diff-analyzer chat-peg-parser
    jinja/lexer jinja/parser jinja/runtime jinja/value jinja/string jinja/caps)
list(TRANSFORM common_sources PREPEND ${common_dir}/)
list(TRANSFORM common_sources APPEND .cpp)
add_library(po_common STATIC EXCLUDE_FROM_ALL
            ${common_sources} ${LLAMA_CHAT_PARSERS_SOURCES} ${CMAKE_CURRENT_BINARY_DIR}/build-info.cpp)
target_include_directories(po_common SYSTEM PUBLIC ${common_dir} ${vendor_dir}/src)
target_compile_features(po_common PUBLIC cxx_std_17)
target_link_libraries(po_common PUBLIC llama vendor::nlohmann Threads::Threads)
add_library(pyollama::common ALIAS po_common)

# Its licences go into the wheel beside ours. Not named in pyproject.toml: a fresh clone does not have them yet.
if(SKBUILD_METADATA_DIR)
  file(GLOB vendor_licenses ${vendor_dir}/LICENSE ${vendor_dir}/AUTHORS ${vendor_dir}/licenses/*)
  install(FILES ${vendor_licenses} DESTINATION ${SKBUILD_METADATA_DIR}/licenses/llama.cpp COMPONENT python)
  foreach(part sha256 xxhash)
    install(FILES ${vendor_dir}/vendor/hash/${part}/LICENSE RENAME LICENSE-${part} OPTIONAL
            DESTINATION ${SKBUILD_METADATA_DIR}/licenses/llama.cpp COMPONENT python)
  endforeach()
endif()
