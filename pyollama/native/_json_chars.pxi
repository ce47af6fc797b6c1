# Characters of JSON text, for _json.pyx: escapes and UTF-8.


cdef inline bint _is_hex(uint8_t c) noexcept nogil:
    return 48 <= c <= 57 or 65 <= c <= 70 or 97 <= c <= 102


cdef inline uint32_t _hex4(Bytes p) noexcept nogil:
    cdef uint32_t code = 0
    cdef int k
    for k in range(4):
        code = code << 4 | (p[k] - 48 if p[k] <= 57 else (p[k] | 32) - 87)
    return code


cdef inline bint _low_half(Bytes p) noexcept nogil:
    """Whether six bytes are the escape of the second half of a pair."""
    cdef int k
    if p[0] != 92 or p[1] != 117:
        return False
    for k in range(2, 6):
        if not _is_hex(p[k]):
            return False
    return 0xDC00 <= _hex4(p + 2) <= 0xDFFF


cdef inline Py_ssize_t _utf8(Bytes p, Py_ssize_t i, Py_ssize_t size, uint32_t* code) noexcept nogil:
    """The length of the sequence of at least two bytes at i and its code point, 0 if it is none."""
    cdef uint8_t c = p[i]
    cdef Py_ssize_t length = 2 if 0xC2 <= c <= 0xDF else 3 if 0xE0 <= c <= 0xEF else 4 if 0xF0 <= c <= 0xF4 else 0
    cdef Py_ssize_t k
    if not length or i + length > size:
        return 0
    code[0] = c & (0xFF >> (length + 1))
    for k in range(1, length):
        if p[i + k] & 0xC0 != 0x80:
            return 0
        code[0] = code[0] << 6 | (p[i + k] & 0x3F)
    if (length == 3 and (code[0] < 0x800 or 0xD800 <= code[0] <= 0xDFFF)) or (
        length == 4 and not 0x10000 <= code[0] <= 0x10FFFF
    ):
        return 0
    return length
