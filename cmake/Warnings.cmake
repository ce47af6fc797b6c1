# pyollama::warnings, for our own sources only: generated and vendored code is not ours to mend.
add_library(po_warnings INTERFACE)
target_compile_options(po_warnings INTERFACE
  $<$<CXX_COMPILER_ID:GNU,Clang,AppleClang>:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wconversion;-Wno-sign-conversion>)
add_library(pyollama::warnings ALIAS po_warnings)
