"""Memory as a library meets it: recycled, with neighbours, and addressed by first element and stride."""

import numpy as np


class Heap:
    """A workspace that is handed out again and again with what was left in it, as an allocator does. Zeros at first."""

    def __init__(self):
        self.bytes = np.zeros(4096, np.uint8)

    def empty(self, shape, dtype):
        """An array of whatever is there."""
        dtype = np.dtype(dtype)
        size = int(np.prod(shape)) * dtype.itemsize
        if size > self.bytes.size:
            self.bytes = np.resize(self.bytes, 2 * size)
        return self.bytes[:size].view(dtype).reshape(shape)


def surroundings(array):
    """The memory that an array lies in as a flat array of its dtype, and the place of its first element there."""
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    if not owner.flags.c_contiguous or owner.dtype != array.dtype:
        return np.ascontiguousarray(array).reshape(-1), 0
    here = array.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    return owner.reshape(-1), here // array.itemsize


def from_address(array, start, size):
    """Elements ``start`` to ``start + size`` of memory, counted from the array's first; zeros where memory ends."""
    memory, here = surroundings(array)
    found = np.zeros(size, array.dtype)
    first = max(0, here + start)
    part = memory[first : max(first, here + start + size)]
    begin = first - (here + start)
    found[begin : begin + part.size] = part
    return found
