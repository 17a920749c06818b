"""Random numbers by position: the same seed, kind and index give the same number, whatever was drawn before."""

import hashlib

BITS = 96
_MASK = (1 << BITS) - 1
_INDEX = 0x9E3779B97F4A7C15F39CC061
_GENERATION = 0xD1B54A32D192ED03AC564B05
_FIRST = 0xBF58476D1CE4E5B994D049BB
_SECOND = 0x94D049BB133111EBBF58476D

STEP = 20  # a rate counts events per day in units of 2**-STEP
ID_SPACE = 1 << 32


def key(seed: int, *names: str) -> int:
    """A key of 96 bits for one purpose and one seed."""
    text = "\x1f".join((str(seed), *names)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=BITS // 8).digest(), "big")


def mix(purpose: int, index: int, generation: int = 0) -> int:
    """96 well-spread bits for (purpose, index, generation)."""
    x = (purpose + index * _INDEX + generation * _GENERATION) & _MASK
    x = ((x ^ (x >> 47)) * _FIRST) & _MASK
    x = ((x ^ (x >> 51)) * _SECOND) & _MASK
    return x ^ (x >> 49)


def uuid(purpose: int, slot: int, slots: int, generation: int = 0) -> str:
    """A dashed UUID that sorts by slot among `slots` of its kind: the first eight digits are the slot, scaled."""
    x = mix(purpose, slot, generation)
    spacing = ID_SPACE // slots
    tail = f"{x:024x}"
    return f"{slot * spacing + (x >> 50) % spacing:08x}-{tail[:4]}-4{tail[5:8]}-a{tail[9:12]}-{tail[12:]}"


def slot_of(text: str, slots: int) -> int | None:
    """The slot that an id made by `uuid` may belong to; None when it cannot be one of them."""
    try:
        slot = int(text[:8], 16) // (ID_SPACE // slots)
    except ValueError:
        return None
    return slot if slot < slots else None


def rate(per_day: float) -> int:
    """The rate of events per day, in the unit that `times` takes."""
    return int(per_day * (1 << STEP))


def times(drawn: int, per_day: int, day: int) -> int:
    """How often an event has happened by a day, given the phase drawn for it; 0 on day 0."""
    return (day * per_day + (drawn & ((1 << STEP) - 1))) >> STEP


def day_of(drawn: int, per_day: int, count: int) -> int:
    """The day of the event with the number `count`; 0 for none."""
    if count == 0:
        return 0
    return -(-((count << STEP) - (drawn & ((1 << STEP) - 1))) // per_day)
