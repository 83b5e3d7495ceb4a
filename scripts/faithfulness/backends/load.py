"""Load the model of an arm."""

from pathlib import Path
from typing import Protocol

from faithfulness.backends.protocol import Backend
from faithfulness.config.servers import Server

# Relative to the working folder, as all paths of a workflow are. All runs there share it: no request is paid twice.
LEDGER = Path("resources/requests.sqlite")


class Resources(Protocol):
    """Snakemake's resources of a rule that loads an arm; they decide on speed, not on results."""

    @property
    def token_budget(self) -> int:
        """Tokens in one forward pass."""

    @property
    def gpu(self) -> int:
        """Number of GPUs; 0 if none is required."""

    @property
    def service(self) -> str:
        """`Server` settings as JSON; '' for local weights."""


def load(folder: str | Path, threads: int, resources: Resources) -> Backend:
    """The model of an arm, from local weights (`TransformersBackend`) or on a server (`OpenAIBackend`).

    Args:
        folder: folder of the arm.
        threads: CPU threads.
        resources: of the rule.
    """
    # Each kind is imported only where it is used: one is slow to import, and the code of the other cannot matter.
    if resources.service:
        from faithfulness.backends.openai import OpenAIBackend  # noqa: PLC0415

        return OpenAIBackend(Path(folder), Server.model_validate_json(resources.service), LEDGER)
    from faithfulness.backends.transformers import TransformersBackend  # noqa: PLC0415

    return TransformersBackend(Path(folder), "auto", threads, resources.token_budget, resources.gpu)
