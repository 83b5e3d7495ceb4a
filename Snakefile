# Does the chain of thought still drive the answer after fine-tuning?
#
#     items -> chains -> probes -> scores -> measures -> effects -> figures -> report
#
# One file per stage, in the order of the data. Configuration: config/config.yaml, or another one
# by --configfile; it is checked below before anything runs.


configfile: "config/config.yaml"


# Where jobs run with `--sdm apptainer`; envs/container.def says how to make it.
container: f"{workflow.basedir}/envs/container.sif"


include: "rules/common.smk"
include: "rules/resources.smk"
include: "rules/inputs.smk"
include: "rules/prepare.smk"
include: "rules/finetune.smk"
include: "rules/chains.smk"
include: "rules/perturb.smk"
include: "rules/rescore.smk"
include: "rules/compare.smk"
include: "rules/figures.smk"
include: "rules/report.smk"
include: "rules/paper.smk"
include: "rules/provenance.smk"
include: "rules/calibrate.smk"


report: "report/workflow.rst"


rule all:
    default_target: True
    input:
        f"{RESULTS}/report.html",
        CHAIN_PAGES,
        rules.write_paper_kit.output,
        rules.write_provenance.output,
        # Tables that the report does not read itself. Because they are named here, a deleted one is made again, with
        # everything that depends on it.
        of_all_arms(CHAINS),
        of_all_arms(f"{PROBES}/{{perturbation}}.parquet"),
        of_all_arms(SCORES),
        MEASURES,
        rules.judge_null_pairs.output,
        expand(rules.check_shuffling.output, dataset=sorted(SHUFFLED)),
    localrule: True


# Snakemake's own lock can be removed while a run is at work; this one cannot.
onstart:
    hold_folder()
    if SETTINGS.chains.after_writing == "stop":
        stop_before_scoring()
    # For the line of progress (scripts/snakemake_logger_plugin_progress); nothing else shows it.
    logger.info(
        None,
        extra={
            "expected_seconds": {
                job.jobid: expected_seconds(job)
                for job in workflow.dag.needrun_jobs()
            }
        },
    )


# `--dry-run --printshellcmds` (-np) shows everything that jobs request, in place of their messages.
if workflow.output_settings.printshellcmds:
    for one in workflow.rules:
        one.message = None
