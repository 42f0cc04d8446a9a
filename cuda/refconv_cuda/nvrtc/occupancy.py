"""How many blocks of a kernel a multiprocessor holds at once, from what the kernel takes: NVIDIA's calculator, offline.

The limits are those of the CUDA C++ Programming Guide, table "Technical Specifications per Compute Capability"; the
granularities are those of the occupancy calculator, as ``cuda_occupancy.h`` of the CUDA runtime has them. The tox
environments of the CUDA lines compile that header and compare it with this module, so a slip in the table shows.
"""

from __future__ import annotations

from dataclasses import dataclass

WARP = 32
REGISTERS = 64 * 1024  # of a multiprocessor, in words of 32 bits
REGISTERS_GRANULARITY = 256  # words, allocated warp by warp


@dataclass(frozen=True)
class Limits:
    """What a multiprocessor of one compute capability holds.

    threads, blocks: resident at once. shared: bytes. registers, registers_of_block: words of 32 bits.
    partitions: the schedulers that share out the registers.
    """

    threads: int
    blocks: int
    shared: int
    registers: int = REGISTERS
    registers_of_block: int = REGISTERS
    partitions: int = 4


_KIB = 1024
LIMITS = {
    35: Limits(2048, 16, 48 * _KIB),
    37: Limits(2048, 16, 112 * _KIB, registers=128 * _KIB),
    50: Limits(2048, 32, 64 * _KIB),
    52: Limits(2048, 32, 96 * _KIB),
    53: Limits(2048, 32, 64 * _KIB, registers_of_block=32 * _KIB),
    60: Limits(2048, 32, 64 * _KIB, partitions=2),
    61: Limits(2048, 32, 96 * _KIB),
    62: Limits(2048, 32, 64 * _KIB, registers_of_block=32 * _KIB),
    70: Limits(2048, 32, 96 * _KIB),
    72: Limits(2048, 32, 96 * _KIB),
    75: Limits(1024, 16, 64 * _KIB),
    80: Limits(2048, 32, 164 * _KIB),
    86: Limits(1536, 16, 100 * _KIB),
    87: Limits(1536, 16, 164 * _KIB),
    88: Limits(1536, 16, 100 * _KIB),
    89: Limits(1536, 24, 100 * _KIB),
    90: Limits(2048, 32, 228 * _KIB),
    100: Limits(2048, 32, 228 * _KIB),
    101: Limits(1536, 24, 228 * _KIB),  # which CUDA 13 calls 11.0
    103: Limits(2048, 32, 228 * _KIB),
    # Not in the guide yet: threads and blocks as in CCCL's arch_traits and cuda_occupancy.h of CUDA 13.5. CCCL says
    # 228 KiB and the header's largest carve-out is 328: the smaller one can only understate.
    107: Limits(1024, 16, 228 * _KIB),
    110: Limits(1536, 24, 228 * _KIB),
    120: Limits(1536, 24, 100 * _KIB),
    121: Limits(1536, 24, 100 * _KIB),
}


@dataclass(frozen=True)
class Occupancy:
    """blocks: resident on a multiprocessor. fraction: of its warps. limit: what stops one more block.

    limit is ``warps``, ``blocks``, ``registers`` or ``shared memory``.
    """

    blocks: int
    fraction: float
    limit: str


def capability(architecture: str) -> int:
    """90 of ``sm_90``, ``sm_90a`` or ``compute_90``. Raises ``ValueError`` for what is no architecture's name."""
    prefix, _, rest = architecture.partition("_")
    number = rest.rstrip("af")
    if prefix not in ("sm", "compute") or not number.isdigit():
        raise ValueError(f"architecture = {architecture!r} must be like sm_90, sm_90a or compute_90")
    return int(number)


def occupancy(architecture: str, *, threads: int, registers: int, shared: int = 0) -> Occupancy | None:
    """The occupancy, with as much of the cache given to shared memory as it takes; None where the limits are unknown.

    threads: of a block, 1 to 1,024. registers: of a thread. shared: bytes of a block, static and dynamic. A kernel
    that uses several named barriers may get less. Raises ``ValueError`` for a block that no launch can have.
    """
    if not 1 <= threads <= 1024:
        raise ValueError(f"threads = {threads} must be 1 to 1,024")
    number = capability(architecture)
    if number not in LIMITS:
        return None
    limits = LIMITS[number]
    warps = -(-threads // WARP)
    most_warps = limits.threads // WARP
    allowed = {
        "warps": most_warps // warps,
        "blocks": limits.blocks,
        "registers": _by_registers(limits, registers, warps),
        "shared memory": _by_shared_memory(limits, number, shared),
    }
    limit = min(allowed, key=lambda name: allowed[name])
    return Occupancy(allowed[limit], allowed[limit] * warps / most_warps, limit)


def _by_registers(limits: Limits, registers: int, warps: int) -> int:
    warp = _round_up(registers * WARP, REGISTERS_GRANULARITY)
    if warp == 0:
        return limits.blocks
    # The hardware's check of a launch takes the registers as if each of four partitions held as many warps as any;
    # 6.0 has two, but a kernel that no other Pascal could launch is refused there, too.
    if warp * _round_up(warps, 4) > limits.registers_of_block:
        return 0
    return limits.registers // limits.partitions // warp * limits.partitions // warps


def _by_shared_memory(limits: Limits, number: int, shared: int) -> int:
    # Since 8.0 the driver keeps 1 KiB of each block for itself.
    block = _round_up(shared + 1024, 128) if number >= 80 else _round_up(shared, 256)
    return limits.shared // block if block else limits.blocks


def _round_up(value: int, unit: int) -> int:
    return -(-value // unit) * unit
