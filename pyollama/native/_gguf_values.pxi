# Metadata values and the bytes they decode from. Part of _gguf.pyx.

cdef inline uint64_t _u64(const uint8_t* p) noexcept nogil:
    cdef uint64_t value = 0
    cdef int i
    for i in range(8):
        value |= <uint64_t>p[i] << (8 * i)
    return value


cdef inline uint32_t _u32(const uint8_t* p) noexcept nogil:
    return p[0] | <uint32_t>p[1] << 8 | <uint32_t>p[2] << 16 | <uint32_t>p[3] << 24


cdef class _Bytes:
    """The metadata bytes that arrays and long texts decode from; None once the header is closed."""

    cdef bytearray data

    cdef const uint8_t* at(self, uint64_t pos) except NULL:
        if self.data is None:
            raise ValueError("the GGUF header is closed")
        return <const uint8_t*>PyByteArray_AS_STRING(self.data) + pos

    cdef str text(self, uint64_t pos):
        """The string at pos, which was checked before. Bytes that are not UTF-8 become U+FFFD."""
        cdef const uint8_t* p = self.at(pos)
        return PyUnicode_DecodeUTF8(<const char*>p + 8, <Py_ssize_t>_u64(p), "replace")


cdef class _Text:
    """A text too long to decode unasked."""

    cdef _Bytes source
    cdef uint64_t pos


cdef class _Array:
    """The part of ArrayValue that knows the bytes. Every position was checked when the header was read."""

    cdef _Bytes source
    cdef uint64_t start
    cdef uint64_t count
    cdef uint32_t* offsets  # of strings, from start; made by the first access by index
    cdef readonly str type_name
    cdef str code

    def __dealloc__(self):
        PyMem_Free(self.offsets)

    def __len__(self):
        return self.count

    def __getitem__(self, Py_ssize_t index):
        if index < 0:
            index += self.count
        if index < 0 or <uint64_t>index >= self.count:
            raise IndexError("array index out of range")
        self.source.at(0)
        if self.code:
            return struct.unpack_from("<" + self.code, self.source.data, self.start + index * struct.calcsize(self.code))[0]
        self._index()
        return self.source.text(self.start + self.offsets[index])

    def __iter__(self):
        cdef uint64_t pos = self.start
        cdef uint64_t i
        if self.code:
            yield from self.tolist()
            return
        for i in range(self.count):
            yield self.source.text(pos)
            pos += 8 + _u64(self.source.at(pos))

    def tolist(self):
        """All elements."""
        self.source.at(0)
        if self.code:
            return list(struct.unpack_from(f"<{self.count}{self.code}", self.source.data, self.start))
        return list(self)

    def __repr__(self):
        return f"<ArrayValue of {self.count} {self.type_name}>"

    cdef int _index(self) except -1:
        cdef uint64_t i
        cdef uint64_t pos = 0
        cdef const uint8_t* p = self.source.at(self.start)
        if self.offsets != NULL:
            return 0
        self.offsets = <uint32_t*>PyMem_Malloc(self.count * sizeof(uint32_t))
        if self.offsets == NULL:
            raise MemoryError
        for i in range(self.count):
            self.offsets[i] = <uint32_t>pos
            pos += 8 + _u64(p + pos)
        return 0


class ArrayValue(_Array, Sequence):
    """A metadata array, decoded only when it is read."""

    __slots__ = ()


class Metadata(Mapping):
    """The metadata of a header, in the file's order."""

    __slots__ = ("_values",)

    def __init__(self, values):
        self._values = values

    def __getitem__(self, key):
        value = self._values[key]
        if isinstance(value, _Text):
            return (<_Text>value).source.text((<_Text>value).pos)
        return value

    def __len__(self):
        return len(self._values)

    def __iter__(self):
        return iter(self._values)

    def __contains__(self, key):
        return key in self._values

    def __repr__(self):
        return f"<Metadata of {len(self._values)} keys>"
