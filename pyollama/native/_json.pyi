"""A look at JSON without building anything, and the text of one long string, both without the interpreter's lock."""

class Scan:
    """What was seen of one JSON value."""

    end: int  # after the value; where the trouble is if there is some
    depth: int
    values: int  # of all kinds; keys do not count
    is_clean: bool  # nothing that msgspec reads otherwise than Go: bytes no UTF-8, halves of surrogate pairs
    has_capitals: bool  # in some key
    has_long_numbers: bool  # of more digits than every 64-bit integer has
    @property
    def error(self) -> str | None:
        """Go's words for what is wrong, or None. Too little of it is "unexpected EOF"."""

    @property
    def long_strings(self) -> list[tuple[int, int]]:
        """Start and end of the characters of each long string, in order."""

    @property
    def arrays(self) -> list[tuple[tuple[int, int], tuple[int, int], list[tuple[int, int, int]]]]:
        """The long arrays of the outermost object: key, start and end, and the batches of elements.

        Key and arrays are given as (start, end); a batch as (start, end, number of values).
        """

def scan(data: bytes | bytearray, long_string: int, max_depth: int, max_values: int) -> Scan:
    """Look at the first value in ``data`` (bytes or bytearray, which stays as it is meanwhile).

    ``long_string``: strings of at least so many bytes are listed. ``max_depth``: at most 512.
    """

def cleaned(data: bytes | bytearray, end: int) -> bytearray:
    """A copy of the value that ends there, with U+FFFD for each byte and each half of a pair that is no character."""

def text(data: bytes | bytearray, start: int, end: int) -> str:
    """The string whose characters lie between two quotes that ``scan`` found. What is no character becomes U+FFFD."""

def base64(given: str) -> bytes | int:
    """The bytes of base64 text; line breaks in it do not count. An integer: where the first wrong byte is."""
