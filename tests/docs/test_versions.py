"""What several files say of versions agrees."""

from __future__ import annotations

import json
import re
import tomllib

from doc_examples import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PYTHONS = re.findall(
    r"Programming Language :: Python :: (3\.\d+)", "\n".join(PROJECT["project"]["classifiers"])
)


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def test_every_python_that_is_promised_is_tested() -> None:
    [matrix] = re.findall(r"^ *python: (\[.*\])$", text(".github/workflows/ci.yml"), re.MULTILINE)
    assert json.loads(matrix) == PYTHONS


def test_the_lowest_python_is_the_same_everywhere() -> None:
    lowest = PYTHONS[0]
    assert PROJECT["project"]["requires-python"] == f">={lowest}"
    assert PROJECT["tool"]["mypy"]["python_version"] == lowest
    for page in ("README.md", "docs/start.md"):
        assert re.findall(r"Python (\d\.\d+) or newer", text(page)) == [lowest]


def test_containers_take_a_python_that_is_tested() -> None:
    taken = re.findall(r"^FROM python:(3\.\d+)", text("Dockerfile"), re.MULTILINE)
    taken += re.findall(r"devcontainers/python:(3\.\d+)", text(".devcontainer/devcontainer.json"))
    taken += re.findall(r'python-version: "(.*)"', text(".github/workflows/release.yml"))
    assert len(taken) == 5
    assert set(taken) <= set(PYTHONS)


def test_the_version_is_the_one_to_cite_and_the_newest_of_the_changes() -> None:
    version = PROJECT["project"]["version"]
    assert re.findall(r"^version: (.*)$", text("CITATION.cff"), re.MULTILINE) == [version]
    newest = re.search(r"^## (\S+)", text("CHANGELOG.md"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == version


def test_pins_keep_to_the_ranges() -> None:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    lines = [line for line in text("constraints.txt").splitlines() if not line.startswith("#")]
    pins = {canonicalize_name(r.name): r for r in map(Requirement, lines)}
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = [*PROJECT["project"]["dependencies"], *extras["test"], *extras["docs"], *extras["dev"]]
    for requirement in map(Requirement, wanted):
        if requirement.name != "mrtoct":
            [pin] = pins[canonicalize_name(requirement.name)].specifier
            assert requirement.specifier.contains(pin.version), f"{pin} of {requirement}"


def test_the_guide_to_gpus_names_the_range_of_torch() -> None:
    [torch] = [r for r in PROJECT["project"]["dependencies"] if r.startswith("torch")]
    low, above = re.findall(r"2\.(\d+)", torch)
    assert f"the range (2.{low} to 2.{int(above) - 1})" in text("docs/gpu.md")


CONDA = {"matplotlib": "matplotlib-base", "torch": "pytorch"}
"""Packages that conda-forge calls otherwise."""


def test_the_conda_recipe_asks_for_what_the_package_does() -> None:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    recipe = text("conda/recipe/recipe.yaml")
    [run] = re.findall(r"^  run:\n((?:    - .+\n)+)", recipe, re.MULTILINE)
    [python, *asked] = re.findall(r"^    - (\S+) ?(.*)$", run, re.MULTILINE)
    assert python == ("python", ">=${{ python_min }}")
    wanted = {}
    for requirement in map(Requirement, PROJECT["project"]["dependencies"]):
        name = canonicalize_name(requirement.name)
        wanted[CONDA.get(name, name)] = set(str(requirement.specifier).split(","))
    assert {name: set(range_.split(",")) for name, range_ in asked} == wanted

    project = PROJECT["project"]
    context = dict(re.findall(r'^  (\w+): "?([\w.]+)"?$', recipe.partition("\npackage:")[0], re.M))
    assert context == {
        "name": project["name"],
        "version": project["version"],
        "python_min": project["requires-python"].removeprefix(">="),
    }
    [build] = PROJECT["build-system"]["requires"]
    assert f"    - {build.replace('>', ' >', 1)}\n" in recipe
    [(command, target)] = project["scripts"].items()
    assert f"      - {command} = {target}\n" in recipe
    assert project["description"].partition(":")[0] in recipe
    assert f"license: {project['license']}\n" in recipe
