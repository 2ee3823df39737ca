"""The hub cache that huggingface_hub itself lays out and looks into: the same environment, the same file."""
import itertools
import json
import os
import pathlib
import subprocess
import sys

THEIRS = """
import sys
from huggingface_hub import constants, try_to_load_from_cache
print(constants.HF_HUB_CACHE)
found = try_to_load_from_cache(sys.argv[1], sys.argv[2])
print(found if isinstance(found, str) else "")
"""
REPOSITORY = "openai/clip-vit-base-patch32"
VARIABLES = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME")


def theirs(env, file):
    out = subprocess.run([sys.executable, "-c", THEIRS, REPOSITORY, file], env=env, capture_output=True, text=True, check=True)
    return (out.stdout + "\n").split("\n")[:2]


def ours(t, env):
    """Where `model list` says that ViT-B/32 lies, and the folder that a missing model belongs into."""
    rc, out, err = t.run(["model", "list", "--json"], env=env)
    assert rc == 0, err
    cards = {card["name"]: card for card in map(json.loads, out.splitlines())}
    return cards["ViT-B-32/openai"]["path"], cards["ViT-g-14/laion2b_s34b_b88k"]["put"].split("(into ")[1].split(")")[0]


def lay_out(folder):
    """A repository as huggingface_hub's own functions name and link it."""
    from huggingface_hub import file_download
    repository = folder / file_download.repo_folder_name(repo_id=REPOSITORY, repo_type="model")
    for commit, text in (("a" * 40, "old"), ("b" * 40, "new")):
        snapshot = repository / "snapshots" / commit
        snapshot.mkdir(parents=True)
        blob = repository / "blobs" / text
        blob.parent.mkdir(exist_ok=True)
        blob.write_text(text)
        file_download._create_symlink(str(blob), str(snapshot / "model.safetensors"))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("a" * 40)


def test_each_environment_leads_to_the_folder_of_huggingface_hub(t):
    t.need("huggingface_hub")
    clean = {k: v for k, v in os.environ.items() if k not in VARIABLES}
    for chosen in itertools.chain.from_iterable(itertools.combinations(VARIABLES, n) for n in range(5)):
        env = dict(clean, HOME=str(t.tmp / "home"), **{v: str(t.tmp / v.lower()) for v in chosen})
        folder = theirs(env, "model.safetensors")[0]
        shown = ours(t, env)[1].replace("~", str(t.tmp / "home"))
        assert shown == folder, (chosen, shown, folder)
        tilde = dict(clean, HOME=str(t.tmp / "home"), **{v: f"~/{v.lower()}" for v in chosen if v != "XDG_CACHE_HOME"})
        assert ours(t, tilde)[1].replace("~", str(t.tmp / "home")) == theirs(tilde, "x")[0], chosen


def test_the_snapshot_of_refs_main_is_the_one_that_huggingface_hub_loads(t):
    t.need("huggingface_hub")
    hub = pathlib.Path(t.tmp) / "hub"
    lay_out(hub)
    env = dict(os.environ, HF_HUB_CACHE=str(hub), HOME=str(t.tmp))
    found = theirs(env, "model.safetensors")[1]
    assert found.endswith("a" * 40 + "/model.safetensors"), found
    assert ours(t, env)[0] == found
