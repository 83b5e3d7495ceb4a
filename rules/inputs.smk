# Functions of wildcards: what rules need and what their jobs are given, by stage in the order of the data. Each file of
# rules names the paths that they use.


def filler_read(wildcards):
    """The filler that readers for calibration learn to read; None for recipes whose examples hold none."""
    training = wildcards.get("arm")
    recipe = (
        SETTINGS.arm(training)
        if training
        else SETTINGS.model(wildcards.model).warm_start
    )
    reads = recipe is not None and recipe.target in READER_TARGETS
    return SETTINGS.perturbations.filler if reads else None


def needs_of(wildcards):
    """Names of the arguments of the perturbation's function."""
    return PERTURBATIONS[wildcards.perturbation].needs


def tokenizer_of(wildcards):
    """Folder of the writer's tokenizer, if the perturbation encodes text and a server does not hold it."""
    return weights_of(wildcards) if "encode" in needs_of(wildcards) else []


def answered_items_of(wildcards):
    """The items, if the perturbation must know their answers or options."""
    if not {"answer", "options", "item"} & set(needs_of(wildcards)):
        return []
    return f"{RESULTS}/items/{wildcards.dataset}/eval.parquet"


def perturbation_settings_of(wildcards):
    """The settings that the perturbation depends on."""
    return SETTINGS.perturbations.model_dump(include=set(needs_of(wildcards)))


def perturbation_contrasts_of(wildcards):
    if "contrasts" not in needs_of(wildcards):
        return []
    return setting("dataset.contrasts")(wildcards)


PERTURBATION_CODE = {
    name: code("perturb_chains", f"faithfulness.perturb.{name}", words=False)
    for name in PERTURBATIONS
}


def perturbation_code_of(wildcards):
    """Hash of the perturbation's own code and of what applies it."""
    return PERTURBATION_CODE[wildcards.perturbation](wildcards)


def probes_read_by(wildcards):
    """Writer and perturbation of the probes that a reader answers. Direct probes hold no chain, so only its own are used."""
    return [
        [writer, perturbation]
        for writer in arms_of(wildcards.model, wildcards.reader)
        for perturbation in PERTURBATIONS
        if perturbation != "direct" or writer == wildcards.reader
    ]


def arms_by_training(model):
    """The arm of each training of a model, by the training's name."""
    names = arms_of(model)
    return {
        training.name: arm.name
        for arm in SETTINGS.arms
        for training in arm.trainings()
        if training.name in names
    }


def tunings(model, dataset):
    """How each tuned arm of a model was made, as far as a dataset is concerned (compare/findings.py)."""
    arms = set(arms_by_training(model).values())
    return {
        arm.name: {
            "on": dataset in arm.datasets,
            "answers": isinstance(arm, TrainedArm) and arm.target == "answer",
            "placebo": None,
        }
        for arm in SETTINGS.arms
        if arm.name in arms
    }


def trainings_of(wildcards):
    """The trainings of a model's arm."""
    return [
        name
        for name, arm in arms_by_training(wildcards.model).items()
        if arm == wildcards.arm
    ]


def of_all_datasets(pattern):
    return expand(pattern, model=MODELS, dataset=DATASETS)


def of_all_estimates(file):
    return [
        f"{RESULTS}/estimates/{model}/{arm}/{file}"
        for model in MODELS
        for arm in dict.fromkeys(arms_by_training(model).values())
    ]
