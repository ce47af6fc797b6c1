# Strings made of JSON text that _json.pyx has scanned.

# --- what is no character ---------------------------------------------------------------------------------------------


def cleaned(data, Py_ssize_t end):
    """A copy of the value that ends there, with U+FFFD for each byte and each half of a pair that is no character."""
    cdef const uint8_t[::1] view = data
    if not 0 < end <= view.shape[0]:
        raise IndexError("no such part of the data")
    cdef Bytes p = &view[0]
    cdef Py_ssize_t n_wrong
    with nogil:
        n_wrong = _clean(p, end, NULL)
    made = PyByteArray_FromStringAndSize(NULL, end + 2 * n_wrong)
    cdef uint8_t* out = <uint8_t*>PyByteArray_AS_STRING(made)
    with nogil:
        _clean(p, end, out)
    return made


cdef Py_ssize_t _clean(Bytes p, Py_ssize_t size, uint8_t* out) noexcept nogil:
    """How many bytes are none of UTF-8; the copy is written unless out is null. A backslash only occurs in strings."""
    cdef Py_ssize_t i = 0, n_wrong = 0, length
    cdef uint32_t code
    cdef bint is_half
    while i < size:
        length = 1
        is_half = False
        if p[i] >= 128:
            length = _utf8(p, i, size, &code)
            if not length:
                n_wrong += 1
                if out:
                    out[0], out[1], out[2] = 0xEF, 0xBF, 0xBD
                    out += 3
                i += 1
                continue
        elif p[i] == 92:
            length = 2
            if p[i + 1] == 117:
                length = 6
                code = _hex4(p + i + 2)
                if 0xD800 <= code <= 0xDFFF:
                    if code < 0xDC00 and i + 12 <= size and _low_half(p + i + 6):
                        length = 12
                    else:
                        is_half = True
        if out:
            memcpy(out, p + i, length)
            if is_half:
                memcpy(out + 2, b"fffd", 4)
            out += length
        i += length
    return n_wrong


# --- one long string --------------------------------------------------------------------------------------------------


cdef struct Char:
    uint32_t code
    Py_ssize_t length  # in bytes of JSON


cdef inline Char _char(Bytes p, Py_ssize_t i, Py_ssize_t size) noexcept nogil:
    """One character of a string that scan has seen."""
    cdef Char found
    cdef uint32_t code
    cdef uint8_t c = p[i]
    found.code, found.length = c, 1
    if c >= 128:
        found.length = _utf8(p, i, size, &code)
        if found.length:
            found.code = code
        else:
            found.code, found.length = REPLACEMENT, 1
    elif c == 92:
        c = p[i + 1]
        found.length = 2
        if c == 117:
            found.code, found.length = _hex4(p + i + 2), 6
            if 0xD800 <= found.code <= 0xDFFF:
                if found.code < 0xDC00 and i + 12 <= size and _low_half(p + i + 6):
                    found.code = 0x10000 + ((found.code - 0xD800) << 10) + (_hex4(p + i + 8) - 0xDC00)
                    found.length = 12
                else:
                    found.code = REPLACEMENT
        else:
            found.code = 8 if c == 98 else 12 if c == 102 else 10 if c == 110 else 13 if c == 114 else 9 if c == 116 else c
    return found


def text(data, Py_ssize_t start, Py_ssize_t end):
    """The string whose characters lie between two quotes that ``scan`` found. What is no character becomes U+FFFD."""
    cdef const uint8_t[::1] view = data
    if not 0 <= start <= end <= view.shape[0]:
        raise IndexError("no such part of the data")
    if start == end:
        return ""
    cdef Bytes p = &view[start]
    cdef Py_ssize_t size = end - start, length
    cdef uint32_t highest
    with nogil:
        length = _measure(p, size, &highest)
    cdef object made = PyUnicode_New(length, highest)
    # Nobody else knows of the string yet, so it may be filled without the lock.
    cdef uint8_t* narrow = <uint8_t*>PyUnicode_1BYTE_DATA(made)
    cdef uint16_t* wide = <uint16_t*>PyUnicode_2BYTE_DATA(made)
    cdef uint32_t* widest = <uint32_t*>PyUnicode_4BYTE_DATA(made)
    with nogil:
        if highest < 128 and length == size:
            memcpy(narrow, p, size)
        elif highest < 256:
            _fill(p, size, narrow)
        elif highest < 65536:
            _fill(p, size, wide)
        else:
            _fill(p, size, widest)
    return made


cdef void _fill(Bytes p, Py_ssize_t size, Unit* out) noexcept nogil:
    cdef Py_ssize_t i = 0
    cdef Char found
    while i < size:
        if p[i] < 128 and p[i] != 92:
            out[0] = p[i]
            i += 1
        else:
            found = _char(p, i, size)
            out[0] = <Unit>found.code
            i += found.length
        out += 1


cdef Py_ssize_t _measure(Bytes p, Py_ssize_t size, uint32_t* highest) noexcept nogil:
    """How many characters there are. ``highest``: the largest code point, rounded up to a limit of Python's."""
    cdef Py_ssize_t i = 0, n = 0
    cdef uint32_t most = 0
    cdef Char found
    while i < size:
        if p[i] < 128 and p[i] != 92:
            i += 1
        else:
            found = _char(p, i, size)
            most = max(most, found.code)
            i += found.length
        n += 1
    highest[0] = 127 if most < 128 else 255 if most < 256 else 65535 if most < 65536 else 0x10FFFF
    return n
