"""Whether the elements of a .mat file (versions 5 to 7) fit together: scipy's compiled reader trusts them, and a
damaged file ends the process. Source: MathWorks, MAT-File Format (2019), section 1.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
TEXT = (1, 2, 3, 4, 16, 17, 18)  # types of characters
MATRIX, COMPRESSED = 14, 15
CELL, CHARACTERS, SPARSE, FIRST_NUMBER, LAST_NUMBER = 1, 4, 5, 6, 15  # classes of matrices
FUNCTION, OPAQUE = 16, 17  # classes without shape
HEADER = 128
MOST_BYTES = 2**32  # that one variable may hold
DEEPEST = 8  # cells in cells


class Unsound(ValueError):
    """Why a file is not what it says."""


def check_elements(raw: bytes) -> None:
    """Raise Unsound where sizes, types or indices of the file's elements contradict each other.

    Files of version 4, which begin with a zero byte, are passed over: they are read without compiled code.
    """
    if len(raw) < HEADER or 0 in raw[:4]:
        return
    order = {b"IM": "<", b"MI": ">"}.get(raw[126:HEADER])
    if order is None:
        raise Unsound("no mark of the order of bytes")
    for kind, data in _elements(raw[HEADER:], order, packed=True):
        if kind == COMPRESSED:
            stream = zlib.decompressobj()
            data = stream.decompress(data, MOST_BYTES)
            if not stream.eof:
                raise Unsound("a variable is cut short")
            (kind, data), *more = _elements(data, order)
            if more:
                raise Unsound("two variables where one is announced")
        if kind == MATRIX:
            _check_matrix(data, order, 0)


def _elements(data: bytes, order: str, *, packed: bool = False):
    """Type and content of each element; small ones hold both in eight bytes, others are padded to eight."""
    at = 0
    while at < len(data):
        if len(data) - at < 8:
            raise Unsound("bytes are left over")
        kind, size = struct.unpack_from(f"{order}II", data, at)
        if kind >> 16:
            kind, size, begin, after = kind & 0xFFFF, kind >> 16, at + 4, at + 8
            room = 4
        else:
            begin, room = at + 8, len(data) - at - 8
            after = begin + (size if packed and kind == COMPRESSED else -(-size // 8) * 8)
        if kind not in NUMBERS and kind not in TEXT and kind not in (MATRIX, COMPRESSED):
            raise Unsound(f"an element has the unknown type {kind}")
        if size > room:
            raise Unsound("an element is longer than the file")
        yield kind, data[begin : begin + size]
        at = after


def _check_matrix(data: bytes, order: str, depth: int) -> None:
    parts = list(_elements(data, order))
    if not parts:
        return  # an empty cell
    if depth > DEEPEST or len(parts) < 2 or parts[0][0] != 6 or len(parts[0][1]) != 8:
        raise Unsound("a variable without class")
    kind = int(np.frombuffer(parts[0][1], f"{order}u4")[0]) & 0xFF
    if kind in (FUNCTION, OPAQUE):
        for part, inner in parts:
            if part == MATRIX:
                _check_matrix(inner, order, depth + 1)
        return
    if parts[1][0] not in (5, 6):
        raise Unsound("a variable without shape")
    shape = np.frombuffer(parts[1][1], f"{order}i4").astype(np.int64)
    named = len(parts) > 2 and parts[2][0] in (1, 16)
    if not named or len(shape) < 2 or (shape < 0).any() or not 1 <= kind <= LAST_NUMBER:
        raise Unsound("a variable without class, shape and name")
    content = parts[3:]
    size = float(np.prod(shape.astype(float)))
    if kind == CELL and (len(content) != size or any(part != MATRIX for part, _ in content)):
        raise Unsound("a cell array of another size than it says")
    if kind == SPARSE:
        _check_sparse(content, shape, order)
    elif kind == CHARACTERS and (len(content) != 1 or content[0][0] not in TEXT):
        raise Unsound("text that is none")
    elif kind >= FIRST_NUMBER:
        values = [_numbers(part, order) for part in content]
        if not 1 <= len(values) <= 2 or any(len(part) != size for part in values):
            raise Unsound("a matrix of another size than it says")
    for part, inner in content:
        if part == MATRIX:
            _check_matrix(inner, order, depth + 1)


def _check_sparse(content, shape: np.ndarray, order: str) -> None:
    """Rows, where columns begin among them, and values."""
    if not 3 <= len(content) <= 4 or len(shape) != 2:
        raise Unsound("a sparse matrix without rows, columns and values")
    rows, begin = (_numbers(part, order) for part in content[:2])
    values = [data for _, data in content[2:]]  # logical ones are bytes, whatever their type says
    if (rows.dtype.kind not in "iu" or begin.dtype.kind not in "iu" or len(begin) != shape[1] + 1 or begin[0] != 0
            or (begin[1:] < begin[:-1]).any() or begin[-1] > min(len(rows), *map(len, values))
            or (rows[: begin[-1]] < 0).any() or (rows[: begin[-1]] >= shape[0]).any()):
        raise Unsound("indices of a sparse matrix outside of it")


def _numbers(part: tuple[int, bytes], order: str) -> np.ndarray:
    kind, data = part
    if kind not in NUMBERS:
        raise Unsound("numbers of a type that is none")
    dtype = np.dtype(order + NUMBERS[kind])
    if len(data) % dtype.itemsize:
        raise Unsound("part of a number")
    return np.frombuffer(data, dtype)
