# cython: language_level=3
"""One loaded model and its scheduler thread (csrc/engine)."""

from libcpp.string cimport string


cdef extern from "engine/build_info.hpp" namespace "po" nogil:
    string _system_info "po::system_info"() except +


def system_info() -> str:
    """CPU features and backends compiled in, in ggml's own words."""
    return _system_info().decode()
