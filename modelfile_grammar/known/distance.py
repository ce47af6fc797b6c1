"""Edit distance between two texts of a few thousand characters, in a few milliseconds."""

from __future__ import annotations

ANY = "\uffff"
"""In the first text: any one character, at no cost. A noncharacter, so no text means it."""


def edit_distance(a: str, b: str, limit: int) -> int | None:
    """The least number of characters to insert, delete or replace, if it is below ``limit``; else None.

    ``ANY`` in ``a`` equals every character of ``b``.

    All rows of a column are computed at once, as the bits of an integer: Myers' algorithm in Hyyrö's form
    ("A bit-vector algorithm for computing Levenshtein and Damerau edit distances", 2003).
    """
    if abs(len(a) - len(b)) >= limit:
        return None
    if not a or not b or a == b:
        distance = 0 if a == b else max(len(a), len(b))
        return distance if distance < limit else None
    places: dict[str, int] = {}
    for row, character in enumerate(a):
        places[character] = places.get(character, 0) | (1 << row)
    anything = places.pop(ANY, 0)
    mask, last = (1 << len(a)) - 1, 1 << (len(a) - 1)
    plus, minus, distance = mask, 0, len(a)
    for column, character in enumerate(b):
        same = places.get(character, 0) | anything
        diagonal = (((same & plus) + plus) ^ plus) | same | minus
        up = minus | ~(diagonal | plus) & mask
        down = plus & diagonal
        distance += ((up & last) != 0) - ((down & last) != 0)
        if distance - (len(b) - 1 - column) >= limit:
            return None
        up = (up << 1 | 1) & mask
        down = (down << 1) & mask
        plus = down | ~(diagonal | up) & mask
        minus = up & diagonal
    return distance if distance < limit else None
