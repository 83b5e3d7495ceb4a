# Functions of wildcards: what rules need and what their jobs are given, by stage in the order of the data. Each file of
# rules names the paths that they use.


def recipe_of(wildcards):
    """How an arm, or else the base arm, is trained; None where it is not."""
    return SETTINGS.recipe(wildcards.model, wildcards.get("arm", "base"))


def decisive_recipe_of(wildcards):
    """The same as plain values, without what decides nothing."""
    recipe = recipe_of(wildcards)
    return recipe and recipe.decisive()


def train_datasets_of(wildcards):
    recipe = recipe_of(wildcards)
    return recipe.train_datasets() if recipe else []


def train_items(wildcards):
    """Train items of all datasets that a training uses."""
    return expand(
        f"{RESULTS}/items/{{dataset}}/train.parquet",
        dataset=train_datasets_of(wildcards),
    )


def arm_of_training(wildcards):
    """The arm of a training, without its seed."""
    return SETTINGS.arm_of_training(wildcards.arm)


def filler_read(wildcards):
    """The filler that readers for calibration learn to read; None for recipes whose examples hold none."""
    recipe = recipe_of(wildcards)
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
    """Writer and perturbation of the probes that a reader answers.

    Direct probes hold no chain, so each reader is their writer: a reader that writes no chains answers those of base.
    """
    of_chains = [
        [writer, perturbation]
        for writer in SETTINGS.writers_read_by(wildcards.model, wildcards.reader)
        for perturbation in PERTURBATIONS
        if perturbation != "direct"
    ]
    return [*of_chains, [wildcards.reader, "direct"]]


def probe_files_read_by(wildcards):
    """The tables of these probes."""
    return [
        f"{PROBES}/{{perturbation}}.parquet".format(
            **wildcards,
            writer="base" if roles.is_control(writer) else writer,
            perturbation=perturbation,
        )
        for writer, perturbation in probes_read_by(wildcards)
    ]


def forecasts_read_by(wildcards):
    """What is known of the chains that a reader answers."""
    writers = SETTINGS.writers_read_by(wildcards.model, wildcards.reader)
    return expand(FORECAST, writer=writers, allow_missing=True)


def arms_by_training(model):
    """The tuned arm of each training of a model, by the training's name."""
    return {
        name: SETTINGS.arm_of_training(name) for name in SETTINGS.writers_of(model)[1:]
    }


def controls_by_training(model):
    """The placebo or null arm of each training, and its seed, by the training's name."""
    return {
        name: [SETTINGS.arm_of_training(name), SETTINGS.recipe(model, name).seed]
        for name in SETTINGS.readers_of(model)
        if roles.is_control(name)
    }


def tunings(model, dataset):
    """How each tuned arm of a model was made, as far as a dataset is concerned (compare/findings.py)."""
    arms = set(arms_by_training(model).values())
    return {
        arm.name: {
            "on": dataset in arm.datasets,
            "answers": isinstance(arm, TrainedArm) and arm.target == "answer",
            "placebo": SETTINGS.placebo_of(model, arm.name),
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


def placebo_trainings_of(wildcards):
    """The trainings of the placebo of a model's arm, by their seed; empty without one."""
    placebo = SETTINGS.placebo_of(wildcards.model, wildcards.arm)
    controls = controls_by_training(wildcards.model)
    return {seed: name for name, (arm, seed) in controls.items() if arm == placebo}


def of_all_datasets(pattern):
    return expand(pattern, model=MODELS, dataset=DATASETS)


def of_all_estimates(file, controls=False):
    """Files of all models and tuned arms; with `controls`, also of placebo and null arms."""
    return [
        f"{RESULTS}/estimates/{model}/{arm.name}/{file}"
        for model in MODELS
        for arm in SETTINGS.arms
        if model in SETTINGS.models_of(arm)
        and (controls or not roles.is_control(arm.name))
    ]
