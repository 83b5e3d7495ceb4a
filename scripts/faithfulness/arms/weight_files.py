"""Files of weights from elsewhere: whether all are there and whole, by their headers alone."""

import json
import re
from pathlib import Path

from safetensors import SafetensorError, safe_open

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
POINTER = b"version https://git-lfs"
# What a fine-tuning leaves as it was; in the configuration of a model, or of the text part of one.
ARCHITECTURE = ("model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
# A model whose output is no token: with tied embeddings, its weights would pass for one that writes.
OTHER_HEADS = re.compile(r"\w*(?:Classification|QuestionAnswering|Reward|MultipleChoice)\w*")

Shape = tuple[int, ...]


def shapes(folder: Path) -> dict[str, Shape]:
    """Shapes of all tensors of a folder with full weights.

    Raises:
        ValueError: a file is missing or damaged; says which, in one line.
    """
    names = _shards(folder)
    found: dict[str, Shape] = {}
    for name in sorted(set(names.values())):
        found |= file_shapes(folder / name)
    lost = sorted(tensor for tensor in names if tensor not in found and tensor)
    if lost:
        raise ValueError(
            f"{folder / INDEX} names tensors that no file holds ({lost[0]} and {len(lost) - 1} others); copy the "
            "folder once more from where it was made"
        )
    return found


def _shards(folder: Path) -> dict[str, str]:
    """The file of each tensor, as transformers looks for it; '' stands for the tensors of one file."""
    if (folder / WHOLE).exists():
        return {"": WHOLE}
    if not (folder / INDEX).exists():
        others = sorted(file.name for file in folder.glob("*.safetensors"))
        raise ValueError(
            f"{folder} holds no weights as safetensors, and weights of no other format are loaded: {WHOLE} or {INDEX} "
            f"is needed{', and ' + others[0] + ' is not read' if others else ''}"
        )
    try:
        names = json.loads((folder / INDEX).read_text("utf-8"))["weight_map"]
        files = sorted(set(names.values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder / INDEX} is damaged ({error!r}); copy it once more") from None
    missing = [name for name in files if not (folder / name).exists()]
    if missing:
        raise ValueError(
            f"{folder} lacks {missing[0]} ({len(missing)} of the {len(files)} files that {INDEX} names); copy what is "
            "missing from where the weights were made"
        )
    return dict(names)


def file_shapes(file: Path) -> dict[str, Shape]:
    """Shapes of all tensors of one file.

    Raises:
        ValueError: it is damaged.
    """
    try:
        with safe_open(file, "pt") as tensors:
            return {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        with file.open("rb") as stream:
            pointer = stream.read(len(POINTER)) == POINTER
        way = "it is a pointer of Git LFS, which `git lfs pull` replaces" if pointer else "copy it once more"
        raise ValueError(f"{file} is damaged or cut off ({error}); {way}") from None


def check_full(source: Path, base: Path) -> None:
    """Refuse full weights that are not whole, or were not tuned from those of a base arm.

    Args:
        source: their folder.
        base: folder of the base arm's weights.

    Raises:
        ValueError: says what is missing, or what differs, in one line.
    """
    own, other = _architecture(source), _architecture(base)
    # Values that are a kind's defaults may be left out.
    differing = [key for key in ARCHITECTURE if key in own and key in other and own[key] != other[key]]
    if differing:
        key = differing[0]
        raise ValueError(
            f"the weights in {source} were not tuned from those in {base}: {key} of their config.json is "
            f"{own[key]} and {other[key]}; name the right model under `models` of the arm"
        )
    if own.get("quantization_config") and not other.get("quantization_config"):
        raise ValueError(
            f"the weights in {source} are quantised, and those of their base arm are not; save them as floats, and set "
            "`quantisation` of the model, which quantises all of its arms alike"
        )
    if other_head := OTHER_HEADS.search(str(own.get("architectures"))):
        raise ValueError(
            f"the weights in {source} are of a model that judges texts and writes none ({other_head[0]} in its "
            "config.json); import one that writes"
        )
    found, expected = shapes(source), shapes(base)
    rows = rows_of(source), rows_of(base)  # tokens may have been added
    for name in sorted(found.keys() & expected.keys()):
        resized = found[name][1:] == expected[name][1:] and (found[name][0], expected[name][0]) == rows
        if found[name] != expected[name] and not resized:
            raise ValueError(
                f"the weights in {source} were not tuned from those in {base}: {name} is {_times(found[name])} and "
                f"{_times(expected[name])}; name the right model under `models` of the arm"
            )
    # Of tied embeddings, either may be left out.
    lost = {name for name in expected.keys() - found.keys() if expected[name][:1] != (rows[1],)}
    unknown = found.keys() - expected.keys()
    if len(lost) > len(unknown):  # where no fewer are unknown, they may have other names, and loading compares them
        raise ValueError(
            f"the weights in {source} lack {len(lost)} of {len(expected)} tensors, among them {min(lost)}; save all "
            "weights, or import the folder of the adapter"
        )


def rows_of(folder: Path) -> int:
    """Number of tokens that a folder's model has embeddings for."""
    size = _architecture(folder).get("vocab_size")
    if not isinstance(size, int):
        raise ValueError(f"{folder / 'config.json'} has no vocab_size; copy it from where the weights were made")
    return size


def _architecture(folder: Path) -> dict[str, object]:
    """What config.json says about the text part of a model."""
    file = folder / "config.json"
    try:
        config = json.loads(file.read_text("utf-8"))
        return config | config.get("text_config", {}) | {"quantization_config": config.get("quantization_config")}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"{file} cannot be read ({error}); copy it from where the weights were made") from None


def _times(shape: Shape) -> str:
    return " x ".join(map(str, shape))
