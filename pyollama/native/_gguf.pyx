# cython: language_level=3
"""A bounds-checked reader of GGUF headers: nothing in an untrusted file is believed before it was checked.

The header is read into memory of our own, not mapped: a file that shrinks under a mapping kills the process that
looks at it. Memory follows the bytes a file really has, never the counts it claims. Knows nothing of ggml.

Layout: magic, uint32 version, uint64 tensor count, uint64 key count, keys, tensor table, padding, tensor data.
"""

import os
import stat
import struct
from collections.abc import Mapping, Sequence

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_Resize
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from pyollama.errors import GGUFError, NotGGUF
from pyollama.native.gguf_types import TENSOR_TYPES, VALUE_TYPES, Tensor

# Limits. Generous against every file seen in the wild, small against memory.
cdef uint64_t MAX_KEYS = 1 << 14
cdef uint64_t MAX_KEY_BYTES = 65_535
cdef uint64_t MAX_TEXT_BYTES = 16 << 20
cdef uint64_t MAX_TOKEN_BYTES = 65_535
cdef uint64_t MAX_TENSORS = 1 << 15
cdef uint64_t MAX_TENSOR_NAME_BYTES = 64
cdef uint64_t MAX_RANK = 4
cdef uint64_t MAX_ALIGNMENT = 1 << 16
cdef uint64_t DEFAULT_ALIGNMENT = 32
cdef uint64_t TABLE_BUDGET = MAX_TENSORS * (8 + MAX_TENSOR_NAME_BYTES + 4 + MAX_RANK * 8 + 4 + 8)
cdef uint64_t SMALLEST_KEY = 8 + 4 + 1
cdef uint64_t SMALLEST_TENSOR = 8 + 4 + 4 + 8
cdef uint64_t FIRST_READ = 1 << 16
cdef uint64_t EAGER_TEXT_BYTES = 1 << 20  # decoded while reading, all texts together; the rest when asked for
cdef uint64_t MAX_INT64 = 0x7FFF_FFFF_FFFF_FFFF

METADATA_START = 24  # after magic, version and the two counts

cdef uint32_t TYPE_STRING = 8
cdef uint32_t TYPE_ARRAY = 9


include "_gguf_values.pxi"


cdef uint64_t _skip_strings(const uint8_t* p, uint64_t* pos, uint64_t end, uint64_t count, uint64_t longest) noexcept nogil:
    """Step pos over up to count strings that lie wholly before end. Returns how many are left."""
    cdef uint64_t length
    while count and end - pos[0] >= 8:
        length = _u64(p + pos[0])
        if length > longest or length > end - pos[0] - 8:
            break
        pos[0] += 8 + length
        count -= 1
    return count


class Header:
    """Header, metadata and tensor table of one GGUF file."""

    def __init__(self, path, version, alignment, data_offset, file_size, metadata, tensors, source, places):
        self.path = path
        self.version = version
        self.alignment = alignment
        self.data_offset = data_offset
        self.file_size = file_size
        self.metadata = metadata
        self.tensors = tensors
        self._source = source
        self._places = places
        self._n_elements = None

    @property
    def parameter_count(self):
        """Sum of the tensors' elements."""
        if self._n_elements is None:
            self._n_elements = sum(_product(tensor.shape) for tensor in self.tensors)
        return self._n_elements

    def position(self, key):
        """Where a key begins in the file, in bytes; where the keys begin if it is not there."""
        return self._places[key][0] if key in self._places else METADATA_START

    def raw(self, key):
        """The bytes of a value as they stand in the file, its type's number included. ValueError if closed."""
        _, start, end = self._places[key]
        (<_Bytes>self._source).at(0)
        return bytes((<_Bytes>self._source).data[start:end])

    def close(self):
        """Free the metadata bytes. Arrays and very long texts cannot be read afterwards. Idempotent."""
        (<_Bytes>self._source).data = None

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def __repr__(self):
        return f"<Header of {self.path}: {len(self.metadata)} keys, {len(self.tensors)} tensors>"


def read_header(path, *, metadata_budget=64 << 20, max_tokens=1 << 22):
    """Check and read the header of a GGUF file (version 2 or 3, little-endian). Budgets in bytes and entries."""
    path = os.fspath(path)
    # Not blocking: to open a named pipe would wait for its writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    with open(path, "rb", buffering=0, opener=lambda name, _: os.open(name, flags)) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise NotGGUF(path, 0, "not a regular file")
        # Positions inside the metadata are kept in 32 bits.
        return _Reader(path, file, status.st_size, min(metadata_budget, 1 << 30), max_tokens).header()


cdef class _Reader:
    """One pass over a header. ``pos`` is where the file is read next; [0, filled) of it is in memory."""

    cdef str path
    cdef object file
    cdef _Bytes source
    cdef uint64_t pos, filled, size, limit, max_tokens, eager
    cdef dict places

    def __init__(self, path, file, size, limit, max_tokens):
        self.path = os.fsdecode(path)
        self.file = file
        self.source = _Bytes()
        self.source.data = bytearray()
        self.places = {}
        self.size, self.limit, self.max_tokens = size, limit, max_tokens

    # --- bytes --------------------------------------------------------------------------------------------------------

    cdef object fail(self, reason, at=None):
        return GGUFError(self.path, self.pos if at is None else at, reason)

    cdef uint64_t left(self) noexcept:
        return self.size - self.pos

    cdef const uint8_t* need(self, uint64_t n, what) except NULL:
        """The next n bytes, in memory."""
        if n > self.left():
            raise self.fail(f"the file ends within {what} ({n} bytes needed, {self.left()} left)")
        if self.pos + n > self.limit:
            raise self.fail(f"the header is larger than {self.limit} bytes")
        if self.pos + n > self.filled:
            self.fill(self.pos + n)
        return self.source.at(self.pos)

    cdef int fill(self, uint64_t end) except -1:
        """Read on, at least to end and in doubling steps, so that memory follows what was really read."""
        cdef uint64_t target = min(self.size, self.limit, max(end, 2 * self.filled, FIRST_READ))
        PyByteArray_Resize(self.source.data, target)
        with memoryview(self.source.data) as view:
            while self.filled < target:
                got = self.file.readinto(view[self.filled : target])
                if not got:
                    raise self.fail("the file became shorter while it was read", self.filled)
                self.filled += got
        return 0

    cdef uint32_t u32(self, what) except? 0xFFFF_FFFF:
        cdef uint32_t value = _u32(self.need(4, what))
        self.pos += 4
        return value

    cdef uint64_t u64(self, what) except? 0xFFFF_FFFF_FFFF_FFFF:
        cdef uint64_t value = _u64(self.need(8, what))
        self.pos += 8
        return value

    cdef uint64_t string(self, uint64_t longest, what) except 0:
        """Step over a string. Returns its position; its bytes stay in memory."""
        cdef uint64_t start = self.pos
        cdef uint64_t length = self.u64(what)
        if length > longest:
            raise self.fail(f"{what} of {length} bytes is longer than {longest}", start)
        if length:
            self.need(length, what)
        self.pos += length
        return start

    cdef str name(self, uint64_t longest, what):
        """A string that names something: valid UTF-8 without NUL, which C code would take for its end."""
        cdef uint64_t start = self.string(longest, what)
        cdef const uint8_t* p = self.source.at(start)
        try:
            text = PyUnicode_DecodeUTF8(<const char*>p + 8, <Py_ssize_t>_u64(p), "strict")
        except UnicodeDecodeError as error:
            raise self.fail(f"{what} is not valid UTF-8", start) from error
        if not text:
            raise self.fail(f"{what} is empty", start)
        if "\0" in text:
            raise self.fail(f"{what} contains a NUL", start)
        return text

    # --- the parts of a header ----------------------------------------------------------------------------------------

    def header(self):
        version = self.preamble()
        cdef uint64_t n_tensors = self.claim("tensors", SMALLEST_TENSOR, MAX_TENSORS)
        cdef uint64_t n_keys = self.claim("metadata keys", SMALLEST_KEY, MAX_KEYS)
        values = {}
        for _ in range(n_keys):
            self.pair(values)
        self.check_vocabulary(values)
        alignment = self.alignment(values)
        end_of_metadata = self.pos
        self.limit = self.pos + TABLE_BUDGET
        rows = [self.row() for _ in range(n_tensors)]
        data_offset = (self.pos + alignment - 1) // alignment * alignment
        tensors = self.place(rows, data_offset, alignment)
        PyByteArray_Resize(self.source.data, end_of_metadata)
        metadata = Metadata(values)
        return Header(self.path, version, alignment, data_offset, self.size, metadata, tensors, self.source, self.places)

    cdef object preamble(self):
        """Magic and version."""
        magic = b"" if self.size < 4 else self.need(4, "the magic")[:4]
        if magic in (b"lmgg", b"fmgg", b"tjgg", b"algg"):
            raise NotGGUF(self.path, 0, "an old GGML file, not GGUF; convert the original model again")
        if magic == b"FUGG":
            raise self.fail("a big-endian GGUF file, which is not supported")
        if magic != b"GGUF":
            raise NotGGUF(self.path, 0, "not a GGUF file")
        self.pos = 4
        version = self.u32("the version")
        if version in (1 << 24, 2 << 24, 3 << 24):
            raise self.fail("a big-endian GGUF file, which is not supported", 4)
        if version not in (2, 3):
            raise self.fail(f"GGUF version {version} is not supported", 4)
        return version

    cdef uint64_t claim(self, what, uint64_t smallest, uint64_t most) except? 0xFFFF_FFFF_FFFF_FFFF:
        """A count, believed only as far as the bytes left could hold it."""
        cdef uint64_t count = self.u64("the header")
        if count > most or count > self.left() // smallest:
            raise self.fail(f"the header claims {count} {what}, more than the file can hold", self.pos - 8)
        return count

    cdef int pair(self, dict values) except -1:
        """One key and its value."""
        start = self.pos
        key = self.name(MAX_KEY_BYTES, "a metadata key")
        if key in values:
            raise self.fail(f"the metadata key {key!r} appears twice", start)
        value_start = self.pos
        cdef uint32_t kind = self.u32("a value's type")
        if kind == TYPE_STRING:
            values[key] = self.text(key)
        elif kind == TYPE_ARRAY:
            values[key] = self.array(key)
        elif kind < len(VALUE_TYPES):
            values[key] = self.scalar(key, kind)
        else:
            raise self.fail(f"{key} has the unknown value type {kind}", self.pos - 4)
        self.places[key] = (start, value_start, self.pos)
        return 0

    cdef object scalar(self, key, uint32_t kind):
        _, code, n_bytes = VALUE_TYPES[kind]
        self.need(n_bytes, key)
        value = struct.unpack_from("<" + code, self.source.data, self.pos)[0]
        self.pos += n_bytes
        return value

    cdef object text(self, key):
        cdef _Text text = _Text()
        text.source = self.source
        text.pos = self.string(MAX_TEXT_BYTES, key)
        self.eager += self.pos - text.pos
        return text if self.eager > EAGER_TEXT_BYTES else self.source.text(text.pos)

    cdef object array(self, key):
        """Step over an array; its elements are decoded when they are asked for."""
        start = self.pos
        cdef uint32_t kind = self.u32("an array's type")
        cdef uint64_t count = self.u64("an array's length")
        if kind == TYPE_ARRAY:
            raise self.fail(f"{key} is an array of arrays", start)
        if kind >= len(VALUE_TYPES):
            raise self.fail(f"{key} has the unknown element type {kind}", start)
        name, code, n_bytes = VALUE_TYPES[kind]
        if count > self.left() // <uint64_t>n_bytes:
            raise self.fail(f"{key} claims {count} elements, more than the file can hold", start + 4)
        if key == "tokenizer.ggml.tokens" and count > self.max_tokens:
            raise self.fail(f"{key} has {count} entries, more than {self.max_tokens}", start + 4)
        cdef _Array array = ArrayValue()
        array.source, array.start, array.count, array.type_name, array.code = self.source, self.pos, count, name, code
        if kind == TYPE_STRING:
            self.skip_strings(count, key)
        elif count:
            self.need(count * <uint64_t>n_bytes, key)
            self.pos += count * <uint64_t>n_bytes
        return array

    cdef int skip_strings(self, uint64_t count, key) except -1:
        """Step over count strings; each was seen whole. One at a time only where the memory read so far ends."""
        cdef uint64_t longest = MAX_TOKEN_BYTES if key == "tokenizer.ggml.tokens" else MAX_TEXT_BYTES
        cdef const uint8_t* p
        while True:
            p = self.source.at(0)
            with nogil:
                count = _skip_strings(p, &self.pos, min(self.filled, self.limit), count, longest)
            if count == 0:
                return 0
            self.string(longest, key)
            count -= 1

    cdef int check_vocabulary(self, dict values) except -1:
        """Loaders index these arrays by token."""
        tokens = values.get("tokenizer.ggml.tokens")
        for name in ("scores", "token_type"):
            array = values.get(f"tokenizer.ggml.{name}")
            if isinstance(tokens, _Array) and isinstance(array, _Array) and len(array) != len(tokens):
                raise self.fail(f"tokenizer.ggml.{name} has {len(array)} entries for {len(tokens)} tokens")
        return 0

    cdef uint64_t alignment(self, dict values) except 0:
        value = values.get("general.alignment", DEFAULT_ALIGNMENT)
        if type(value) is not int or not 0 < value <= MAX_ALIGNMENT or value & (value - 1):
            raise self.fail(f"general.alignment is {value!r}, but must be a power of two up to {MAX_ALIGNMENT}")
        return value

    # --- the tensor table ---------------------------------------------------------------------------------------------

    cdef object row(self):
        """One entry of the table: name, type, shape, offset from the start of the data, bytes, place in the file."""
        cdef uint64_t start = self.pos
        name = self.name(MAX_TENSOR_NAME_BYTES, "a tensor's name")
        cdef uint64_t rank = self.u32("the tensor table")
        if rank == 0 or rank > MAX_RANK:
            raise self.fail(f"tensor {name!r} has {rank} dimensions, but must have 1 to {MAX_RANK}", start)
        shape = tuple([self.u64("the tensor table") for _ in range(rank)])
        number = self.u32("the tensor table")
        if number not in TENSOR_TYPES:
            raise self.fail(f"tensor {name!r} has the unknown or withdrawn type {number}", start)
        kind = TENSOR_TYPES[number]
        return name, kind.name, shape, self.u64("the tensor table"), self.bytes_of(name, shape, kind, start), start

    cdef object bytes_of(self, name, shape, kind, start):
        n_elements = _product(shape)  # Python integers: this cannot overflow
        if 0 in shape:
            raise self.fail(f"tensor {name!r} has an empty dimension", start)
        if n_elements * kind.block_bytes > MAX_INT64:
            raise self.fail(f"tensor {name!r} is too large", start)
        if shape[0] % kind.block_size:
            raise self.fail(f"tensor {name!r}: rows of {shape[0]} do not divide into blocks of {kind.block_size}", start)
        return n_elements // kind.block_size * kind.block_bytes

    cdef object place(self, rows, uint64_t data_offset, uint64_t alignment):
        """The rows as tensors, once each was seen to lie in the file, aligned and apart from all others."""
        tensors, names = [], set()
        for name, kind, shape, offset, n_bytes, at in rows:
            if name in names:
                raise self.fail(f"the tensor {name!r} appears twice", at)
            if offset % alignment:
                raise self.fail(f"tensor {name!r} is not aligned to {alignment} bytes", at)
            if data_offset + offset + n_bytes > self.size:
                raise self.fail(f"tensor {name!r} ends at {data_offset + offset + n_bytes}, past the end of the file", at)
            names.add(name)
            tensors.append(Tensor(name, kind, shape, data_offset + offset, n_bytes))
        self.check_overlap(tensors, rows)
        return tuple(tensors)

    cdef int check_overlap(self, tensors, rows) except -1:
        order = sorted(range(len(tensors)), key=lambda i: tensors[i].offset)
        end, before = 0, ""
        for i in order:
            if tensors[i].offset < end:
                raise self.fail(f"tensors {before!r} and {tensors[i].name!r} overlap", rows[i][-1])
            end, before = tensors[i].offset + tensors[i].n_bytes, tensors[i].name
        return 0


def _product(shape):
    n = 1
    for extent in shape:
        n *= extent
    return n
