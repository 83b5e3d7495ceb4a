# Re-scoring: needs arms and probes, makes <results>/scores, one table per reader and dataset. A job loads its reader
# once and scores the chains of all its writers: base reads those of every arm, a tuned arm base's and its own, a placebo
# or null arm base's only.

SCORES = f"{RESULTS}/scores/{{model}}/{{reader}}/{{dataset}}.parquet"


rule rescore_answers:
    input:
        arm=f"{RESULTS}/arms/{{model}}/{{reader}}",
        base=f"{RESULTS}/arms/{{model}}/base",
        model=weights_of,
        questions=f"{RESULTS}/items/{{dataset}}/eval.parquet",
        probes=probe_files_read_by,
        # Not read: what the chains will close is said, or ends the run, before anything is scored.
        forecasts=forecasts_read_by,
    output:
        branch(SHARDED, then=temp(shard(SCORES)), otherwise=SCORES),
    log:
        shard(f"{RESULTS}/logs/rescore_answers/{{model}}/{{reader}}/{{dataset}}.log"),
    benchmark:
        shard(
            f"{RESULTS}/benchmarks/rescore_answers/{{model}}/{{reader}}/{{dataset}}.tsv"
        )
    localrule: SERVED
    conda:
        ENVIRONMENT
    threads: inference_threads
    resources:
        mem_mb=memory(4000, sizing.weights_megabytes, sizing.scoring_megabytes),
        gpu=gpus_of,
        runtime=runtime(60, sizing.scoring_seconds),
        token_budget=8192,
        service=service_of,
    params:
        probes=probes_read_by,
        readout=setting("dataset", include={"readout", "answer_tokens"}),
        second_cue_items=lambda wildcards: SETTINGS.second_cue_items(wildcards.model),
        block_items=SETTINGS.block_items,
        shard=shard_of,
        journal=JOURNAL,
        code=code("rescore_answers", words=False, without=unused_backends_of),
    message:
        "scoring answers: {wildcards.model} {wildcards.reader} {wildcards.dataset}"
    script:
        "../scripts/rescore_answers.py"


if SHARDED:

    use rule gather_chains as gather_scores with:
        input:
            gather.shards(shard(SCORES), allow_missing=True),
        output:
            SCORES,
        log:
            f"{RESULTS}/logs/gather_scores/{{model}}/{{reader}}/{{dataset}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/gather_scores/{{model}}/{{reader}}/{{dataset}}.tsv"
        params:
            schema="Scores",
            code=code("gather_shards", words=False),
