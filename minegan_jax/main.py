"""The doorway: flags in, one call, an exit status out.

minegan train --config=mnist --workdir=RUN [--config.FIELD=VALUE ...]
minegan train --sources=DIR --images=PHOTOS --workdir=RUN [--config.FIELD=VALUE ...]
minegan sample --workdir=RUN --num_images=1000 --out=FILE.npz
minegan evaluate --workdir=RUN
minegan compare --config=table2_digits --workdir=TABLE
minegan project --config=mnist --workdir=NEAREST
minegan convert biggan_pytorch --generator=G_ema.pth --critic=D.pth --out=DIR

`python -m minegan_jax` is the same; so is the flag --mode=sample in the place of the first word.
"""

import contextlib
import difflib
import re
import runpy
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

import minegan_jax
from minegan_jax import config as schema
from minegan_jax import run_folder, weights
from minegan_jax.errors import InputError, explained
from minegan_jax.experiment import missing, used_fields
from minegan_jax.files import as_path

HOSTS = ("distributed", "coordinator", "num_processes", "process_id", "host_timeout")
NETWORKS = ("features", "classifier", "diversity")  # that measure, fields of `report`
CHOSEN_FROM = ("sources", "images")  # in the place of a config
# What to do -> the flags that it reads.
MODES = {
    "train": ("config", "workdir", *CHOSEN_FROM, *HOSTS),
    "sample": (
        *("workdir", "adapter", "phase", "weights", "num_images", "seed", "seeds", "source"),
        *("sources", "truncation", "out"),
    ),
    "evaluate": ("workdir", "num_images", "seed", "weights", "sources", *NETWORKS),
    "compare": ("config", "workdir"),
    "project": ("config", "workdir", "num_images", "seed"),
}
# What `convert` takes, each a module of `weights_conversion`.
FORMATS = (
    "biggan_pytorch",
    "biggan_deep_hf",
    "progan_tf",
    "progan_genforce",
    "progan_gan_zoo",
    "sngan_chainer",
    "stylegan2_nvidia",
    "stylegan2_tf",
    "stylegan2_rosinality",
    "mobilestylegan",
    "dcgan_pytorch",
    "dcgan_keras",
    "dcgan_theano",
    "inception_fid",
    "efficientnet_lite0",
    "lpips_vgg",
)
# A field of a config with a value, as messages name it.
FIELD = re.compile(rf"(?<![\w./-])({'|'.join(map(re.escape, schema.FIELDS))})(?==)")


def define_flags(
    config: ConfigDict | None = None, argv: Sequence[str] | None = None
) -> flags.FlagValues:
    """Returns the flags, not yet parsed.

    Args:
      config: whose fields flags change; None: that of the file which a flag names.
      argv: the arguments, of which the flags of fields are read.
    """
    values = flags.FlagValues()
    named: dict[str, Any] = {"flag_values": values, "sys_argv": argv}
    if config is None:
        text = "a config file or a packaged name, with :ARGUMENT; or a run's config.json"
        config_flags.DEFINE_config_file("config", help_string=text, **named)
    else:
        config_flags.DEFINE_config_dict("config", config, **named)
    flags.DEFINE_enum("mode", "train", list(MODES), "what to do", flag_values=values)
    flags.DEFINE_string("workdir", None, "the run folder", flag_values=values)
    flags.DEFINE_string("adapter", None, "sample from this adapter", flag_values=values)
    flags.DEFINE_integer("num_images", None, "images to generate", 1, flag_values=values)
    flags.DEFINE_integer("seed", 0, "of the images", 0, flag_values=values)
    flags.DEFINE_string("seeds", None, "0-63: an image of each instead", flag_values=values)
    flags.DEFINE_float("truncation", None, "of samples: less variety", flag_values=values)
    flags.DEFINE_string("out", None, "FOLDER/, .npz, .png, .gif, .webp, .mp4", flag_values=values)
    flags.DEFINE_string("source", None, "draw from this source alone", flag_values=values)
    flags.DEFINE_list(
        "sources", [], "to mine without a config; else where they lie now", flag_values=values
    )
    flags.DEFINE_string("images", None, "to learn from without a config", flag_values=values)
    flags.DEFINE_string("phase", None, "mine, finetune or source; else last", flag_values=values)
    flags.DEFINE_enum("weights", None, ("ema", "raw"), "else the EMA if any", flag_values=values)
    for name in NETWORKS:
        flags.DEFINE_string(name, None, f"evaluate with these {name}", flag_values=values)
    _define_host_flags(values)
    return values


def _define_host_flags(values: flags.FlagValues) -> None:
    """Adds those that have several processes train together."""
    flags.DEFINE_bool(
        "distributed", False, "train with the processes that JAX finds", flag_values=values
    )
    flags.DEFINE_string("coordinator", None, "HOST:PORT of process 0", flag_values=values)
    flags.DEFINE_integer("num_processes", None, "how many train together", 1, flag_values=values)
    flags.DEFINE_integer("process_id", None, "which one this is, from 0", 0, flag_values=values)
    flags.DEFINE_integer(
        "host_timeout", 60, "seconds to wait for a silent process", 1, flag_values=values
    )


def parse(argv: Sequence[str]) -> flags.FlagValues:
    """Parses the command line.

    Raises:
      InputError: a flag, a config or a field that does not exist, or a value of the wrong type.
    """
    argv = _config_first(argv)
    config = _config_without_code(argv)
    if config is None:
        _check_config(argv)
    return _parsed(argv, config)


def _parsed(argv: Sequence[str], config: ConfigDict | None = None) -> flags.FlagValues:
    """Parses the command line, for a config that is known or for the file that it names."""
    known = [word for word in argv if config is None or not word.startswith("--config=")]
    try:
        values = define_flags(config, known)
        rest = values(known)
    except flags.Error as error:
        raise InputError(" ".join(str(error).split())) from error
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise InputError(_unknown_part(argv, config) or str(error)) from error
    if len(rest) > 1:
        raise InputError(f"unexpected argument {rest[1]!r}: every argument is --NAME=VALUE")
    values["config"].present += len(argv) - len(known)
    _check_mode(values)
    return values


def _config_without_code(argv: Sequence[str]) -> ConfigDict | None:
    """Returns the config of a run's record, or that which sources and images choose.

    None where the command line names a file with code, or needs no config.
    """
    files = [word.partition("=")[2] for word in argv if word.startswith("--config=")]
    plain = [word for word in argv if not word.startswith("--config")]
    if files:
        return schema.load_config(files[0]) if schema.is_record(files[0]) else None
    values = _parsed(plain)
    if values.mode != "train" or not any(values[name].present for name in CHOSEN_FROM):
        return None
    for name in CHOSEN_FROM:
        if not values[name].value:
            (other,) = set(CHOSEN_FROM) - {name}
            raise InputError(f"--{name} is missing: expected it beside --{other}, or --config")
    from minegan_jax.experiment import auto_config

    chosen = auto_config.choose(values.sources, values.images, values.workdir)
    return schema.as_config_dict(chosen)


def _with_mode(argv: Sequence[str]) -> list[str]:
    """Returns the arguments with a mode as a flag, which may have come as their first word."""
    program, *rest = argv
    if not rest or rest[0].startswith("-"):
        return list(argv)
    if rest[0] not in MODES:
        raise _unknown("command", rest[0], (*MODES, "convert"))
    return [program, f"--mode={rest[0]}", *rest[1:]]


def _unknown(what: str, word: str, known: Iterable[str]) -> InputError:
    """Returns the error message for a mistyped word."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}"
    return InputError(f"unknown {what} {word!r}: {hint}")


def _convert(words: Sequence[str]) -> None:
    """Runs the command of a published format, which ends the process with its status."""
    if not words or words[0].startswith("-"):
        raise InputError(f"convert: expected a format, one of {', '.join(FORMATS)}")
    if words[0] not in FORMATS:
        raise _unknown("format", words[0], FORMATS)
    sys.argv = [f"convert {words[0]}", *words[1:]]
    runpy.run_module(weights.converter(words[0]), run_name="__main__")


def _check_mode(values: flags.FlagValues) -> None:
    """Refuses a flag that does nothing in this mode."""
    common = {"mode", *MODES[values.mode]}
    if values.mode != "train" and any(values[name].present for name in HOSTS):
        raise InputError(f"--mode={values.mode} takes one process: several only train together")
    if values.mode == "train" and values["config"].present:
        for name in CHOSEN_FROM:
            if values[name].present:
                raise InputError(
                    f"--{name} chooses a config, and --config names one: expected one of them;"
                    " --config.sources= and --config.target.images= change a config's"
                )
    for name in dict.fromkeys(name for names in MODES.values() for name in names):
        if name not in common and values[name].present:
            used = ", ".join(f"--{each}" for each in MODES[values.mode])
            raise InputError(f"--{name} does nothing with --mode={values.mode}: it reads {used}")


def _config_first(argv: Sequence[str]) -> list[str]:
    """Returns the arguments with the config's file first: before it no field is known."""
    program, *rest = [re.sub(r"^-(?=[a-z])", "--", word) for word in argv]
    if "--config" in rest[:-1]:
        at = rest.index("--config")
        rest[at : at + 2] = [f"--config={rest[at + 1]}"]
    files = [word.partition("=")[2] for word in rest if word.startswith("--config=")]
    chosen = any(word.partition("=")[0] in ("--sources", "--images") for word in rest)
    if not files and not chosen and any(word.startswith("--config.") for word in rest):
        raise _no_config()
    if len(files) > 1:
        raise InputError(f"expected one --config, found {' and '.join(files)}")
    others = [_with_quotes(word) for word in rest if not word.startswith("--config=")]
    _check_once(others)
    return [program, *(f"--config={schema.find(file)}" for file in files), *others]


def _with_quotes(word: str) -> str:
    """A list of names as the config flag wants it: split at commas alone, whatever they hold."""
    name, _, value = word.partition("=")
    is_list = name.removeprefix("--config.") in schema.LISTS_OF_NAMES
    if not is_list or not value or value[0] in "([":
        return word
    return f"{name}={tuple(filter(None, value.split(',')))!r}"


def _check_once(words: Sequence[str]) -> None:
    """Refuses a flag that is given twice: of two values one would be ignored."""
    names = [word.partition("=")[0] for word in words if word.startswith("--")]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{name} is given {names.count(name)} times: expected it once")


def _no_config() -> InputError:
    return InputError(
        "--config is missing: expected --sources and --images, a file, or one of"
        f" {', '.join(schema.packaged())}"
    )


def _check_config(argv: Sequence[str]) -> None:
    """Runs the config alone, so that what is wrong in its file is said as that."""
    for word in argv:
        if word.startswith("--config="):
            schema.load_config(word.partition("=")[2])


def _unknown_part(argv: Sequence[str], config: ConfigDict | None) -> str:
    """Says which of the overrides names a part that a config does not have."""
    given = {name: value for name, _, value in (argument.partition("=") for argument in argv)}
    config = config or schema.load_config(given["--config"])
    names = (name.removeprefix("--config.") for name in given if name.startswith("--config."))
    return next(filter(None, (schema.unknown_part(config, name) for name in names)), "")


@contextlib.contextmanager
def _together(values: flags.FlagValues) -> Iterator[None]:
    """Joins the other processes, if the flags say that there are any; a failure ends this one."""
    named = values.coordinator, values.num_processes, values.process_id
    if not values.distributed and named == (None, None, None):
        yield
        return
    from minegan_jax.training import hosts

    try:
        hosts.join(*named, seconds=values.host_timeout)
    except BaseException as error:
        hosts.abort(show(error))
    try:
        yield
    except BaseException as error:
        status = show(hosts.explained(error))
        hosts.barrier()
        hosts.abort(status)


def run(argv: Sequence[str]) -> None:
    """Does what the command line says."""
    if argv[1:2] == ["convert"]:
        _convert(argv[2:])
    elif "--help" in argv:
        print(__doc__.partition("\n\n")[2], define_flags().get_help(), sep="\n")
        print(f"Configs: {', '.join(schema.packaged())}.")
        print(f"Formats to convert: {', '.join(FORMATS)}.")
        print(f"\nFields of a run's config:\n{schema.in_words()}")
    elif "--version" in argv:
        print(f"minegan_jax {minegan_jax.__version__}")
    else:
        _do(_with_mode(argv))


def _do(argv: Sequence[str]) -> None:
    """Does what the flags say, together with other processes if there are any."""
    values = parse(argv)
    with _together(values):
        _run(values)


def _run(values: flags.FlagValues) -> None:
    """Does what the flags say."""
    # After parsing: a mistyped flag is answered at once.
    from minegan_jax import experiment
    from minegan_jax.experiment import auto_config, compare, comparison_config
    from minegan_jax.training import hosts

    if values.mode == "sample":
        experiment.write_samples(
            workdir=values.workdir,
            adapter=values.adapter,
            phase=values.phase,
            weights=values.weights,
            request=_request(values),
            sources=values.sources,
            out=values.out,
        )
        return
    if values.workdir is None:
        raise InputError("--workdir is missing: expected a run folder")
    if values.mode == "evaluate":
        run = experiment.open_run(values.workdir, values.sources)
        networks = {name: values[name].value for name in NETWORKS}
        run.evaluate(values.num_images, values.seed, values.weights, **networks)
    elif values.config is None:
        raise _no_config()
    elif values.mode == "project":
        given = {} if values.num_images is None else {"num_images": values.num_images}
        found = experiment.project(_config(values), values.workdir, seed=values.seed, **given)
        print(found["verdict"], file=sys.stderr)
    elif values.mode == "compare":
        compare.compare(comparison_config.from_config_dict(values.config), values.workdir)
    else:
        config = _config(values)
        if values.images is not None and not auto_config.is_begun(values.workdir):
            config = _fitted(config, values)
        experiment.train(config, values.workdir)
        if hosts.is_primary():
            print(f"done: {_where_to_look(values.workdir)}", file=sys.stderr)


def _where_to_look(workdir: str) -> str:
    """Says where a run's results lie, and how to draw more images if it makes any."""
    folder = as_path(workdir)
    page = folder / "report.html"
    if not page.is_file():
        return f"see {workdir}"
    draw = f"minegan sample --workdir={workdir} --out=FOLDER/"
    return f"see {page} and {folder / run_folder.SAMPLES}; `{draw}` draws more"


def _fitted(config: schema.Config, values: flags.FlagValues) -> schema.Config:
    """Returns a chosen config as the devices can hold it, and says in a line what was chosen."""
    from minegan_jax.experiment import auto_config
    from minegan_jax.training import hosts

    fitted = auto_config.fit_devices(config, config_flags.get_override_values(values["config"]))
    if hosts.is_primary():
        record = f"{values.workdir}/{run_folder.CONFIG}"
        words = f"--config.FIELD= changes it, --config={record} repeats it"
        print(f"chosen: {fitted.why}; {words}", file=sys.stderr)
    return fitted.config


def _request(values: flags.FlagValues) -> Any:
    """Returns the request for samples that the flags make."""
    from minegan_jax import experiment

    one = {"--num_images": values.num_images, "--seed": values.seed}
    if values.seeds is not None and any(one.values()):
        given = ", ".join(name for name, value in one.items() if value)
        raise InputError(f"{given} beside --seeds, which says both: expected one of them")
    return experiment.Request(
        num_images=values.num_images or 64,
        seed=values.seed,
        seeds=() if values.seeds is None else experiment.parse_seeds(values.seeds),
        source=values.source,
        truncation=values.truncation,
    )


def _config(values: flags.FlagValues) -> schema.Config:
    """Returns a run's config, of which each field that file or flags name does something."""
    flag = values["config"]
    config = schema.from_config_dict(values.config)
    file = config_flags.get_config_filename(flag)
    if isinstance(file, str):  # else it was checked when it was chosen, or when its run began
        # The flags may change the method for which the file was written.
        written = schema.from_config_dict(schema.load_config(file))
        used_fields.check(written, schema.FIELDS)
        missing.check(config, written, file.partition(":")[0])
    used_fields.check(config, config_flags.get_override_values(flag))
    return config


def as_flags(message: str) -> str:
    """Returns a message whose fields, such as `target.enlarge=True`, are flags."""
    return FIELD.sub(r"--config.\g<0>", message)


def show(error: BaseException) -> int:
    """Prints a user's mistake as one line, anything else in full; returns the exit status."""
    line = explained(error)
    if line is not None:
        print(f"error: {as_flags(line)}", file=sys.stderr)
        return 2
    traceback.print_exception(error)
    return 1


def main() -> int:
    """Runs the command line; 0 on success, 2 with one line on a user's mistake."""
    try:
        run(sys.argv)
    except Exception as error:
        return show(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
