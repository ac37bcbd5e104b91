"""Weight files of every layout, whole or refused in one line, and nothing in them ever run."""

import contextlib
import gzip
import io
import json
import os
import pickle
import subprocess
import tarfile
import zipfile

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from weight_files import Raw, call, dump, legacy_layout, pickled, tensor, zip_layout

from minegan_jax.errors import InputError
from weights_conversion import reader
from weights_conversion.unpickling import Settings, TensorFlowNetwork

LAYOUTS = {"zip": zip_layout, "legacy": legacy_layout}


@pytest.fixture(autouse=True)
def nothing_runs(tmp_path, monkeypatch):
    """Whatever a test reads, the payload must not have run."""
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "PWNED").exists()


def complaint(read, content):
    """The one line that a file of this content is answered with."""
    with open("file", "wb") as file:
        file.write(content)
    with pytest.raises(InputError) as caught:
        read("file")
    assert str(caught.value).startswith("file: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def saved():
    """A checkpoint with nested dictionaries, permuted views, scalars and settings."""
    rng = np.random.default_rng(0)
    return {
        "generator": {
            "conv": rng.normal(size=(3, 2, 5, 4)).astype("f4"),
            "gamma": np.asarray(0.5, "f4"),
            "steps": np.arange(3),
            "none": np.zeros((0, 2), "f4"),
        },
        "half": np.ones(2, "f2"),
        "double": rng.normal(size=(2, 3)),
        "shape": Raw(b"ctorch\nSize\n(" + dump((3, 4)) + b"tR"),
        "settings": {"alpha": 0, "layers": [16, "x", None, True], "shape": (1, 2)},
    }


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_was_saved_comes_back(layout, saved, tmp_path):
    (tmp_path / "file").write_bytes(LAYOUTS[layout](saved))
    found = reader.read_torch(tmp_path / "file")
    for name, array in saved["generator"].items():
        assert found["generator"][name].dtype == array.dtype
        np.testing.assert_array_equal(found["generator"][name], array)
    np.testing.assert_array_equal(found["double"], saved["double"])
    assert found["settings"] == saved["settings"]
    assert found["shape"] == (3, 4)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_bfloat16_is_read_in_single_precision(layout, tmp_path):
    exact = np.array([[1.0, -2.5], [3e38, 2.0**-120]], "f4")
    (tmp_path / "file").write_bytes(LAYOUTS[layout]({"w": exact.astype(ml_dtypes.bfloat16)}))
    found = reader.read_torch(tmp_path / "file")["w"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, exact.astype(ml_dtypes.bfloat16).astype("f4"))


def safetensors_file(dtype, shape, data):
    """The bytes of a `.safetensors` file of one array `w`."""
    entry = {"dtype": dtype, "shape": shape, "data_offsets": [0, len(data)]}
    header = json.dumps({"w": entry, "__metadata__": {"format": "pt"}}).encode()
    return len(header).to_bytes(8, "little") + header + data


@pytest.mark.parametrize("read", [reader.read_torch, reader.read_safetensors])
@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32", "float64"])
def test_safetensors_of_any_precision(read, kind, tmp_path):
    array = np.array([[1.0, -2.5, 0.0]]).astype(np.dtype(kind))
    code = {"float16": "F16", "bfloat16": "BF16", "float32": "F32", "float64": "F64"}[kind]
    (tmp_path / "G.pth").write_bytes(safetensors_file(code, [1, 3], array.tobytes()))
    found = read(tmp_path / "G.pth")["w"]
    assert found.dtype == (np.float32 if kind == "bfloat16" else kind)
    np.testing.assert_array_equal(found, array.astype(found.dtype))


def test_safetensors_of_other_types_or_cut_short_are_refused():
    whole = safetensors_file("F8_E4M3", [2], bytes(2))
    assert "'w' of type F8_E4M3, expected F16" in complaint(reader.read_torch, whole)
    assert "damaged: " in complaint(reader.read_torch, whole[:-1])


def test_settings_keep_their_state_and_no_code(tmp_path):
    settings = Raw(b"cmodels.utils.config\nBaseConfig\n)\x81" + dump({"alpha": 0}) + b"b")
    (tmp_path / "file").write_bytes(zip_layout({"config": settings}))
    found = reader.read_torch(tmp_path / "file")["config"]
    assert isinstance(found, Settings)
    assert found.state == {"alpha": 0}


@pytest.mark.parametrize("protocol", range(5))
def test_numpy_arrays_of_pickles(protocol, tmp_path):
    arrays = [np.arange(6.0).reshape(2, 3).T, np.float32(2.5), np.arange(3, dtype=">i4")]
    (tmp_path / "file").write_bytes(pickle.dumps(tuple(arrays), protocol))
    for found, array in zip(reader.read_pickle(tmp_path / "file"), arrays, strict=True):
        np.testing.assert_array_equal(found, array)


def test_a_network_of_a_pickle_is_its_state(tmp_path):
    state = {"version": 2, "build_module_src": "open('PWNED', 'w')", "variables": [("lod", 0)]}
    network = Raw(b"ctfutil\nNetwork\n)\x81" + dump(state) + b"b")
    (tmp_path / "file").write_bytes(pickled((network,)))
    (found,) = reader.read_pickle(tmp_path / "file")
    assert isinstance(found, TensorFlowNetwork)
    assert found.state == state


def test_npz_safetensors_and_json(tmp_path):
    arrays = {"block2/c1/W": np.ones((2, 3), "f4"), "N": np.asarray(7)}
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    safetensors.numpy.save_file(arrays, tmp_path / "a.safetensors")
    for found in (
        reader.read_npz(tmp_path / "a.npz"),
        reader.read_safetensors(tmp_path / "a.safetensors"),
    ):
        assert found.keys() == arrays.keys()
        np.testing.assert_array_equal(found["block2/c1/W"], arrays["block2/c1/W"])
    (tmp_path / "a.json").write_text('{"layers": [1]}')
    assert reader.read_json(tmp_path / "a.json") == {"layers": [1]}


PAYLOADS = [
    call("posix", "system", "touch PWNED"),
    call("__builtin__", "eval", "open('PWNED', 'w')"),
    call("builtins", "exec", "open('PWNED', 'w')"),
    call("torch.utils.collect_env", "run", "touch PWNED"),
    call("torch.storage", "_load_from_bytes", "x"),
    call("numpy.testing._private.utils", "runstring", "open('PWNED', 'w')", None),
    call("torch._utils", "os.system", "touch PWNED"),
    Raw(b"(iposix\nsystem\n"),
    Raw(b"\x82\x01"),  # an entry of Python's registry of extensions
]


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_payload_is_refused(layout, payload):
    content = LAYOUTS[layout]({"generator": {"w": np.ones(3, "f4"), "evil": payload}})
    assert "refused and not run" in complaint(reader.read_torch, content)
    assert "refused and not run" in complaint(reader.read_pickle, pickled(payload))


def test_the_payloads_would_run_elsewhere():
    """Otherwise the tests above would mean nothing."""
    for payload in PAYLOADS[:1]:
        code = f"import pickle; pickle.loads({pickled(payload)!r})"
        subprocess.run(["python", "-c", code], check=True)
        os.remove("PWNED")


CONTRADICTIONS = {
    "a storage of more numbers than there are": tensor("0", 1000, shape=(1000,), strides=(1,)),
    "a view beyond its storage": tensor("0", 4, shape=(2, 4), strides=(4, 1)),
    "an offset beyond it": tensor("0", 4, shape=(2,), strides=(1,), offset=3),
    "a view of a thousand times its storage": tensor("0", 4, shape=(4000,), strides=(0,)),
    "a negative stride": tensor("0", 4, shape=(2,), strides=(-1,)),
    "fewer strides than axes": tensor("0", 4, shape=(2, 2), strides=(1,)),
    "a storage that is missing": tensor("1", 4, shape=(4,), strides=(1,)),
    "attributes for a function": Raw(b"ctorch._utils\n_rebuild_tensor_v2\n}b"),
    "a jump in the memo": Raw(b"I1\nr\xff\xff\xff\xffj\x00\x00\x00\x01"),
    "a billion from few": Raw(b"I1\n" + b"".join(b"\x85" + b"2" * 9 for _ in range(9))),
}


@pytest.mark.parametrize("value", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_contradiction_is_refused(value):
    complaint(reader.read_torch, zip_layout({"w": value}, records={"0": bytes(16)}))


def test_a_list_that_shares_its_parts_stays_small(tmp_path):
    ten = b"(" + b"g0\n" * 10 + b"lp0\n"  # each list holds the one before ten times
    laughs = b"(I1\nlp0\n" + ten * 5
    (tmp_path / "file").write_bytes(pickled(Raw(laughs)))
    assert len(reader.read_pickle(tmp_path / "file")) == 10
    assert "without an end" in complaint(reader.read_pickle, pickled(Raw(laughs + ten)))


NESTED = b")" + b"2\x86" * 60  # a tuple of twice a tuple of twice ...: its hash and text never end
STORAGE = b"ctorch\nFloatStorage\n"
ENDLESS = {
    "a key": b"}" + NESTED + b"I1\ns",
    "one of several keys": b"}(I0\nI1\n" + NESTED + b"I1\nu",
    "a key of a dictionary in one go": b"(" + NESTED + b"I1\nd",
    "a key of pairs": b"ccollections\nOrderedDict\n((" + NESTED + b"I1\ntltR",
    "a member of a set": b"\x8f(" + NESTED + b"\x90",
    "a member of a frozen set": b"(" + NESTED + b"\x91",
    "a storage's name": b"((" + dump("storage") + STORAGE + NESTED + dump("cpu") + dump(1) + b"tQ",
    "a storage's size": b"(("
    + dump("storage")
    + STORAGE
    + dump("0")
    + dump("cpu")
    + NESTED
    + b"tQ",
    "a type's code": b"cnumpy\ndtype\n(" + NESTED + b"tR",
    "a byte order": b"cnumpy\ndtype\n(" + dump("f4") + b"tR(I3\n" + NESTED + b"tb",
    "an encoding": b"c_codecs\nencode\n(" + dump("x") + NESTED + b"tR",
    "a tensor's shape": bytes(tensor("0", 4, shape=(4,), strides=(1,))).replace(
        dump((4,)), b"(" + NESTED + b"t", 1
    ),
}


@pytest.mark.parametrize("value", ENDLESS.values(), ids=ENDLESS)
def test_what_never_ends_is_refused_at_once(value):
    complaint(reader.read_torch, zip_layout({"w": Raw(value)}, records={"0": bytes(16)}))
    complaint(reader.read_pickle, pickled(Raw(value)))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_cut_anywhere_is_refused(layout, saved):
    content = LAYOUTS[layout](saved)
    for share in (0.1, 0.5, 0.6, 0.99):
        complaint(reader.read_torch, content[: int(share * len(content))])


def zipped(*names):
    """The bytes of a zip archive of empty records."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    return content.getvalue()


def tarred():
    """The bytes of a tar archive."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("G.pth"))
    return content.getvalue()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d\n"
WHOLE = Raw(b"cBigGAN\nGenerator\n)\x81" + dump({"training": False}) + b"b")
WRONG = {
    "a web page": (b"<!DOCTYPE html><html>Quota exceeded</html>", "found a web page"),
    "a web page behind a line": (b"\n\n <html>", "found a web page"),
    "a pointer": (POINTER, "found a pointer of Git LFS"),
    "JSON": (b'{"error": "not found"}', "found text in JSON"),
    "nothing": (b"", "found an empty file"),
    "noise": (bytes(range(1, 200)), "another, damaged or shortened file"),
    "a pickle": (pickled({"w": 1}), "expected a file that PyTorch saved, found a pickle"),
    "an empty zip": (b"PK\x05\x06" + bytes(18), "expected"),
    "a program": (
        zipped("g/data.pkl", "g/constants.pkl", "g/code/__torch__.py"),
        "found a TorchScript archive",
    ),
    "an npz": (zipped("l1/W.npy", "l1/b.npy"), "found an .npz file"),
    "a zip of files": (zipped("weights/G.pth"), "found a zip archive of weights/G.pth: unpack"),
    "gzip": (gzip.compress(b"weights"), "found a gzip archive"),
    "tar": (tarred(), "found a tar archive"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(99), "found an HDF5 file"),
    "a whole model": (zip_layout(WHOLE), "the name 'BigGAN.Generator', as whole models"),
    "a model in a dictionary": (legacy_layout({"G": WHOLE}), "expected weights alone"),
}


@pytest.mark.parametrize(("content", "said"), WRONG.values(), ids=WRONG)
def test_a_file_of_another_kind_is_named(content, said):
    assert said in complaint(reader.read_torch, content)


@pytest.mark.parametrize(
    "read", [reader.read_npz, reader.read_safetensors, reader.read_json, reader.read_pickle]
)
@pytest.mark.parametrize("content", [b"", b"<html>", bytes(range(1, 200)), b"PK\x03\x04" * 9])
def test_other_readers_refuse_what_is_not_theirs(read, content):
    complaint(read, content)


OTHERS = {
    "a pointer": (POINTER, "a pointer of Git LFS"),
    "PyTorch's": (zip_layout({"w": np.ones(3)}), "a file that PyTorch saved"),
    "PyTorch's older": (legacy_layout({"w": np.ones(3)}), "a file that PyTorch saved"),
    "a pickle": (pickled({"w": 1}), "a pickle"),
    "safetensors": (safetensors_file("F32", [1], bytes(4)), "a .safetensors file"),
    "a web page": (b"<html>", "a web page"),
}


@pytest.mark.parametrize(("content", "said"), OTHERS.values(), ids=OTHERS)
def test_what_is_no_npz_is_named(content, said):
    assert f"expected an .npz file, found {said}" in complaint(reader.read_npz, content)


def test_a_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="found a folder: name the file in it"):
        reader.read_torch(tmp_path)


def npz(**arrays):
    """The bytes of an `.npz` file."""
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return bytearray(content.getvalue())


@pytest.mark.parametrize("place", [4, 6, 8, 60, 200, -60, -10])
def test_a_changed_byte_of_an_npz_is_no_traceback(place, tmp_path):
    content = npz(w=np.random.default_rng(0).normal(size=99))
    content[place] ^= 0xFF
    (tmp_path / "file").write_bytes(content)
    found = []
    with contextlib.suppress(InputError):  # some bytes are of no use to any reader
        found.append(reader.read_npz(tmp_path / "file"))
    assert all(arrays["w"].shape == (99,) for arrays in found)


def test_a_changed_byte_of_an_array_is_found():
    content = npz(w=np.random.default_rng(0).normal(size=99))
    content[len(content) // 2] ^= 0xFF
    complaint(reader.read_npz, bytes(content))


def test_names_of_an_npz_are_read_without_its_arrays(tmp_path):
    np.savez(tmp_path / "file.npz", **{"a/w": np.ones(3), "evil": np.array([{}], object)})
    assert reader.names_of_npz(tmp_path / "file.npz") == ["a/w", "evil"]
    assert reader.read_npz(tmp_path / "file.npz", "a/").keys() == {"a/w"}


def test_arrays_of_objects_are_refused(tmp_path):
    np.savez(tmp_path / "file", evil=np.array([{}], object))
    content = (tmp_path / "file.npz").read_bytes()
    assert "'evil'" in complaint(reader.read_npz, content)
    assert "a list where an object" in complaint(reader.read_json, json.dumps([1]).encode())


def test_what_would_fill_the_memory_is_refused(monkeypatch):
    content = zip_layout({"w": np.zeros(3000, "f4")})
    monkeypatch.setattr(reader, "LARGEST", len(content) // 2)
    assert "bytes" in complaint(reader.read_torch, content)
    with pytest.raises(InputError, match=r"gone: expected .* found no such file"):
        reader.read_torch("gone")
