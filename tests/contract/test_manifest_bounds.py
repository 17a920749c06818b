"""A manifest may come from anywhere: what is too much of it ends within a second, with a sentence that says where."""

import base64
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rostersync.api.v1alpha1.focusconnection import FocusConnection
from rostersync.errors import InvalidManifest
from rostersync.jobs.mount import _read
from rostersync.local.documents import MAX_DEPTH, MAX_VALUES, read
from rostersync.local.manifest_files import load

QUICK = 2.0  # seconds, on a busy machine; without bounds each of these takes minutes, or all memory


def bomb(first: str, wrap: str) -> str:
    """Twenty anchors, each of which stands for nine of the one before."""
    further = [f"a{i}: &a{i} {wrap % ','.join([f'*a{i - 1}'] * 9)}" for i in range(1, 20)]
    return "\n".join([f"a0: &a0 {first}", *further])


TOO_MUCH = {
    "a merge bomb": (bomb("{x: y}", "{<<: [%s]}"), "line 5: more than 20000 values"),
    "an alias bomb": (bomb("[x]", "[%s]"), "line 5: more than 20000 values"),
    "a long list": ("a:\n" + "- x\n" * 40_000, "more than 20000 values"),
    "many fields": ("\n".join(f"k{i}: v" for i in range(40_000)), "more than 20000 values"),
    "many documents": ("---\na: 1\n" * 20_000, "more than 20000 values"),
    "many lines": ("a: x" + "\n" * 500_000, "more than 50000 lines"),
    "deep brackets": ("a: " + "[" * 100_000, "line 1: mappings and lists more than 50 deep"),
    "deep brackets that close": ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "more than 50 deep"),
    "deep indentation": (
        "\n".join(" " * i + "a:" for i in range(1000)),
        "line 51: mappings and lists more than 50 deep",
    ),
    "a loop": ("a: &a [*a]", "line 1: an alias within what it stands for"),
    "a large file": ("a" * 2_000_000, "larger than 1 MiB"),
    "a number of many digits": ("a: 1\nb: " + "9" * 5000, "a value that cannot be read"),
    "a number to the base 60": ("a: " + ":".join(["1"] * 5000), "a value that cannot be read"),
    "NUL, escaped": ('a: 1\nb: "x\\0y"', "line 2: a NUL character"),
    "NUL in a list": ('a: ["\\x00"]', "line 1: a NUL character"),
    "NUL in a name": ('"a\\0": 1', "line 1: a NUL character"),
    "NUL as it is": ("a: x\0y", "characters that YAML does not allow"),
    "NUL as binary": ('a: !!binary "AAAA"', "not valid YAML"),
    "half a letter": ('a: "\\ud800"', "line 1: a NUL character or half a letter"),
    **{f"a tag {tag}": (f"a: !!{tag} x", "") for tag in ("int", "float", "bool", "timestamp", "set", "omap", "pairs")},
}


@pytest.mark.parametrize("what", TOO_MUCH)
def test_what_is_too_much_ends_soon_with_a_sentence(what: str, tmp_path: Path) -> None:
    text, said = TOO_MUCH[what]
    file = tmp_path / "manifest.yaml"
    file.write_text(text)
    began = time.monotonic()

    with pytest.raises(InvalidManifest) as error:
        list(read(file))

    assert time.monotonic() - began < QUICK
    assert str(error.value).startswith(f"{file}")
    assert said in str(error.value)


def test_what_is_not_too_much_is_read(tmp_path: Path) -> None:
    file = tmp_path / "manifest.yaml"
    deep = MAX_DEPTH - 1
    file.write_text(
        f"a: &a [x, y]\nb: *a\nc: {{<<: {{d: 1}}}}\nd: {'[' * deep}{']' * deep}\n" + "e: " + str([1] * 5000)
    )

    [document] = read(file)

    assert (document.value["a"], document.value["b"], document.value["c"]) == (["x", "y"], ["x", "y"], {"d": 1})
    assert len(document.value["e"]) == 5000 < MAX_VALUES


@pytest.mark.parametrize("part", ["data", "stringData"])
def test_a_secret_with_nul_is_refused_without_telling_it(part: str, tmp_path: Path) -> None:
    value = base64.b64encode(b"hush\0hush").decode() if part == "data" else '"hush\\0hush"'
    file = tmp_path / "secret.yaml"
    file.write_text(f"apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\n{part}:\n  clientID: {value}\n")

    with pytest.raises(InvalidManifest, match="NUL") as error:
        load([file], {})

    assert "line 5" in str(error.value)
    assert "hush" not in str(error.value)


def test_a_mounted_secret_with_nul_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clientID").write_text("a\0b")
    with pytest.raises(InvalidManifest, match=r"Secret focus holds .* NUL"):
        _read(tmp_path, "Secret focus")


@pytest.mark.parametrize(
    "spoiled",
    [
        {"sisIDPrefix": "a\0"},
        {"schoolsMapping": {"exclude": ["a\0"]}},
        {"jobTemplate": {"labels": {"a": "b\0"}}},
        {"deliveryConfig": {"serviceURL": "https://focus.example/\0", "credentialsSecretRef": {"name": "a"}}},
    ],
)
def test_a_connection_of_the_api_with_nul_is_refused(spoiled: dict[str, object]) -> None:
    """JSON of the API server may hold it as well."""
    delivery = {"serviceURL": "https://focus.example/v1p1", "credentialsSecretRef": {"name": "a"}}
    spec = {"termsOfUse": {"accepted": True}, "deliveryConfig": delivery} | spoiled
    with pytest.raises(ValueError, match="NUL"):
        FocusConnection.model_validate(
            {
                "apiVersion": "rostersync.dev/v1alpha1",
                "kind": "FocusConnection",
                "metadata": {"name": "a"},
                "spec": spec,
            }
        )


@pytest.mark.parametrize("command", [["version"], ["job", "--help"]])
def test_no_process_leaves_a_dump_of_its_memory(command: list[str]) -> None:
    """Nor does one that it starts: limits are inherited."""
    told = "import resource, rostersync.__main__ as m, atexit; atexit.register(lambda: print(resource.getrlimit(resource.RLIMIT_CORE))); "
    allowed = "resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2); "
    script = f"{told}{allowed}import sys; sys.argv = ['rostersync', *{command!r}]; m.main()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "(0, 0)"
    assert resource.getrlimit(resource.RLIMIT_CORE)[1] != 0, "nothing to see: this machine allows no dumps at all"
