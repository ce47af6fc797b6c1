# cython: language_level=3
# distutils: language = c++
"""Embedding vectors between the engine's bytes and JSON, without the GIL: thousands of them take seconds."""

from libc.stdint cimport int64_t
from libcpp cimport bool
from libcpp.string cimport string

cdef extern from "vectors/vectors.hpp" namespace "po" nogil:
    bool append_head(const char *, int64_t, int64_t, string &) except +
    void append_json(const char *, int64_t, int64_t, string &) except +


def packed(vectors, *, int64_t width):
    """The first ``width`` numbers of each little-endian float32 vector, of length 1 again if some were left out.

    ValueError: a number is not finite. Its argument is the index of the vector.
    """
    cdef string out
    cdef bytes vector
    cdef const char * numbers
    cdef int64_t n_all
    cdef bool finite
    for index, vector in enumerate(vectors):
        numbers = vector
        n_all = len(vector) // 4
        if n_all < width:
            raise IndexError(index)
        with nogil:
            finite = append_head(numbers, n_all, width, out)
        if not finite:
            raise ValueError(index)
    return <bytes>out


def to_json(bytes vectors, *, int64_t width):
    """Packed vectors as JSON arrays, with commas between them and nothing around them."""
    cdef string out
    cdef const char * numbers = vectors
    cdef int64_t n_vectors = len(vectors) // (4 * width) if width > 0 else 0
    with nogil:
        append_json(numbers, n_vectors, width, out)
    return <bytes>out
