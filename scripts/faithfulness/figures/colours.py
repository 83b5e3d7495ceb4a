"""The colours of figures and pages."""

from collections.abc import Sequence

INK, MUTED, RULE, PAPER = "#1c2127", "#59636e", "#d9dde2", "#ffffff"
GREY, VOID, HATCH = "#868f99", "#f1f3f5", "#c9cfd6"

# Kinds of chains: blue where the chain is followed, brown where it is not, strong where it is needed; none is an
# arm's colour.
KINDS = {"load-bearing": "#27496d", "redundant": "#9fb8d1", "decorative": "#f0b46a", "unstable": "#84451a"}

# What the colours above become on a dark page; the colours of the arms stand out on both.
DARK = {
    INK: "#e9ecef",
    MUTED: "#a7b0ba",
    RULE: "#363e47",
    PAPER: "#14181d",
    GREY: "#7d8792",
    VOID: "#1d232a",
    HATCH: "#39424c",
    KINDS["load-bearing"]: "#7fb0e6",
    KINDS["redundant"]: "#33506e",
    KINDS["decorative"]: "#8a5a1c",
    KINDS["unstable"]: "#e5b08a",
}

# Blue, vermilion, green, purple, orange, light blue, brown: colour-blind safe (the palette `colorblind` of seaborn).
ARMS = ("#0173b2", "#d55e00", "#029e73", "#cc78bc", "#de8f05", "#56b4e9", "#ca9161")


def arm_colours(arms: Sequence[str]) -> dict[str, str]:
    """A colour for each arm of the configuration, base first."""
    return {arm: ARMS[place % len(ARMS)] for place, arm in enumerate(arms)}
