"""Ways in which a file is damaged."""

from collections.abc import Callable
from pathlib import Path

import pytest

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda raw: raw[: len(raw) // 2],
    "zero-byte": lambda _: b"",
    "bit-flipped": lambda raw: raw[: len(raw) // 2] + bytes([raw[len(raw) // 2] ^ 1]) + raw[len(raw) // 2 + 1 :],
}
damaged = pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)


def spoil(file: Path, damage: Callable[[bytes], bytes]) -> None:
    """Damage a file in its place."""
    file.write_bytes(damage(file.read_bytes()))
