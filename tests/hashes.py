"""The code that each script depends on, as its rule asks for it."""

import re
from pathlib import Path
from typing import Any

from faithfulness.figures.registry import FIGURES
from faithfulness.operate.code_hash import closure, code_hash
from faithfulness.perturb.registry import PERTURBATIONS
from tests.runs import ROOT

RULES = "\n".join(file.read_text() for file in sorted((ROOT / "rules").glob("*.smk")))
WITHOUT_WORDS = set(re.findall(r'code\(\s*"(\w+)",(?:[^()]|\([^()]*\))*words=False', RULES))
PERTURBING = {name: f"faithfulness.perturb.{name}" for name in PERTURBATIONS}


def jobs(scripts: Path) -> dict[str, tuple[Path, dict[str, Any]]]:
    """Script and arguments of `code_hash` by name; of scripts that import a module by name, once for each of them."""
    named = {
        "plot_figure": {f"plot_{figure.name}": [figure.module] for figure in FIGURES},
        "perturb_chains": {f"perturb_chains {name}": [module] for name, module in PERTURBING.items()},
        "calibrate": {"calibrate": list(PERTURBING.values())},
    }
    return {
        name: (file, {"words": file.stem not in WITHOUT_WORDS, "extra": extra})
        for file in sorted(scripts.glob("*.py"))
        for name, extra in named.get(file.stem, {file.stem: []}).items()
    }


def hashes(scripts: Path) -> dict[str, str]:
    """The hash of each script, with models that are loaded here."""
    left_out = ["faithfulness.backends.openai"]
    return {name: code_hash(file, without=left_out, **asked) for name, (file, asked) in jobs(scripts).items()}


def closures(scripts: Path) -> dict[str, set[str]]:
    """The modules with code that each script depends on."""
    return {
        name: {module for module, found in closure(file, **asked).items() if found.code}
        for name, (file, asked) in jobs(scripts).items()
    }
