"""Where a model computes, and in which data type."""

import logging
import os
import platform

import torch
from torch.utils.benchmark import Timer
from transformers.utils import strtobool

from faithfulness.arms.gpus import take_gpus

logger = logging.getLogger("faithfulness")

LEAST_GAIN = 1.2  # in speed, for which float32 is given up


def place(wanted: str, gpus: int = 0) -> tuple[str, str | dict[str, str]]:
    """The device that takes a model's inputs, and where its layers go (transformers' `device_map`).

    Args:
        wanted: 'cpu', 'cuda' or 'auto'.
        gpus: how many GPUs its layers are spread over; 0 if none must be there.

    Raises:
        RuntimeError: fewer can be seen, or PyTorch cannot use them.
    """
    if wanted != "cpu" and not _kept_from_gpus():
        take_gpus(max(1, gpus))  # before PyTorch looks for them
        if gpus and not torch.cuda.is_available():
            raise RuntimeError(
                f"this job asks for GPUs (gpus of a model), and PyTorch {torch.__version__} can use none on "
                f"{platform.node()}: is the node in a partition with GPUs, and its driver (nvidia-smi) as new as this "
                "PyTorch wants? With ACCELERATE_USE_CPU=true in the environment, jobs stay on the processor"
            )
    device = pick_device(wanted)
    return device, "auto" if device == "cuda" and gpus > 1 else {"": device}


def pick_device(wanted: str | None) -> str:
    """`wanted`, or CUDA where there is one, or the CPU."""
    if wanted and wanted != "auto":
        return wanted
    return "cuda" if torch.cuda.is_available() and not _kept_from_gpus() else "cpu"


def _kept_from_gpus() -> bool:
    return bool(strtobool(os.environ.get("ACCELERATE_USE_CPU", "false")))  # accelerate's own switch


def pick_dtype(wanted: str, for_gpus: bool = False) -> torch.dtype:
    """The data type of that name; for 'auto' bfloat16 where its matrix products are clearly faster, else float32.

    Not all processors with bfloat16 arithmetic gain by it, some lose half of their speed: measured, not looked up.
    Where it is for GPUs that other nodes of a cluster have: bfloat16.
    """
    if wanted != "auto":
        return getattr(torch, wanted)
    device = pick_device("auto")
    if for_gpus and device == "cpu" and not _kept_from_gpus():
        logger.info("bfloat16, for GPUs of other nodes: `dtype` names another one")
        return torch.bfloat16
    times = {dtype: product_time(dtype, device) for dtype in (torch.float32, torch.bfloat16)}
    logger.info("matrix products take %s ms", {str(d).removeprefix("torch."): round(t, 1) for d, t in times.items()})
    return torch.bfloat16 if LEAST_GAIN * times[torch.bfloat16] < times[torch.float32] else torch.float32


def product_time(dtype: torch.dtype, device: str, size: int = 1024) -> float:
    """Milliseconds that a product of two square matrices takes: the fastest of several, as others may be disturbed."""
    one, other = (torch.ones(size, size, dtype=dtype, device=device) for _ in range(2))
    timer = Timer("one @ other", globals={"one": one, "other": other}, num_threads=torch.get_num_threads())
    return min(timer.timeit(5).mean for _ in range(7)) * 1e3
