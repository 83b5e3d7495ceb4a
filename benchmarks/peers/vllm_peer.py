"""The same requests through vLLM with prefix caching: `python vllm_peer.py job.json result.json`.

One prompt for each token that is looked up, each distinct prompt once, `max_tokens=1` with the most
likely tokens; `prompt_logprobs` would bypass the cache. A token that is not among them counts as the last.
"""

import json
import sys
import time
from pathlib import Path

from vllm import LLM, SamplingParams

MOST_LIKELY = 200


def main(job_file: str, result_file: str) -> None:
    """Score all requests, with a warm engine and an empty cache."""
    job = json.loads(Path(job_file).read_text())
    prompts = {(*context, *option[:i]) for context, option in job["requests"] for i in range(len(option))}
    order = sorted(prompts)
    engine = LLM(
        job["model"],
        dtype=job["dtype"],
        enable_prefix_caching=True,
        max_model_len=max(map(len, order)) + 8,
        max_logprobs=MOST_LIKELY,
        gpu_memory_utilization=0.5,
    )
    sampling = SamplingParams(max_tokens=1, temperature=0, logprobs=MOST_LIKELY)
    asked = [{"prompt_token_ids": list(prompt)} for prompt in order]
    engine.generate(asked[:64], sampling, use_tqdm=False)
    engine.reset_prefix_cache()
    start = time.perf_counter()
    outputs = engine.generate(asked, sampling, use_tqdm=False)
    seconds = time.perf_counter() - start
    likely = {prompt: output.outputs[0].logprobs[0] for prompt, output in zip(order, outputs, strict=True)}

    def look_up(prompt: tuple[int, ...], token: int) -> float:
        found = likely[prompt]
        return found[token].logprob if token in found else min(value.logprob for value in found.values())

    log_probs = [
        sum(look_up((*context, *option[:i]), token) for i, token in enumerate(option))
        for context, option in job["requests"]
    ]
    Path(result_file).write_text(json.dumps({"seconds": seconds, "log_probs": log_probs, "setting": "its own"}))


if __name__ == "__main__":
    main(*sys.argv[1:])
