"""What benchmarks make for themselves can be used: none of them runs in `make test`."""

import sys
from pathlib import Path

from faithfulness.arms.record import base_arm, write_arm
from faithfulness.backends.protocol import Probe
from faithfulness.backends.transformers import TransformersBackend
from faithfulness.prompts import Prompts
from tests.runs import ROOT

sys.path.append(str(ROOT / "benchmarks"))
import gpu


def test_random_llamas_can_be_loaded(tmp_path: Path, wording: Prompts) -> None:
    weights = gpu.make("tiny", tmp_path / "model")
    write_arm(tmp_path / "arm", base_arm("tiny", weights, wording, trust_remote_code=False))
    (reading,) = TransformersBackend(tmp_path / "arm", "cpu", 1).score(
        [Probe("i", "Q:", " So", " A:", candidates=("a",))]
    )
    assert len(reading.log_probs) == 1
