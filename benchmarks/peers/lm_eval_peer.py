"""The same requests through lm-evaluation-harness: `python lm_eval_peer.py job.json result.json`."""

import json
import sys
import time
from pathlib import Path

import torch
from lm_eval.models.huggingface import HFLM


def main(job_file: str, result_file: str) -> None:
    """Score all requests at each batch size, and keep the fastest."""
    job = json.loads(Path(job_file).read_text())
    torch.set_num_threads(job["threads"])
    device = "cuda" if torch.cuda.is_available() else "cpu"
    best = None
    for rows in job["rows"]:
        model = HFLM(job["model"], dtype=job["dtype"], device=device, batch_size=rows)
        requests = [(("", str(i)), context, option) for i, (context, option) in enumerate(job["requests"])]
        model._loglikelihood_tokens(requests[:rows], disable_tqdm=True)
        start = time.perf_counter()
        answers = model._loglikelihood_tokens(requests, disable_tqdm=True)
        seconds = time.perf_counter() - start
        if best is None or seconds < best["seconds"]:
            best = {"seconds": seconds, "log_probs": [value for value, _ in answers], "setting": f"{rows} rows"}
    Path(result_file).write_text(json.dumps(best))


if __name__ == "__main__":
    main(*sys.argv[1:])
