# cython: language_level=3
"""A look at JSON without building anything, and the text of one long string, both without the interpreter's lock.

``scan`` checks the first value of a body as Go's decoder does and says what a reader wants to know before it decodes:
where the value ends, how deep it nests, and where it can be cut into pieces. ``text`` builds the string between two
quotes. Neither holds up other threads, however large the body is.
"""

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_FromStringAndSize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.unicode cimport (
    PyUnicode_1BYTE_DATA,
    PyUnicode_2BYTE_DATA,
    PyUnicode_4BYTE_DATA,
    PyUnicode_DATA,
    PyUnicode_KIND,
    PyUnicode_New,
)
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy
from libcpp.vector cimport vector

ctypedef const uint8_t* Bytes

ctypedef fused Unit:  # of a Python string
    uint8_t
    uint16_t
    uint32_t

cdef enum:
    MAX_STACK = 512
    BATCH_VALUES = 2048  # of one piece, so that it is decoded in well under a millisecond
    BATCH_BYTES = 1 << 16

cdef uint32_t REPLACEMENT = 0xFFFD

cdef struct Long:
    Py_ssize_t start, end  # of the characters between the quotes

cdef struct Cut:
    Py_ssize_t start, end  # of some elements, without the comma after them
    Py_ssize_t values

cdef struct Part:
    Py_ssize_t key_start, key_end  # of a member of the outermost object
    Py_ssize_t start, end  # of its value, a long array with its brackets
    size_t first_cut, end_cut

# What is wrong, in the order of Scan.PROBLEMS.
cdef enum:
    GOOD, CUT_OFF, TOO_DEEP, TOO_MANY, VALUE, KEY_OR_END, KEY, AFTER_KEY, AFTER_MEMBER, AFTER_ELEMENT
    IN_STRING, IN_ESCAPE, IN_UNICODE_ESCAPE, IN_NUMBER, AFTER_POINT, IN_EXPONENT, IN_TRUE, IN_FALSE, IN_NULL

_CONTEXTS = {
    VALUE: "looking for beginning of value",
    KEY_OR_END: "looking for beginning of object key string",
    KEY: "looking for beginning of object key string",
    AFTER_KEY: "after object key",
    AFTER_MEMBER: "after object key:value pair",
    AFTER_ELEMENT: "after array element",
    IN_STRING: "in string literal",
    IN_ESCAPE: "in string escape code",
    IN_UNICODE_ESCAPE: "in \\u hexadecimal character escape",
    IN_NUMBER: "in numeric literal",
    AFTER_POINT: "after decimal point in numeric literal",
    IN_EXPONENT: "in exponent of numeric literal",
    IN_TRUE: "in literal true (expecting '%s')",
    IN_FALSE: "in literal false (expecting '%s')",
    IN_NULL: "in literal null (expecting '%s')",
}
_LITERALS = {IN_TRUE: "true", IN_FALSE: "false", IN_NULL: "null"}


include "_json_chars.pxi"


cdef class Scan:
    """What was seen of one JSON value."""

    cdef readonly Py_ssize_t end  # after the value; where the trouble is if there is some
    cdef readonly Py_ssize_t depth
    cdef readonly Py_ssize_t values  # of all kinds; keys do not count
    cdef readonly bint is_clean  # nothing that msgspec reads otherwise than Go: bytes no UTF-8, halves of surrogate pairs
    cdef readonly bint has_capitals  # in some key
    cdef readonly bint has_long_numbers  # of more digits than every 64-bit integer has
    cdef int problem
    cdef Py_ssize_t literal_index
    cdef int bad_byte
    cdef Py_ssize_t most_values
    cdef vector[Long] longs
    cdef vector[Cut] cuts
    cdef vector[Part] parts

    @property
    def error(self):
        """Go's words for what is wrong, or None. Too little of it is "unexpected EOF"."""
        if self.problem == GOOD:
            return None
        if self.problem == CUT_OFF:
            return "unexpected EOF"
        if self.problem == TOO_DEEP:
            return "exceeded max depth"
        if self.problem == TOO_MANY:
            return "too many values"
        context = _CONTEXTS[self.problem]
        if self.problem in _LITERALS:
            context %= _LITERALS[self.problem][self.literal_index]
        return f"invalid character {_quoted(self.bad_byte)} {context}"

    @property
    def long_strings(self):
        """Start and end of the characters of each long string, in order."""
        return [(long.start, long.end) for long in self.longs]

    @property
    def arrays(self):
        """The long arrays of the outermost object: key, start and end, and the batches of elements.

        Key and arrays are given as (start, end); a batch as (start, end, number of values).
        """
        return [
            (
                (part.key_start, part.key_end),
                (part.start, part.end),
                [(self.cuts[i].start, self.cuts[i].end, self.cuts[i].values) for i in range(part.first_cut, part.end_cut)],
            )
            for part in self.parts
        ]


def _quoted(byte):
    """A byte as Go shows a character."""
    plain = {39: "\\'", 34: '"', 92: "\\\\", 7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r"}
    if byte in plain:
        return f"'{plain[byte]}'"
    if byte < 32 or byte == 127:
        return f"'\\x{byte:02x}'"
    if 128 <= byte <= 160 or byte == 173:
        return f"'\\u{byte:04x}'"
    return f"'{chr(byte)}'"


def scan(data, Py_ssize_t long_string, Py_ssize_t max_depth, Py_ssize_t max_values):
    """Look at the first value in ``data`` (bytes or bytearray, which stays as it is meanwhile).

    ``long_string``: strings of at least so many bytes are listed. ``max_depth``: at most 512.
    """
    cdef const uint8_t[::1] view = data
    cdef Scan seen = Scan()
    cdef Bytes begin = &view[0] if view.shape[0] else NULL
    cdef Py_ssize_t size = view.shape[0]
    seen.is_clean = True
    seen.most_values = max_values
    with nogil:
        _scan(seen, begin, size, long_string, min(max_depth, <Py_ssize_t>MAX_STACK - 1))
    return seen


cdef inline bint _is_space(uint8_t c) noexcept nogil:
    return c == 32 or c == 10 or c == 13 or c == 9


cdef inline bint _is_digit(uint8_t c) noexcept nogil:
    return 48 <= c <= 57


cdef inline int _fail(Scan seen, int problem, Bytes p, Py_ssize_t i, Py_ssize_t size) noexcept nogil:
    seen.problem = CUT_OFF if i >= size else problem
    seen.end = i
    seen.bad_byte = p[i] if i < size else 0
    return -1


cdef inline Py_ssize_t _skip_space(Bytes p, Py_ssize_t i, Py_ssize_t size) noexcept nogil:
    while i < size and _is_space(p[i]):
        i += 1
    return i


cdef int _scan(Scan seen, Bytes p, Py_ssize_t size, Py_ssize_t long_string, Py_ssize_t max_depth) noexcept nogil:
    """The whole of the first value. -1: seen.problem says why not."""
    cdef uint8_t stack[MAX_STACK]  # '{' or '[' of each level
    cdef Py_ssize_t depth = 0, i = 0
    cdef Py_ssize_t batch_start = 0, batch_values = 0, batch_longs = 0, start
    cdef Part part
    cdef Cut cut
    cdef Long long, key, outer_key
    cdef bint in_part = False  # inside an array that is a member of the outermost object
    cdef uint8_t c
    while True:
        # --- a value
        i = _skip_space(p, i, size)
        if i >= size:
            return _fail(seen, CUT_OFF, p, i, size)
        c = p[i]
        seen.values += 1
        if seen.values > seen.most_values:
            seen.problem, seen.end = TOO_MANY, i
            return -1
        if c == 123 or c == 91:  # { [
            if depth == max_depth:
                seen.problem, seen.end = TOO_DEEP, i
                return -1
            if c == 91 and depth == 1 and stack[0] == 123:
                in_part = True
                part.key_start, part.key_end, part.start = outer_key.start, outer_key.end, i
                part.first_cut = seen.cuts.size()
                batch_start, batch_values, batch_longs = i + 1, seen.values, 0
            stack[depth] = c
            depth += 1
            if depth > seen.depth:
                seen.depth = depth
            i = _skip_space(p, i + 1, size)
            if i < size and p[i] == c + 2:  # closed at once
                pass
            elif c == 91:
                continue
            else:
                i = _key(seen, p, i, size, KEY_OR_END, &key)
                if i < 0:
                    return -1
                if depth == 1:
                    outer_key = key
                continue
        elif c == 34:
            start = i + 1
            i = _string(seen, p, start, size, False)
            if i < 0:
                return -1
            if i - start >= long_string:
                long.start, long.end = start, i
                seen.longs.push_back(long)
                batch_longs += i - start
            i += 1
        elif c == 45 or _is_digit(c):
            i = _number(seen, p, i, size)
            if i < 0:
                return -1
        elif c == 116 or c == 102 or c == 110:
            i = _literal(seen, p, i, size)
            if i < 0:
                return -1
        else:
            return _fail(seen, VALUE, p, i, size)
        # --- what follows it
        while True:
            if depth == 0:
                seen.end = i
                return 0
            i = _skip_space(p, i, size)
            if i >= size:
                return _fail(seen, CUT_OFF, p, i, size)
            c = p[i]
            if c == stack[depth - 1] + 2:  # } ]
                depth -= 1
                if in_part and depth == 1:
                    in_part = False
                    if seen.cuts.size() > part.first_cut:
                        cut.start, cut.end, cut.values = batch_start, i, seen.values - batch_values
                        seen.cuts.push_back(cut)
                        part.end, part.end_cut = i + 1, seen.cuts.size()
                        seen.parts.push_back(part)
                i += 1
                continue
            if c != 44:
                return _fail(seen, AFTER_MEMBER if stack[depth - 1] == 123 else AFTER_ELEMENT, p, i, size)
            if in_part and depth == 2 and (
                seen.values - batch_values >= BATCH_VALUES or i - batch_start - batch_longs >= BATCH_BYTES
            ):
                cut.start, cut.end, cut.values = batch_start, i, seen.values - batch_values
                seen.cuts.push_back(cut)
                batch_start, batch_values, batch_longs = i + 1, seen.values, 0
            i += 1
            if stack[depth - 1] == 91:
                break
            i = _key(seen, p, _skip_space(p, i, size), size, KEY, &key)
            if i < 0:
                return -1
            if depth == 1:
                outer_key = key
            break


cdef Py_ssize_t _key(Scan seen, Bytes p, Py_ssize_t i, Py_ssize_t size, int problem, Long* key) noexcept nogil:
    """From a key's opening quote to after its colon. -1: seen.problem, which is ``problem`` if there is no quote."""
    if i >= size or p[i] != 34:
        return _fail(seen, problem, p, i, size)
    key.start = i + 1
    key.end = _string(seen, p, key.start, size, True)
    if key.end < 0:
        return -1
    i = _skip_space(p, key.end + 1, size)
    if i >= size or p[i] != 58:
        return _fail(seen, AFTER_KEY, p, i, size)
    return i + 1


cdef Py_ssize_t _string(Scan seen, Bytes p, Py_ssize_t i, Py_ssize_t size, bint is_key) noexcept nogil:
    """From after the opening quote to the closing one. -1: seen.problem."""
    cdef uint8_t c
    cdef uint32_t code
    cdef Py_ssize_t length, k
    while i < size:
        c = p[i]
        if c == 34:
            return i
        if c >= 128:
            length = _utf8(p, i, size, &code)
            if not length:
                seen.is_clean = False
                length = 1
            i += length
        elif c == 92:
            i += 1
            if i >= size:
                break
            c = p[i]
            if c == 117:
                for k in range(4):
                    i += 1
                    if i >= size or not _is_hex(p[i]):
                        return _fail(seen, IN_UNICODE_ESCAPE, p, i, size)
                code = _hex4(p + i - 3)
                if 0xD800 <= code <= 0xDFFF:  # a pair or half of one
                    if code < 0xDC00 and i + 6 < size and _low_half(p + i + 1):
                        i += 6
                    else:
                        seen.is_clean = False
                elif is_key and 65 <= code <= 90:
                    seen.has_capitals = True
            elif not (c == 34 or c == 92 or c == 47 or c == 98 or c == 102 or c == 110 or c == 114 or c == 116):
                return _fail(seen, IN_ESCAPE, p, i, size)
            i += 1
        elif c < 32:
            return _fail(seen, IN_STRING, p, i, size)
        else:
            if is_key and 65 <= c <= 90:
                seen.has_capitals = True
            i += 1
    return _fail(seen, CUT_OFF, p, size, size)


cdef Py_ssize_t _number(Scan seen, Bytes p, Py_ssize_t i, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t start = i
    if p[i] == 45:
        i += 1
        if i >= size or not _is_digit(p[i]):
            return _fail(seen, IN_NUMBER, p, i, size)
    if p[i] == 48:
        i += 1
    else:
        while i < size and _is_digit(p[i]):
            i += 1
    if i < size and p[i] == 46:
        i += 1
        if i >= size or not _is_digit(p[i]):
            return _fail(seen, AFTER_POINT, p, i, size)
        while i < size and _is_digit(p[i]):
            i += 1
    if i < size and (p[i] | 32) == 101:
        i += 1
        if i < size and (p[i] == 43 or p[i] == 45):
            i += 1
        if i >= size or not _is_digit(p[i]):
            return _fail(seen, IN_EXPONENT, p, i, size)
        while i < size and _is_digit(p[i]):
            i += 1
    if i - start > 18:
        seen.has_long_numbers = True
    return i


cdef Py_ssize_t _literal(Scan seen, Bytes p, Py_ssize_t i, Py_ssize_t size) noexcept nogil:
    cdef const char* word = b"true" if p[i] == 116 else b"false" if p[i] == 102 else b"null"
    cdef int problem = IN_TRUE if p[i] == 116 else IN_FALSE if p[i] == 102 else IN_NULL
    cdef Py_ssize_t k = 0
    while word[k]:
        if i + k >= size or p[i + k] != word[k]:
            seen.literal_index = k
            return _fail(seen, problem, p, i + k, size)
        k += 1
    return i + k


include "_json_text.pxi"
include "_json_base64.pxi"
