"""model pull and dataset pull against a stand-in for the hub (hub_stand_in.py) that huggingface_hub itself takes for the hub:
each client finds what the other fetched; tokens, gated repositories, faults of the server and of the line."""
import contextlib
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

from hub_stand_in import HubStandIn

DATA, FULL = "datasets/org/pics", "org/pics"


def make_data_set(folder, name=DATA, large=300_000):
    """A small and a large file, one in a folder with a space, an empty one."""
    d, r = folder / name, random.Random(7)
    (d / "data" / "deep er").mkdir(parents=True)
    (d / "README.md").write_text("# pictures\n")
    (d / ".gitattributes").write_text("*.parquet filter=lfs\n")
    (d / "empty").write_bytes(b"")
    (d / "data" / "train-0.parquet").write_bytes(r.randbytes(large))
    (d / "data" / "deep er" / "ünï.bin").write_bytes(r.randbytes(5000))
    return d


def environment(t, hub, **more):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING", "TRANSFORMERS", "XDG_"))
             and "proxy" not in k.lower()}
    return dict(clean, HOME=str(t.tmp / "home"), HF_HOME=str(t.tmp / "hf"), HF_ENDPOINT=hub.endpoint,
                HF_HUB_DISABLE_TELEMETRY="1", HF_HUB_DISABLE_XET="1", HF_HUB_DISABLE_PROGRESS_BARS="1",
                HF_HUB_DISABLE_SHARED_BLOBS="1", **more)


@contextlib.contextmanager
def hub_of(t, large=300_000, **how):
    t.need("huggingface_hub")
    make_data_set(t.tmp / "repos", large=large)
    with HubStandIn(t.tmp / "repos", **how) as hub:
        yield hub


def pull(t, env, what=FULL, verb="dataset", more=()):
    rc, out, err = t.run([verb, "pull", what, *more], env=env)
    return rc, out.strip(), err


def pull_ok(t, env, what=FULL, verb="dataset"):
    rc, out, err = pull(t, env, what, verb)
    assert rc == 0, (rc, out, err)
    return pathlib.Path(out.splitlines()[-1])


def theirs(env, code):
    out = subprocess.run([sys.executable, "-c", "import huggingface_hub as h\n" + code], env=env, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    return out.stdout.strip()


SNAPSHOT = 'print(h.snapshot_download("org/pics", repo_type="dataset"{}))'


def tree(folder):
    """What lies below it: links as they are, files by their bytes; not the peer's own notes, nor the words of CACHEDIR.TAG."""
    out = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if "/trees" in name or name == "CACHEDIR.TAG":
            continue
        if path.is_symlink():
            out[name] = ("link", os.readlink(path))
        elif path.is_file():
            out[name] = ("file", path.read_bytes())
        else:
            out[name] = ("folder",)
    return out


def same_files(snapshot, source):
    names = lambda d: sorted(str(p.relative_to(d)) for p in d.rglob("*") if p.is_file())
    assert names(snapshot) == names(source), names(snapshot)
    for name in names(source):
        assert (snapshot / name).read_bytes() == (source / name).read_bytes(), name


def blobs(t, name="datasets--org--pics"):
    return {p.name: p.stat().st_size for p in (t.tmp / "hf" / "hub" / name / "blobs").glob("*")}


# ---- both clients ----

def test_what_we_pulled_huggingface_hub_finds_offline(t):
    with hub_of(t) as hub:
        env = environment(t, hub)
        folder = pull_ok(t, env)
        same_files(folder, t.tmp / "repos" / DATA)
        assert theirs(env, SNAPSHOT.format(", local_files_only=True")) == str(folder)
        off = dict(env, HF_HUB_OFFLINE="1", HF_ENDPOINT="http://127.0.0.1:9")
        assert theirs(off, SNAPSHOT.format("")) == str(folder)
        found = theirs(off, 'print(h.hf_hub_download("org/pics", "data/train-0.parquet", repo_type="dataset"))')
        assert found == str(folder / "data" / "train-0.parquet")


def test_what_huggingface_hub_pulled_we_find_offline(t):
    with hub_of(t) as hub:
        env = environment(t, hub)
        folder = theirs(env, SNAPSHOT.format(""))
        hub.forget()
        off = dict(env, HF_HUB_OFFLINE="1")
        assert str(pull_ok(t, off)) == folder
        assert not hub.requests
        assert str(pull_ok(t, env)) == folder  # and online only the listing is asked for
        assert hub.requests and all("/api/" in r["path"] for r in hub.requests)


def test_both_lay_out_the_same_tree_of_files(t):
    with hub_of(t, page=2) as hub:
        pull_ok(t, environment(t, hub))
        env = dict(environment(t, hub), HF_HOME=str(t.tmp / "theirs"))
        theirs(env, SNAPSHOT.format(""))
        ours = tree(t.tmp / "hf" / "hub")
        assert ours == tree(t.tmp / "theirs" / "hub")
        assert sum(1 for kind, *_ in ours.values() if kind == "link") == 5
        signature = lambda home: (t.tmp / home / "hub" / "CACHEDIR.TAG").read_text().splitlines()[0]
        assert signature("hf") == signature("theirs")


def test_each_goes_on_with_what_the_other_has_of_a_repository(t):
    with hub_of(t) as hub:
        env = environment(t, hub)
        theirs(env, 'print(h.hf_hub_download("org/pics", "data/train-0.parquet", repo_type="dataset"))')
        hub.forget()
        same_files(pull_ok(t, env), t.tmp / "repos" / DATA)
        assert not hub.seen("cdn", path="train-0")
        (t.tmp / "repos" / DATA / "new.bin").write_bytes(b"n" * 6000)
        hub.forget()
        theirs(env, SNAPSHOT.format(""))
        assert [r["path"] for r in hub.seen("cdn", "GET")] == [f"/blob/{DATA}/new.bin?signature=abc"]
        hub.forget()
        pull_ok(t, env)
        assert not hub.seen("cdn")


def test_of_a_changed_repository_only_what_is_new_is_fetched(t):
    with hub_of(t) as hub:
        env = environment(t, hub)
        old = pull_ok(t, env)
        (t.tmp / "repos" / DATA / "README.md").write_text("# more pictures\n")
        hub.forget()
        new = pull_ok(t, env)
        assert new != old and (old / "README.md").read_text() == "# pictures\n"
        same_files(new, t.tmp / "repos" / DATA)
        assert {r["path"].rsplit("/", 1)[-1] for r in hub.seen("hub", path="/resolve/")} == {"README.md"}
        assert theirs(env, SNAPSHOT.format(", local_files_only=True")) == str(new)


def test_a_pull_that_breaks_leaves_the_old_snapshot_in_use(t):
    with hub_of(t) as hub:
        env = environment(t, hub)
        old = pull_ok(t, env)
        (t.tmp / "repos" / DATA / "data" / "train-0.parquet").write_bytes(b"z" * 400_000)
        hub.fault("status", "train-0", times=99, n=403)
        rc, _, err = pull(t, env)
        assert rc == 2 and "refuses" in err, err
        assert str(pull_ok(t, dict(env, HF_HUB_OFFLINE="1"))) == str(old)


def test_a_revision_has_its_own_ref_and_a_commit_none(t):
    with hub_of(t) as hub:
        hub.branches.add("refs/convert/parquet")
        env = environment(t, hub)
        refs = t.tmp / "hf" / "hub" / "datasets--org--pics" / "refs"
        commit = hub.commit(DATA)
        by_commit = pull_ok(t, env, f"{FULL}@{commit}")
        assert by_commit.name == commit and not refs.exists()
        assert pull_ok(t, env, f"hf://datasets/{FULL}@refs/convert/parquet") == by_commit
        assert (refs / "refs" / "convert" / "parquet").read_text() == commit
        assert theirs(env, SNAPSHOT.format(', local_files_only=True, revision="refs/convert/parquet"')) == str(by_commit)
        rc, _, err = pull(t, env, FULL + "@v9")
        assert rc == 2 and f"data set {FULL} has no revision 'v9'" in err, err


def test_a_glob_takes_some_files(t):
    with hub_of(t) as hub:
        env = environment(t, hub)
        folder = pull_ok(t, env, f"hf://datasets/{FULL}/data/*.parquet")
        assert [p.name for p in folder.rglob("*") if p.is_file()] == ["train-0.parquet"]
        rc, _, err = pull(t, env, f"hf://datasets/{FULL}/*.csv")
        assert rc == 2 and "has no file that is called *.csv" in err, err


# ---- models ----

def make_clip(t, name):
    script = t.fixtures.parent / "golden" / "clip_weights.py"
    folder = t.tmp / "repos" / "models" / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, str(script), str(folder), "--model", "ViT-B-32", "--vocab", "1000"], check=True, capture_output=True)
    return folder


def test_a_model_comes_with_what_it_needs_and_no_more(t):
    t.need("numpy")
    with hub_of(t) as hub:
        folder = make_clip(t, "tiny/clip")
        for name, size in (("README.md", 50), ("flax_model.msgpack", 9000), ("pytorch_model.bin", 9000), ("onnx/model.onnx", 9000)):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(b"x" * size)
        env = environment(t, hub)
        rc, _, err = t.run(["embed", "-m", "tiny/clip", "--text", "a dog"], env=env)
        assert rc == 2 and "where Hugging Face has it: picask model pull tiny/clip" in err, err
        assert not hub.requests
        snapshot = pull_ok(t, env, "tiny/clip", "model")
        got = sorted(p.name for p in snapshot.rglob("*") if p.is_file())
        assert "model.safetensors" in got and "config.json" in got, got
        assert not {"README.md", "flax_model.msgpack", "pytorch_model.bin", "model.onnx"} & set(got), got
        hub.forget()
        rc, out, err = t.run(["embed", "-m", "tiny/clip", "--text", "a dog"], env=env)
        assert rc == 0 and len(json.loads(out)["embedding"]) > 0, err
        assert pull_ok(t, env, "tiny/clip", "model") == snapshot
        assert not hub.requests
        found = theirs(dict(env, HF_HUB_OFFLINE="1"), 'print(h.hf_hub_download("tiny/clip", "config.json"))')
        assert found == str(snapshot / "config.json")


def test_shards_come_all(t):
    with hub_of(t) as hub:
        folder = t.tmp / "repos" / "models" / "org" / "sharded"
        folder.mkdir(parents=True)
        for name in ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"):
            (folder / name).write_text(name)
        (folder / "config.json").write_text('{"model_type": "clip"}')
        (folder / "pytorch_model.bin").write_text("not this")
        got = sorted(p.name for p in pull_ok(t, environment(t, hub), "org/sharded", "model").iterdir())
        assert got == ["config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                       "model.safetensors.index.json"], got


def forget_file(snapshot, name):
    """As it is where a pull ended before this file came."""
    (snapshot / name).resolve().unlink()
    (snapshot / name).unlink()


def test_what_is_missing_beside_weights_is_fetched(t):
    with hub_of(t) as hub:
        folder = t.tmp / "repos" / "models" / "openai" / "clip-vit-base-patch32"
        folder.mkdir(parents=True)
        for name in ("model.safetensors", "config.json", "vocab.json"):
            (folder / name).write_bytes(name.encode() * 1000)
        env = environment(t, hub)
        snapshot = pull_ok(t, env, "ViT-B-32", "model")
        main = t.tmp / "hf/hub/models--openai--clip-vit-base-patch32/refs/main"
        for broke_off in (False, True):
            forget_file(snapshot, "config.json")
            if broke_off:
                main.unlink()
            hub.forget()
            assert pull_ok(t, env, "ViT-B-32", "model") == snapshot
            assert (snapshot / "config.json").read_bytes() == (folder / "config.json").read_bytes()
            assert main.read_text() == snapshot.name
            assert not [r for r in hub.requests if "model.safetensors" in r["path"]], hub.requests
        forget_file(snapshot, "config.json")
        (folder / "vocab.json").write_text("another")  # the commit that the weights are of is the one that counts
        rc, _, err = t.run(["model", "pull", "ViT-B-32"], env=dict(env, HF_HUB_OFFLINE="1"))
        assert rc == 0, err  # as before: what is here can be used


def test_shards_that_a_broken_pull_left_out_are_fetched(t):
    with hub_of(t) as hub:
        folder = t.tmp / "repos" / "models" / "org" / "sharded"
        folder.mkdir(parents=True)
        shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
        for name in shards:
            (folder / name).write_text(name)
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": shards[0], "b": shards[1]}}))
        (folder / "config.json").write_text('{"model_type": "clip"}')
        env = environment(t, hub)
        snapshot = pull_ok(t, env, "org/sharded", "model")
        hub.forget()
        assert pull_ok(t, env, "org/sharded", "model") == snapshot and not hub.requests
        forget_file(snapshot, shards[1])
        (t.tmp / "hf/hub/models--org--sharded/refs/main").unlink()
        assert pull_ok(t, env, "org/sharded", "model") == snapshot
        assert (snapshot / shards[1]).read_text() == shards[1]


def test_weights_that_are_not_the_published_ones_are_told(t):
    with hub_of(t) as hub:
        for repository, name, told in (("openai/clip-vit-base-patch32", "ViT-B-32", True),
                                       ("openai/clip-vit-base-patch16", "ViT-B-16", False)):  # of which no hash is published
            folder = t.tmp / "repos" / "models" / repository
            folder.mkdir(parents=True)
            (folder / "model.safetensors").write_bytes(b"other" * 5000)
            (folder / "config.json").write_text("{}")
            rc, _, err = pull(t, environment(t, hub), name, "model")
            assert rc == 0, err
            assert ("is not the file that was published as ViT-B-32/openai" in err and "99d28a652e6ec466" in err) == told, err


def test_a_name_of_the_catalogue_is_its_repository(t):
    with hub_of(t) as hub:
        folder = t.tmp / "repos" / "models" / "openai" / "clip-vit-base-patch32"
        folder.mkdir(parents=True)
        for name in ("model.safetensors", "pytorch_model.bin", "config.json", "vocab.json", "merges.txt", "tf_model.h5"):
            (folder / name).write_bytes(name.encode() * 1000)
        env = environment(t, hub)
        rc, out, err = t.run(["model", "pull", "ViT-B-32", "--json"], env=env)
        assert rc == 0, err
        said = json.loads(out)
        snapshot = pathlib.Path(said["path"])
        assert said["name"] == "ViT-B-32" and said["fetched"], said
        assert said["bytes"] == sum(p.stat().st_size for p in snapshot.iterdir())
        assert sorted(p.name for p in snapshot.iterdir()) == ["config.json", "merges.txt", "model.safetensors", "vocab.json"]
        assert "fetching ViT-B-32: " in err, err
        rc, out, _ = t.run(["model", "pull", "vit-b/32", "--json"], env=dict(env, HF_HUB_OFFLINE="1"))
        assert rc == 0 and not json.loads(out)["fetched"]
        rc, out, _ = t.run(["model", "list", "--json"], env=env)
        cards = {card["name"]: card for card in map(json.loads, out.splitlines())}
        assert cards["ViT-B-32/openai"]["path"] == str(snapshot / "model.safetensors")


def test_a_repository_of_another_kind_is_refused_before_anything_large_comes(t):
    with hub_of(t) as hub:
        folder = t.tmp / "repos" / "models" / "org" / "bert"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text('{"model_type": "bert"}')
        (folder / "model.safetensors").write_bytes(b"b" * 100_000)
        rc, _, err = pull(t, environment(t, hub), "org/bert", "model")
        assert rc == 2 and "org/bert holds no CLIP: its config.json says bert" in err, err
        assert not hub.seen("cdn")
        (folder / "config.json").unlink()
        rc, _, err = pull(t, environment(t, hub), "org/bert", "model")
        assert rc == 2 and "neither config.json nor open_clip_config.json" in err, err


# ---- tokens and rights ----

def test_the_token_goes_to_the_hub_and_to_no_other_host(t):
    with hub_of(t) as hub:
        env = environment(t, hub, HF_TOKEN="hf_good")
        pull_ok(t, env)
        assert hub.seen("cdn") and all(r["authorization"] is None for r in hub.seen("cdn"))
        assert all(r["authorization"] == "Bearer hf_good" for r in hub.seen("hub"))
        assert all(r["user_agent"].startswith("picask/") for r in hub.requests)
        hub.forget()
        # the interface itself leads elsewhere: to the same address under another name, and to another port
        port = hub.endpoint.rsplit(":", 1)[1]
        for to in (f"http://localhost:{port}/api/{DATA}/revision/main?again", f"{hub.cdn}/x"):
            hub.forget()
            hub.fault("redirect", "/revision/main", to=to)
            pull(t, env)
            others = [r for r in hub.requests if "again" in r["path"] or r["server"] == "cdn"]
            assert others and all(r["authorization"] is None for r in others), others


def test_the_token_comes_from_where_huggingface_hub_takes_it(t):
    with hub_of(t) as hub:
        env = environment(t, hub)
        (t.tmp / "hf").mkdir()
        (t.tmp / "hf" / "token").write_text(" hf_good\n")
        (t.tmp / "other").write_text("hf_other")
        hub.tokens |= {"hf_other", "hf_third"}
        for more, wanted in (({}, "hf_good"), ({"HF_TOKEN_PATH": str(t.tmp / "other")}, "hf_other"),
                             ({"HF_TOKEN": "hf_third\n"}, "hf_third"), ({"HUGGING_FACE_HUB_TOKEN": "hf_third"}, "hf_third"),
                             ({"HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}, None)):
            hub.forget()
            pull_ok(t, dict(env, **more))
            assert hub.requests[0]["authorization"] == (f"Bearer {wanted}" if wanted else None), more
        rc, _, err = pull(t, dict(env, HF_TOKEN="hf_a\r\nX-Evil: 1"))
        assert rc == 2 and "has a letter that no token has" in err, err


def test_each_refusal_is_a_sentence_with_the_page_that_helps(t):
    with hub_of(t) as hub:
        env = environment(t, hub)
        token = dict(env, HF_TOKEN="hf_good")
        hub.gated.add(DATA)
        host = hub.endpoint.split("//")[1]
        page = f"{hub.endpoint}/datasets/{FULL}"
        for e, wanted in ((env, f"{FULL} is gated: ask for access at {page}, then set HF_TOKEN"),
                          (token, f"{FULL} is gated, and the token of HF_TOKEN has no access yet: ask for it at {page}"),
                          (dict(env, HF_TOKEN="hf_bad"), f"the hub does not take the token of HF_TOKEN; make one at {hub.endpoint}/settings/tokens")):
            rc, out, err = pull(t, e)
            assert rc == 2 and err.strip() == wanted, err
        hub.granted.add("hf_good")
        pull_ok(t, token)
        hub.private.add(DATA)
        rc, _, err = pull(t, env)
        assert err.strip() == f"there is no data set {FULL} at {host}, or no right to see it; one that is private needs HF_TOKEN", err
        pull_ok(t, token)
        rc, _, err = pull(t, token, "org/nothing")
        assert err.strip() == f"there is no data set org/nothing at {host}, or no right to see it", err
        rc, _, err = pull(t, token, "ViT-L-14/opanai", "model")
        assert "did you mean ViT-L-14/openai?" in err, err


def test_offline_nothing_is_asked(t):
    with hub_of(t) as hub:
        env = environment(t, hub, HF_HUB_OFFLINE="1")
        rc, _, err = pull(t, env)
        assert rc == 2 and f"data set {FULL} is not in the hub's cache" in err and "HF_HUB_OFFLINE" in err, err
        assert not hub.requests


# ---- what goes wrong on the way ----

def large_hash(t):
    return hashlib.sha256((t.tmp / "repos" / DATA / "data" / "train-0.parquet").read_bytes()).hexdigest()


def test_a_connection_that_drops_is_gone_on_with(t):
    with hub_of(t) as hub:
        hub.fault("drop", "train-0", times=2, n=100_000)
        same_files(pull_ok(t, environment(t, hub)), t.tmp / "repos" / DATA)
        ranges = [r["range"] for r in hub.seen("cdn", path="train-0")]
        assert ranges == [None, "bytes=100000-", "bytes=200000-"], ranges


def test_a_hub_that_goes_away_for_a_moment_is_waited_for(t):
    with hub_of(t) as hub:
        hub.fault("drop", "train-0", n=100_000)
        env, refuse = environment(t, hub), threading.Event()
        take = hub.servers[0].verify_request  # of a connection: false ends it before an answer
        hub.servers[0].verify_request = lambda *a: not refuse.is_set() and take(*a)
        body = hub.servers[1].RequestHandlerClass.body

        def and_then_away(self, *a):
            body(self, *a)
            if not refuse.is_set():
                refuse.set()
                threading.Timer(1.0, refuse.clear).start()

        hub.servers[1].RequestHandlerClass.body = and_then_away
        same_files(pull_ok(t, env), t.tmp / "repos" / DATA)


def test_a_killed_pull_is_gone_on_with(t):
    with hub_of(t, large=4_000_000) as hub:
        env = environment(t, hub)
        hub.fault("slow", "train-0", n=2_000_000)
        p = subprocess.Popen([str(t.build / "picask"), "dataset", "pull", FULL], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_partial(t, large_hash(t))
        p.kill()
        p.wait()
        assert not list((t.tmp / "hf/hub/datasets--org--pics/snapshots").glob("*/data/train-0.parquet"))
        kept = blobs(t)[large_hash(t) + ".incomplete"]
        hub.forget()
        rc, out, err = pull(t, env)
        assert rc == 0 and "are here" in err, err
        same_files(pathlib.Path(out), t.tmp / "repos" / DATA)
        assert [r["range"] for r in hub.seen("cdn", path="train-0")] == [f"bytes={kept}-"]
        assert not [n for n in blobs(t) if "incomplete" in n]


def wait_for_partial(t, hash, seconds=10):
    path = t.tmp / "hf" / "hub" / "datasets--org--pics" / "blobs" / (hash + ".incomplete")
    until = time.time() + seconds
    while not path.exists() or path.stat().st_size == 0:
        assert time.time() < until, "nothing came"
        time.sleep(0.02)


def test_ctrl_c_keeps_what_came(t):
    with hub_of(t, large=4_000_000) as hub:
        env = environment(t, hub)
        hub.fault("slow", "train-0", n=1_000_000)
        p = subprocess.Popen([str(t.build / "picask"), "dataset", "pull", FULL], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for_partial(t, large_hash(t))
        began = time.time()
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=10)
        assert p.returncode == 130 and out == "" and "the same command goes on from there" in err, (p.returncode, err)
        assert time.time() - began < 1.0
        assert blobs(t)[large_hash(t) + ".incomplete"] > 0
        same_files(pull_ok(t, env), t.tmp / "repos" / DATA)


def test_a_server_without_ranges_gives_the_file_anew(t):
    with hub_of(t) as hub:
        env = environment(t, hub)
        hub.fault("drop", "train-0", n=100_000)
        hub.fault("no range", "train-0")
        same_files(pull_ok(t, env), t.tmp / "repos" / DATA)


def test_wrong_bytes_leave_nothing_behind(t):
    for name in ("train-0", "README"):
        with hub_of(t) as hub:
            env = environment(t, hub)
            hub.fault("wrong", name, times=9)
            rc, _, err = pull(t, env)
            assert rc == 2 and "is not what the hub's listing says" in err and "nothing of it was kept" in err, err
            wrong = large_hash(t) if name == "train-0" else hub.files(DATA)["README.md"][1]
            assert not [n for n in blobs(t) if n.startswith(wrong)]
            hub.faults.clear()
            same_files(pull_ok(t, env), t.tmp / "repos" / DATA)
        shutil.rmtree(t.tmp / "hf")
        shutil.rmtree(t.tmp / "repos")


def test_a_part_of_something_else_is_found_out(t):
    with hub_of(t) as hub:
        for bytes in (b"q" * 1234, b"q" * 300_000, b"q" * 400_000):
            blob = t.tmp / "hf" / "hub" / "datasets--org--pics" / "blobs" / (large_hash(t) + ".incomplete")
            blob.parent.mkdir(parents=True, exist_ok=True)
            blob.write_bytes(bytes)
            same_files(pull_ok(t, environment(t, hub)), t.tmp / "repos" / DATA)
            shutil.rmtree(t.tmp / "hf")


def test_passing_trouble_of_the_server_is_waited_for(t):
    with hub_of(t) as hub:
        env = environment(t, hub)
        hub.fault("status", "/revision/", n=500)
        hub.fault("status", "/tree/", n=429, headers={"Retry-After": "1"})
        hub.fault("status", "README", n=503)
        hub.fault("short", "train-0", n=50)
        began = time.time()
        same_files(pull_ok(t, env), t.tmp / "repos" / DATA)
        assert time.time() - began > 1.5
        hub.fault("status", "/tree/", n=429, headers={"Retry-After": "3600"})
        rc, _, err = pull(t, env)
        assert rc == 2 and "asks to wait 3600 seconds" in err, err


def test_trouble_that_stays_is_told(t):
    with hub_of(t) as hub:
        hub.fault("status", "/tree/", n=502, times=99)
        rc, _, err = pull(t, environment(t, hub))
        assert rc == 2 and "has an error of its own (502); try again later" in err, err
        assert len(hub.seen(path="/tree/")) == 5


def test_forty_files_come_four_at_a_time(t):
    with hub_of(t) as hub:
        for i in range(40):
            (t.tmp / "repos" / DATA / f"part-{i:02}.bin").write_bytes(random.Random(i).randbytes(20_000))
        most, now, lock, body = 0, 0, threading.Lock(), None
        handler = hub.servers[1].RequestHandlerClass
        body = handler.body

        def counted(self, path, headers):
            nonlocal most, now
            with lock:
                now += 1
                most = max(most, now)
            time.sleep(0.02)
            body(self, path, headers)
            with lock:
                now -= 1

        handler.body = counted
        same_files(pull_ok(t, environment(t, hub)), t.tmp / "repos" / DATA)
        assert 2 <= most <= 4, most


# ---- locks ----

def test_we_wait_for_the_lock_of_python(t):
    with hub_of(t) as hub:
        from filelock import FileLock  # huggingface_hub's own
        env = environment(t, hub)
        lock = t.tmp / "hf" / "hub" / ".locks" / "datasets--org--pics" / (large_hash(t) + ".lock")
        lock.parent.mkdir(parents=True)
        with FileLock(str(lock)):
            p = subprocess.Popen([str(t.build / "picask"), "dataset", "pull", FULL], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            time.sleep(2.8)
            assert p.poll() is None and not hub.seen("cdn", path="train-0")
        out, err = p.communicate(timeout=20)
        assert p.returncode == 0 and "waiting until another download of data/train-0.parquet ends" in err, err
        same_files(pathlib.Path(out.strip()), t.tmp / "repos" / DATA)


def test_python_waits_for_our_lock_and_fetches_nothing_twice(t):
    with hub_of(t, large=2_000_000) as hub:
        env = environment(t, hub)
        hub.fault("slow", "train-0", n=2_000_000)
        p = subprocess.Popen([str(t.build / "picask"), "dataset", "pull", FULL], env=env, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True)
        wait_for_partial(t, large_hash(t))
        found = theirs(env, SNAPSHOT.format(""))
        assert p.communicate(timeout=20)[0].strip() == found
        assert len(hub.seen("cdn", "GET", "train-0")) == 1


def test_two_of_ours_share_the_work(t):
    with hub_of(t, large=2_000_000) as hub:
        env = environment(t, hub)
        both = [subprocess.Popen([str(t.build / "picask"), "dataset", "pull", FULL], env=env, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, text=True) for _ in range(2)]
        out = [p.communicate(timeout=30)[0] for p in both]
        assert out[0] == out[1] != "" and all(p.returncode == 0 for p in both)
        same_files(pathlib.Path(out[0].strip()), t.tmp / "repos" / DATA)
        assert len(hub.seen("cdn", "GET", "train-0")) == 1


# ---- a server that means ill ----

def entry(path, oid="a" * 40, size=1):
    return {"type": "file", "path": path, "oid": oid, "size": size}


def test_a_listing_that_leads_out_of_the_folder_is_refused(t):
    with hub_of(t) as hub:
        env = environment(t, hub)
        for pages in ([entry("../../../../evil")], [entry("/etc/evil")], [entry("a//b")], [entry("a/../b")], [entry("a\u0007b")], [entry("")],
                      [entry("x", oid="../../evil")], [entry("x", oid="A" * 40)], [entry("x", size=-1)], [entry("x", size=1.5)],
                      [entry("x"), entry("x")], [{"type": "file"}], [7], {"error": "x"}, [entry("a" * 300)], [entry("x", size="1")]):
            hub.fault("body", "/tree/", to=json.dumps(pages))
            rc, _, err = pull(t, env)
            assert rc == 2 and "the listing" in err, (pages, err)
        for info in ("", "{}", "[]", '{"sha": "../../x"}', '{"sha": 7}', "\x00" * 50, "[" * 100_000):
            hub.fault("body", "/revision/", to=info)
            rc, _, err = pull(t, env)
            assert rc == 2 and "names no commit" in err, (info[:20], err)
        assert not (t.tmp / "hf" / "evil").exists() and not blobs(t)


def test_answers_without_end_are_ended(t):
    with hub_of(t) as hub:
        env = environment(t, hub)
        hub.fault("headers", "/revision/")
        rc, _, err = pull(t, env)
        assert rc == 2 and "bytes of headers" in err, err
        hub.fault("body", "/tree/", to=b"[" + b" " * (17 << 20) + b"]")
        rc, _, err = pull(t, env)
        assert rc == 2 and "more than 16777216 bytes" in err, err
        hub.fault("redirect", "/revision/", to=f"/api/{DATA}/revision/main", times=99)
        rc, _, err = pull(t, env)
        assert rc == 2 and "more than 10 redirects" in err, err
        hub.faults.clear()
        for to in ("file:///etc/passwd", "ftp://127.0.0.1/x", "http://user@127.0.0.1/", "http://", "\x01"):
            hub.fault("redirect", "/revision/", to=to)
            rc, _, err = pull(t, env)
            assert rc == 2 and ("no address" in err or "answers" in err or "names no commit" in err or "no model" in err
                                or "there is no data set" in err), (to, err)


def test_more_bytes_than_the_listing_says_are_not_taken(t):
    with hub_of(t) as hub:
        env = environment(t, hub)
        hub.fault("body", "/blob/", to=b"y" * 1_000_000, times=9)
        rc, _, err = pull(t, env)
        assert rc == 2 and "more bytes come than the hub's listing says" in err, err
        assert all(size <= 300_000 for size in blobs(t).values())


def test_a_certificate_that_nobody_vouches_for_is_refused(t):
    import ssl
    if not shutil.which("openssl"):
        t.skip("there is no openssl to make a certificate with")
    pem, key = t.tmp / "cert.pem", t.tmp / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(pem)], check=True, capture_output=True)
    with hub_of(t) as hub:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem, key)
        hub.servers[0].socket = context.wrap_socket(hub.servers[0].socket, server_side=True)
        hub.endpoint = hub.endpoint.replace("http://", "https://")
        env = environment(t, hub)
        rc, _, err = pull(t, env)
        assert rc == 2 and "no answer from 127.0.0.1" in err and "certificate" in err, err
        assert not hub.requests
        rc, _, err = pull(t, dict(env, SSL_CERT_FILE=str(pem)))
        assert rc == 2 and "leads from https to 'http://localhost" in err, err
        hub.lfs_from = 1 << 30
        same_files(pull_ok(t, dict(env, SSL_CERT_FILE=str(pem))), t.tmp / "repos" / DATA)


# ---- disks ----

def test_a_disk_that_is_too_small_is_told_before_anything_comes(t):
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        t.skip("this system gives no user namespace")
    with hub_of(t, large=3_000_000) as hub:
        env = environment(t, hub)
        (t.tmp / "hf").mkdir()
        script = f'mount -t tmpfs -o size=1m tmpfs "{t.tmp}/hf" || exit 77; "$0" dataset pull {FULL}; code=$?; ls -R "{t.tmp}/hf"; exit $code'
        p = subprocess.run(["unshare", "-rm", "sh", "-c", script, str(t.build / "picask")], env=env, capture_output=True, text=True)
        if p.returncode == 77:
            t.skip("this system gives no user namespace")
        assert p.returncode == 2 and f"disk full: data set {FULL} needs 3.0 MB more in " in p.stderr, p.stderr
        assert "nothing was fetched" in p.stderr and not hub.seen("cdn"), p.stderr
        assert "incomplete" not in p.stdout
