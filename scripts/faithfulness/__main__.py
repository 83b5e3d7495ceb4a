"""Commands that are no part of a run: `python -m faithfulness look --help`."""

import argparse
import logging
import os
import sys
from pathlib import Path

import yaml

from faithfulness import prompts
from faithfulness.config import settings
from faithfulness.config.base import SettingsError
from faithfulness.config.settings import Settings
from faithfulness.operate.look import inputs
from faithfulness.operate.look.inputs import Asked, LookError
from faithfulness.operate.look.show import show, unread

ROOT = Path(__file__).parents[2]
LOOK = """Show what is understood of an input, before hours are spent on it: items with their gold answers,
prompts as text and as tokens, a chain in steps, and warnings. No weights are loaded; nothing is
fetched or written. (make look DATA=... CONFIG=... OPTIONS="...")

a file, with the default columns:
  python -m faithfulness look questions.jsonl
all datasets of a configuration:
  python -m faithfulness look --config config/mine.yaml
a file as a configuration describes it:
  python -m faithfulness look questions.csv --config config/mine.yaml
with the chat template and the tokens of a model:
  python -m faithfulness look questions.jsonl --tokenizer /models/my-model
a chain of your own in steps:
  python -m faithfulness look questions.jsonl --chain reply.txt
"""


def main(arguments: list[str] | None = None) -> None:
    """Run a command."""
    parser = argparse.ArgumentParser(prog="python -m faithfulness", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    command = commands.add_parser(
        "look",
        help="show what is understood of an input, before a run",
        description=LOOK,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("data", nargs="?", metavar="DATA", help="file of questions, or name of a dataset")
    command.add_argument(
        "--config", type=Path, metavar="FILE", help="configuration, with what it leaves out as a run has it"
    )
    command.add_argument("--dataset", metavar="NAME", help="dataset of the configuration that describes the file")
    command.add_argument("--tokenizer", type=Path, metavar="FOLDER", help="folder with tokenizer.json, of a model")
    command.add_argument("--chain", type=Path, metavar="FILE", help="text file with a chain to split into steps")
    command.add_argument("--items", type=_number, default=10, metavar="N", help="items to show (default: %(default)s)")
    look(parser.parse_args(arguments))


def _number(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of items from 1 on")
    return int(text)


def look(options: argparse.Namespace) -> None:
    """Print what is understood of an input.

    Raises:
        LookError, SettingsError, ValueError: it cannot be looked at; the message is one line.
    """
    resources = Path("resources")
    configured = load(options.config) if options.config else None
    described = inputs.chosen(configured, options.data, options.dataset)
    if configured is None:
        models = [Asked("", prompts.load(ROOT / "config/prompts/default.yaml"), None)]
    else:
        models = [inputs.asked(configured, model, resources) for model in configured.models]
    if options.tokenizer:
        models = [inputs.with_tokenizer(models[0].wording, options.tokenizer)]
    for number, dataset in enumerate(described):
        try:
            data = inputs.read(dataset, resources)
        except LookError as error:
            if len(described) == 1:
                raise
            shown = unread(dataset.name, str(error))
        else:
            shown = show(
                data, models, inputs.chain_of(data, models[0].wording, options.chain, configured), options.items
            )
        print("\n" * bool(number) + shown, end="")


def load(file: Path) -> Settings:
    """A configuration as a run has it: what the file leaves out is that of the default one."""
    from snakemake.utils import update_config  # noqa: PLC0415 - takes a second, and a file alone needs none of it

    config = _yaml(ROOT / "config/config.yaml")
    update_config(config, _yaml(file))
    return settings.load(config, _yaml(ROOT / "config/datasets.yaml"))


def _yaml(file: Path) -> dict[str, object]:
    try:
        values = yaml.safe_load(file.read_text("utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"there is no configuration {str(file)!r}; config/own.yaml is one") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise SettingsError(f"{file} holds no settings; config/own.yaml is an example (a table of questions is DATA)")
    return values


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # of the libraries that are imported; this command has warnings of its own
    try:
        main()
        sys.stdout.flush()
    except BrokenPipeError:  # who reads has seen enough (`| head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError) as error:  # LookError and SettingsError are ValueErrors
        sys.exit(str(error))
