from __future__ import annotations

import pytest

from cityseg.analysis.config_warnings import Environment, config_notes, config_warnings
from cityseg.config.presets import PRESETS, preset

PLENTY = Environment(train_frames=2975, native_bfloat16=True, memory_bytes=2**30, free_bytes=2**33)


def around(**changes):
    return Environment(**{**vars(PLENTY), **changes})


@pytest.mark.parametrize("name", PRESETS)
def test_the_presets_have_nothing_wrong_on_the_full_set(name):
    assert config_warnings(preset(name), PLENTY) == ()
    assert config_notes(preset(name), PLENTY) == ()


@pytest.mark.parametrize(
    ("changes", "surroundings", "sentence"),
    [
        (
            {"batch_size": 64, "epochs": 30},
            {"train_frames": 40},
            "batch_size 64 is larger than the training split of 40 frames: every epoch is one step on all of it. Lower "
            "batch_size.",
        ),
        (
            {},
            {"memory_bytes": 3 * 2**30, "free_bytes": 2**31},
            "The training needs about 3.0 GB of memory, and 2.0 GB are free: it will probably be killed. Lower "
            "batch_size or image_size, or end other programs.",
        ),
        (
            {"image_size": (32, 32), "depth": 4, "batch_size": 2},
            {"train_frames": 7},
            "The network narrows a frame of 32x32 pixels down to one pixel, and a batch of one frame cannot be "
            "normalised there: the run is refused. Change batch_size (now 2, for 7 frames), lower depth or enlarge "
            "image_size.",
        ),
        (
            {"epochs": 1},
            {"train_frames": 16},
            "The run has only 1 optimiser step, too few to learn much. Raise epochs or lower batch_size.",
        ),
        (
            {"schedule": "poly", "warmup_steps": 3000},
            {},
            "The warm-up of 3,000 steps is as long as the run of 1,860 or longer: the learning rate hardly reaches its "
            "peak. Lower warmup_steps or raise epochs.",
        ),
        (
            {"half_size_epochs": 10},
            {},
            "Every epoch trains at half the image size, but scores are measured at the full size. Lower "
            "half_size_epochs, or halve image_size instead.",
        ),
        (
            {"patience": 10},
            {},
            "patience 10 is not less than the 10 epochs of the run: it never ends early. Lower patience, or set "
            "it to 0.",
        ),
        (
            {"cutmix": 0.5, "batch_size": 1},
            {},
            "cutmix is ignored: it pastes from another frame of the batch, and batch_size is 1.",
        ),
        (
            {"copy_paste": 0.5, "batch_size": 1},
            {},
            "copy_paste is ignored: it pastes from another frame of the batch, and batch_size is 1.",
        ),
        ({"momentum": 0.8}, {}, "momentum is ignored: it belongs to sgd, and the optimiser is adamw."),
        (
            {"schedule": "cosine", "warmup_share": 0.1},
            {},
            "warmup_share is ignored: it belongs to one-cycle, and the schedule is cosine, whose warm-up is set with "
            "warmup_steps.",
        ),
        (
            {"cross_entropy_weight": 0.0, "class_weights": "none", "focal_gamma": 2.0},
            {},
            "focal_gamma is ignored: it belongs to cross-entropy, whose weight is 0.",
        ),
        ({"teacher_weight": 0.9}, {}, "teacher_weight is ignored: no teacher is named."),
        (
            {"teacher": "best-3", "teacher_weight": 1, "cross_entropy_weight": 0.0, "class_weights": "log"},
            {},
            "The labels have no effect: the teacher decides the whole loss. Lower teacher_weight to use them too.",
        ),
        (
            {"teacher": "best-3", "teacher_weight": 0, "label_doubt": 0.1, "cross_entropy_weight": 0.0},
            {},
            "class_weights is ignored: it belongs to cross-entropy, whose weight is 0.",
        ),
    ],
)
def test_impossible_configs_have_a_warning_each(tiny, changes, surroundings, sentence):
    plain = {"image_size": (64, 128), "depth": 2, "epochs": 10, "batch_size": 16, "half_size_epochs": 0}
    found = config_warnings(tiny(**{**plain, **changes}), around(**surroundings))
    assert found == (sentence,)


def test_labels_that_play_no_part_are_doubted_in_vain(tiny):
    settings = {"image_size": (64, 128), "epochs": 10, "batch_size": 16, "half_size_epochs": 0, "teacher": "best-3"}
    found = config_warnings(tiny(**settings, teacher_weight=1, label_doubt=0.1), around())
    assert found[1:] == ("label_doubt is ignored: it belongs to the labels, and teacher_weight 1 leaves them out.",)


def test_a_batch_of_one_fails_only_if_a_level_is_one_pixel(tiny):
    alone = around(train_frames=33)
    fine = {"epochs": 40, "batch_size": 2, "half_size_epochs": 0}
    assert config_warnings(tiny(image_size=(32, 64), depth=4, **fine), alone) == ()
    assert len(config_warnings(tiny(architecture="smp-unet", image_size=(32, 32), **fine), alone)) == 1
    assert config_warnings(tiny(architecture="lraspp", image_size=(32, 32), **fine), alone) == ()
    halved = {**fine, "half_size_epochs": 1}
    assert "the run is refused" in config_warnings(tiny(image_size=(32, 32), depth=3, **halved), alone)[0]


def test_the_single_pixel_really_fails_and_two_do_not(tiny):
    """Hold the rule against the networks themselves."""
    import torch

    from cityseg.models import arguments_of, build_model

    def trains(config) -> bool:
        height, width = config.image_size
        try:
            build_model(config.architecture, arguments_of(config)).train()(torch.rand(1, 3, height, width))
        except ValueError:
            return False
        return True

    recipes = [
        tiny(architecture=name, image_size=(32, width), depth=depth, batch_size=1, half_size_epochs=0)
        for name, depth, width in (
            *(("unet", 4, 32), ("unet", 4, 64), ("unet", 3, 32)),
            *(("smp-unet", 0, 32), ("lraspp", 0, 32)),
        )
    ]
    for recipe in recipes:
        warned = any("the run is refused" in sentence for sentence in config_warnings(recipe, PLENTY))
        assert trains(recipe) is not warned, recipe


def test_notes_name_harmless_properties(tiny):
    slow = config_notes(tiny(precision="bfloat16"), around(native_bfloat16=False))
    assert slow == (
        "This device has no instructions for bfloat16: bfloat16 is computed in float32 and rounded, which is no "
        "faster. precision=float32 is exact and at least as fast.",
    )
    early = config_notes(tiny(epochs=10, patience=3, schedule="cosine"), PLENTY)
    assert "an early stop after 3 without a better score" in early[0]
    assert config_notes(tiny(epochs=10, patience=3, schedule="constant"), PLENTY) == ()


def test_unknown_memory_is_no_warning(tiny):
    assert config_warnings(tiny(epochs=30), around(memory_bytes=2**60, free_bytes=None)) == ()
