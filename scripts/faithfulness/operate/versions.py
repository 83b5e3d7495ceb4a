"""Versions of the libraries whose code decides numbers: the pinned ones, and the installed ones."""

from importlib import metadata
from pathlib import Path

# Libraries whose code decides what a table holds. Those that move, check, print or draw it (pyarrow, pydantic,
# matplotlib, ...) are left out.
DECISIVE = (
    "accelerate",
    "bitsandbytes",
    "datasets",
    "gguf",
    "numpy",
    "nupunkt",
    "peft",
    "scipy",
    "statsmodels",
    "tokenizers",
    "torch",
    "transformers",
)
# Its means and sums decide numbers of the statistics alone; everywhere else it only moves values.
STATISTICS = "pandas"
# What a library computes with, though the project's code need not import it.
BENEATH = {
    "transformers": ("torch", "tokenizers", "accelerate", "bitsandbytes"),
    "peft": ("torch", "transformers", "tokenizers", "accelerate", "bitsandbytes"),
    "statsmodels": ("scipy", "numpy"),
    "scipy": ("numpy",),
}
REQUIREMENTS = Path(__file__).parents[3] / "envs" / "requirements.txt"


class VersionError(RuntimeError):
    """An installed library is not the pinned one."""


def pins(requirements: Path = REQUIREMENTS) -> dict[str, str]:
    """The pinned version of each library, without its local build label."""
    lines = [line.partition("#")[0].strip() for line in requirements.read_text("utf-8").splitlines()]
    pairs = (line.split("==") for line in lines if "==" in line)
    return {name.strip().lower(): public(version.strip()) for name, version in pairs}


def public(version: str) -> str:
    """A version without its local build label: `2.13.0` for `2.13.0+cpu` and for `2.13.0+cu130`."""
    return version.partition("+")[0]


def decisive(imported: set[str], pinned: dict[str, str], statistics: bool = False) -> list[str]:
    """`library==version` of each library that decides what code with these imports computes, in alphabetical order.

    Args:
        imported: names of libraries that the code imports.
        pinned: versions of libraries (`pins`).
        statistics: whether the code computes the statistics.
    """
    libraries = imported.union(*(BENEATH.get(library, ()) for library in imported))
    deciding = sorted([*DECISIVE, STATISTICS] if statistics else DECISIVE)
    return [f"{library}=={pinned.get(library, '')}" for library in deciding if library in libraries]


def check(requirements: Path = REQUIREMENTS) -> None:
    """Refuse an environment whose libraries are not the pinned ones; a library that is not installed is not used.

    Raises:
        VersionError: names the libraries, and what to do.
    """
    pinned, different = pins(requirements), []
    for library in (*DECISIVE, STATISTICS):
        version = installed(library)
        if version is not None and library in pinned and version != pinned[library]:
            different.append(f"{library} {version} (pinned: {pinned[library]})")
    if different:
        raise VersionError(
            f"Installed libraries are not the pinned ones: {', '.join(different)}. Tables of two versions would be "
            f"mixed; install what {requirements.parent.name}/{requirements.name} pins (make setup), or change the pin"
        )


def installed(library: str) -> str | None:
    """The installed version of a library, without its local build label; None if it is not installed."""
    try:
        return public(metadata.version(library))
    except metadata.PackageNotFoundError:
        return None
