# What jobs request from a cluster's scheduler: memory and time, by the sizes of models and tables. On a workstation the
# requests limit nothing.

from faithfulness.operate import sizing


def job_of(wildcards):
    """What the size of a job depends on."""
    return sizing.Job(SETTINGS, dict(wildcards.items()), gpu=GPU > 0)


def memory(base, *parts):
    """Resource mem_mb: `base` MB, and what functions of `sizing` add."""
    return lambda wildcards, attempt: sizing.requested_megabytes(
        base + sum(part(job_of(wildcards)) for part in parts), attempt
    )


def runtime(base, *parts):
    """Resource runtime: `base` minutes, and what functions of `sizing` add."""
    return lambda wildcards, attempt: sizing.requested_minutes(
        base, sum(part(job_of(wildcards)) for part in parts), attempt
    )


def expected_seconds(job):
    """Seconds that a job is expected to take: its weight in the run's line of progress."""
    return sizing.expected_seconds(job.rule.name, job_of(job.wildcards))
