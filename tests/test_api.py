"""The README's few lines of Python, on the smallest source and images."""

import numpy as np

import minegan_jax as mg


def test_mining_from_python(tiny_source, tiny_images, tmp_path):
    source = mg.load_source(tiny_source)
    target = mg.open_images(f"folder:{tiny_images}", max_images=6, num_held_out=4, seed=0)
    run = mg.mine(
        [source],
        target,
        workdir=tmp_path / "run",
        mine_steps=2,
        finetune_steps=1,
        miner_depth=2,
        miner_width=8,
        batch_size=8,
        critic_turns=1,
        num_report_images=40,
    )
    images = run.sample(4, seed=0)
    assert images.shape == (4, 8, 8, 1)
    assert images.dtype == np.uint8
    report = run.evaluate()
    assert list(report["phases"]) == ["source", "mine", "finetune"]
    assert report["phases"]["mine"]["held_out"]["num_real"] == 4
    again = mg.load_adapter(tmp_path / "run" / "adapter").sample(4, seed=0)
    np.testing.assert_array_equal(again, run.sample(4, seed=0, phase="mine"))
    np.testing.assert_array_equal(images, mg.open_run(tmp_path / "run").sample(4, seed=0))


def test_without_a_judge_nothing_is_recognised(tiny_source, tiny_images, tmp_path):
    run = mg.mine(
        [mg.load_source(tiny_source)],
        mg.open_images(f"folder:{tiny_images}"),
        workdir=tmp_path / "run",
        mine_steps=1,
        finetune_steps=0,
        batch_size=8,
        judge="",
    )
    report = run.evaluate(20)
    assert [phase["recognised"] for phase in report["phases"].values()] == [{}, {}]
    assert report["recipe"]["judge"] == ""
    assert "What is recognised" not in (tmp_path / "run" / "report.md").read_text()
