"""Files of any bytes, pickles of any instructions: read or refused in a line, soon and in little.

Nothing in them may run: while one is read, Python tells of whatever code and processes start.
"""

import io
import pickle
import struct
import sys
import sysconfig
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from weight_files import Raw, dump, legacy_layout, pickled, tensor, zip_layout

from minegan_jax.errors import InputError
from minegan_jax.file_kinds import LEGACY
from weights_conversion import reader
from weights_conversion.unpickling import NAMES, Plain

FIXTURES = Path(__file__).parents[1] / "fixtures"
MOST_SECONDS, MOST_BYTES = 5.0, 64 << 20  # for a file of at most 100 kB
RUNS = ("exec", "os.", "subprocess.", "socket.", "shutil.", "ctypes.")
LIBRARY = sysconfig.get_path("stdlib")  # which may import a codec of its own, to decode text
READERS = {
    "torch": reader.read_torch,
    "pickle": reader.read_pickle,
    "npz": reader.read_npz,
    "safetensors": reader.read_safetensors,
    "json": reader.read_json,
}
watched = []  # what Python tells of, while a list lies in here


def listen(event, arguments):
    if watched and event.startswith(RUNS):
        file = getattr(arguments[0], "co_filename", "") if arguments else ""
        # Python finds a codec, such as UTF-16 of a JSON, by looking into its own folder of them.
        codecs = event == "os.listdir" and str(arguments[0]).endswith("encodings")
        if not file.startswith(LIBRARY) and not codecs:
            watched[0].append((event, arguments))


sys.addaudithook(listen)  # for good: it cannot be taken away again


def touch(value, seen):
    """Reads every number of every array: what lies beyond a file would end the process."""
    if id(value) in seen:
        return
    seen[id(value)] = value
    if isinstance(value, np.ndarray):
        value.tobytes()
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            touch(part, seen)
    elif isinstance(value, Plain):
        touch(value.state, seen)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("weights") / "file"


def check(read, file, content):
    """Reads a file; whether it could be read."""
    file.write_bytes(content)
    said, events = "", []
    tracemalloc.start()
    started = time.process_time()
    try:
        watched.append(events)
        touch(read(file), {})
    except InputError as error:
        said = str(error)
    finally:
        watched.clear()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert time.process_time() - started < MOST_SECONDS
    assert peak < MOST_BYTES
    assert not events
    assert "\n" not in said
    assert not said or said.startswith(f"{file}: ")
    return not said


# Instructions of pickles, with what follows each; names are those that are known, and others.
SMALL, SIZES = st.integers(0, 9), st.integers(0, 2**64 - 1)
OTHERS = [("posix", "system"), ("builtins", "eval"), ("builtins", "getattr"), ("numpy", "load")]
GLOBALS = st.sampled_from([*NAMES, *OTHERS]).map(lambda name: "c{}\n{}\n".format(*name).encode())
PLAIN = st.sampled_from([None, True, 0, 1, -1, 2**40, 0.5, "storage", "0", "f4", "<", (1, 2), ()])
PUT = st.integers(0, 255).map(lambda place: bytes([place]))
STORED = [dump("storage"), b"ctorch\nFloatStorage\n", dump("0"), dump("cpu"), dump(4)]
WHOLE = st.sampled_from(
    [
        b"(" + b"".join(STORED) + b"tQ",
        bytes(tensor("0", 4, shape=(2, 2), strides=(2, 1))),
        pickle.dumps(np.arange(4, dtype="f4"), 2)[2:-1],
    ]
)
INSTRUCTIONS = st.one_of(
    st.sampled_from([bytes([code]) for code in b"(012NORQabdelostu)]}.\x81\x85\x86\x87\x88\x89"]),
    st.sampled_from([bytes([code]) for code in b"\x8f\x90\x91\x92\x93\x94\x97\x98"]),
    st.sampled_from([b"2\x86" * 30, b"2\x86R", b"}(", b"(", b"t", b"\x85R", b")R", b"tR", b"tQ"]),
    GLOBALS,
    PLAIN.map(dump),
    WHOLE,
    st.builds(lambda code, place: code + place, st.sampled_from([b"h", b"q", b"K"]), PUT),
    st.builds(
        lambda code, size: code + struct.pack("<I", size % 2**32),
        st.sampled_from([b"r", b"j", b"B", b"X", b"T", b"\x8b", b"J"]),
        SIZES,
    ),
    st.builds(
        lambda code, size: code + struct.pack("<Q", size),
        st.sampled_from([b"\x8d", b"\x8e", b"\x95", b"\x96"]),
        SIZES,
    ),
    st.binary(max_size=4),
)
PROGRAMS = st.lists(INSTRUCTIONS, max_size=40).map(b"".join).map(Raw)


@settings(max_examples=200)
@given(program=PROGRAMS)
def test_any_instructions(file, program):
    check(reader.read_pickle, file, pickled(program))


@settings(max_examples=60)
@given(program=PROGRAMS)
def test_any_instructions_inside_pytorchs_layouts(file, program):
    check(reader.read_torch, file, zip_layout(program, records={"0": bytes(16)}))
    check(reader.read_torch, file, legacy_layout(program))


STARTS = (b"", b"\x80\x02", b"PK\x03\x04", LEGACY, b"\x10" + bytes(7) + b"{")


@pytest.mark.parametrize("kind", READERS)
@settings(max_examples=30)
@given(start=st.sampled_from(STARTS), content=st.binary(max_size=300))
def test_any_bytes(file, kind, start, content):
    check(READERS[kind], file, start + content)


def whole_files():
    """Files that can be read, by their reader and what they are."""
    arrays = {"w": np.arange(60, dtype="f4").reshape(3, 4, 5), "b": np.ones(3, "f2")}
    saved = {"generator": {**arrays, "steps": np.arange(3)}, "settings": {"layers": [1, "x"]}}
    npz = io.BytesIO()
    np.savez_compressed(npz, **arrays)
    yield "torch", "zip", zip_layout(saved)
    yield "torch", "legacy", legacy_layout(saved)
    yield "torch", "BigGAN", (FIXTURES / "biggan32" / "D.pth").read_bytes()
    yield "torch", "safetensors", safetensors.numpy.save(arrays)
    yield "pickle", "ProGAN", (FIXTURES / "progan16" / "official.pkl").read_bytes()
    for protocol in (0, 2, 4):
        yield "pickle", f"protocol {protocol}", pickle.dumps(list(arrays.values()), protocol)
    yield "npz", "compressed", npz.getvalue()
    yield "npz", "SNGAN", (FIXTURES / "sngan128" / "critic.npz").read_bytes()
    yield "safetensors", "arrays", safetensors.numpy.save(arrays)
    yield "json", "config", (FIXTURES / "biggan_deep16" / "config.json").read_bytes()


WHOLE_FILES = {f"{kind}: {what}": (kind, content) for kind, what, content in whole_files()}
# Where a file is changed: anywhere, or where most of its structure is.
PLACES = st.integers(0, 2**20) | st.integers(0, 500) | st.integers(-300, -1)
CHANGES = st.tuples(st.sampled_from(["change", "insert", "repeat", "cut"]), PLACES, st.binary())


def changed(content, kind, place, given):
    """The content with a few bytes changed, more or fewer of them, or cut there."""
    place %= len(content) + 1
    before, after = content[:place], content[place:]
    return {
        "change": before + given + after[len(given) :],
        "insert": before + given + after,
        "repeat": before + after[: len(given)] + after,
        "cut": before + after[len(given) + 1 :],
    }[kind]


@pytest.mark.parametrize("name", WHOLE_FILES)
@settings(max_examples=25)
@given(changes=st.lists(CHANGES, max_size=4))
def test_a_changed_file(file, name, changes):
    kind, content = WHOLE_FILES[name]
    for change in changes:
        content = changed(content, *change)
    could_be_read = check(READERS[kind], file, content)
    assert could_be_read or content != WHOLE_FILES[name][1]


@pytest.mark.parametrize("name", WHOLE_FILES)
@settings(max_examples=10)
@given(share=st.floats(0, 0.999))
def test_a_file_cut_short(file, name, share):
    kind, content = WHOLE_FILES[name]
    assert not check(READERS[kind], file, content[: int(share * len(content))])
