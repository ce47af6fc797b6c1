# Bytes made of base64 in a string, for _json.pyx.

cdef uint8_t SIXES[256]  # value of each digit, 255 for other bytes
_DIGITS = bytearray(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
for _i in range(256):
    SIXES[_i] = _DIGITS.find(_i) & 255  # -1, not found, is 255


def base64(str given):
    """The bytes of base64 text; line breaks in it do not count. An integer: where the first wrong byte is."""
    cdef int kind = PyUnicode_KIND(given)
    cdef void* p = PyUnicode_DATA(given)
    cdef Py_ssize_t size = len(given), n_digits = 0, wrong
    with nogil:
        if kind == 1:
            n_digits = _count_digits(<uint8_t*>p, size)
        elif kind == 2:
            n_digits = _count_digits(<uint16_t*>p, size)
        else:
            n_digits = _count_digits(<uint32_t*>p, size)
    cdef bytes made = PyBytes_FromStringAndSize(NULL, n_digits * 3 // 4)
    cdef uint8_t* out = <uint8_t*>PyBytes_AS_STRING(made)
    with nogil:  # nobody else knows of the bytes yet
        if kind == 1:
            wrong = _base64(<uint8_t*>p, size, out)
        elif kind == 2:
            wrong = _base64(<uint16_t*>p, size, out)
        else:
            wrong = _base64(<uint32_t*>p, size, out)
    return made if wrong < 0 else wrong


cdef inline uint8_t _six(Unit c) noexcept nogil:
    return SIXES[c] if c < 256 else 255


cdef Py_ssize_t _count_digits(Unit* p, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t i, n = 0
    for i in range(size):
        n += _six(p[i]) < 64
    return n


cdef Py_ssize_t _base64(Unit* p, Py_ssize_t size, uint8_t* out) noexcept nogil:
    """Write the bytes. -1 if all went well, else where the first wrong one is, as Go counts."""
    cdef uint8_t digits[4]
    cdef Py_ssize_t i = 0
    cdef int n
    while True:
        n = 0
        while n < 4:
            if i == size:
                return -1 if n == 0 else i - n
            digits[n] = _six(p[i])
            i += 1
            if digits[n] < 64:
                n += 1
            elif p[i - 1] == 61:  # =
                if n < 2:
                    return i - 1
                i = _skip_breaks(p, i, size)
                if n == 2:
                    if i == size:
                        return size
                    if p[i] != 61:
                        return i - 1
                    i = _skip_breaks(p, i + 1, size)
                out[0] = <uint8_t>(digits[0] << 2 | digits[1] >> 4)
                if n == 3:
                    out[1] = <uint8_t>(digits[1] << 4 | digits[2] >> 2)
                return -1 if i == size else i
            elif p[i - 1] != 10 and p[i - 1] != 13:
                return i - 1
        out[0] = <uint8_t>(digits[0] << 2 | digits[1] >> 4)
        out[1] = <uint8_t>(digits[1] << 4 | digits[2] >> 2)
        out[2] = <uint8_t>(digits[2] << 6 | digits[3])
        out += 3


cdef Py_ssize_t _skip_breaks(Unit* p, Py_ssize_t i, Py_ssize_t size) noexcept nogil:
    while i < size and (p[i] == 10 or p[i] == 13):
        i += 1
    return i
