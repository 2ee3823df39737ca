"""Compaction, cleanup and bringing back the last whole version, looked at by the real LanceDB."""
import datetime
import os
import random
import shutil
import threading
import time

import lancedb
import lancelet
import pyarrow as pa
from table_rows import check_equal, every_type, pictures

DAY = 86400 * 10**6


def connect(t, version="2.2"):
    return lancedb.connect(str(t.tmp), storage_options={"new_table_data_storage_version": version})


def path(t, name="t"):
    return str(t.tmp / f"{name}.lance")


def same(t, ours, name="t"):
    check_equal(ours.scan(), connect(t).open_table(name).to_arrow())


def grown(t, appends, rows=1, name="t"):
    """A table of 1,000 rows and `appends` commits of `rows` more."""
    ours = lancelet.create(path(t, name), pictures(0, 1000))
    for i in range(appends):
        ours = ours.commit(rows=pictures(1000 + i * rows, rows))
    return ours


def refused(status, function, *args, **options):
    try:
        function(*args, **options)
    except lancelet.Error as e:
        assert e.status == status, e
        return str(e)
    raise AssertionError(f"{function.__name__} was done")


def tree(folder):
    """Every file below a folder, with its size."""
    found = {}
    for base, _, names in os.walk(folder):
        for name in names:
            file = os.path.join(base, name)
            found[os.path.relpath(file, folder)] = os.path.getsize(file)
    return found


# ---- compaction ----


def test_small_fragments_become_one_and_every_row_stays_in_its_place(t):
    for version in ("2.1", "2.2"):
        table = connect(t, version).create_table("t", pictures(0, 500), mode="overwrite")
        for i in range(9):
            table.add(pictures(500 + 10 * i, 10))
        ours = lancelet.open(path(t))
        rows = ours.scan()
        ours, report = ours.compact()
        assert report == {"fragments_before": 10, "fragments_after": 1, "rows": 590}, report
        assert ours.info["fragments"] == 1 and ours.info["data_version"].decode() == version
        check_equal(ours.scan(), rows)
        same(t, ours)
        again, report = ours.compact()
        assert report["rows"] == 0 and again.info["version"] == ours.info["version"]
        table.checkout_latest()
        table.add(pictures(9000, 5))
        table.delete("id = 9001")
        same(t, lancelet.open(path(t)))


def test_every_type_outlives_a_compaction(t):
    rows = every_type(1500)
    for version in ("2.1", "2.2"):
        table = connect(t, version).create_table("t", rows.slice(0, 700), mode="overwrite", on_bad_vectors="null")
        table.add(rows.slice(700), on_bad_vectors="null")
        table.delete("int64 = 7")
        before = lancelet.open(path(t)).scan()
        ours, report = lancelet.open(path(t)).compact()
        assert report["fragments_after"] == 1, report
        check_equal(ours.scan(), before)
        same(t, ours)


def test_a_group_never_has_more_rows_than_asked_for_and_compacting_again_changes_nothing(t):
    ours = grown(t, 30, 7)
    rows = ours.scan()
    ours, report = ours.compact(target_rows=50)
    assert report["fragments_before"] == 30 and report["fragments_after"] == 5, report
    check_equal(ours.scan(), rows)
    same(t, ours)
    assert ours.compact(target_rows=50)[1]["fragments_before"] == 0


def test_deleted_rows_leave_the_files_from_a_share_on(t):
    ours = lancelet.create(path(t), pictures(0, 1000))
    ours = ours.commit(delete=list(range(100)))
    ours, report = ours.compact()
    assert report["rows"] == 0, report
    ours = ours.commit(delete=[100])
    before = ours.scan()
    ours, report = ours.compact()
    assert report == {"fragments_before": 1, "fragments_after": 1, "rows": 899}, report
    assert ours.info["deleted_rows"] == 0
    check_equal(ours.scan(), before)
    same(t, ours)


def test_added_columns_move_into_one_file_and_dropped_ones_vanish(t):
    lancelet.create(path(t), pictures(0, 300))
    table = connect(t).open_table("t")
    table.add_columns({"twice": "id * 2", "gone": "id + 1"})
    table.drop_columns(["gone", "text"])
    before = lancelet.open(path(t))
    rows = before.scan()
    ours, report = before.compact()
    assert report == {"fragments_before": 1, "fragments_after": 1, "rows": 300}, report
    check_equal(ours.scan(), rows)
    same(t, ours)
    table = connect(t).open_table("t")
    table.add(pa.table({"id": pa.array([1000], pa.int64()), "vector": rows["vector"].slice(0, 1),
                        "twice": pa.array([5], pa.int64())}))
    same(t, lancelet.open(path(t)))


def test_many_small_fragments_are_put_together_without_the_large_one(t):
    ours = lancelet.create(path(t), pictures(0, 5000))
    written = most = 0
    for i in range(300):
        ours = ours.commit(rows=pictures(5000 + i, 1))
        ours, report = ours.compact(least_fragments=32)
        written += report["rows"]
        most = max(most, ours.info["fragments"])
    assert most <= 32 + 9, most
    assert written <= 300 * 9, written  # a row again whenever its fragment doubles, and never the first 5,000
    assert ours.scan(["id"])["id"].to_pylist() == list(range(5300))
    same(t, ours)


def test_an_index_of_lancedb_answers_after_a_compaction_and_optimize_heals_it(t):
    db = connect(t)
    table = db.create_table("t", pictures(0, 2000, 32))
    table.create_index("cosine", num_partitions=2, vector_column_name="vector", index_type="IVF_FLAT")
    table.create_scalar_index("id")
    ours = lancelet.open(path(t))
    for i in range(5):
        ours = ours.commit(rows=pictures(2000 + 10 * i, 10, 32))
    query = pictures(9999, 1, 32)["vector"][0].as_py()
    best = ours.take([a for a, _ in ours.search(query, 5)])["id"].to_pylist()
    ours, _ = ours.compact()
    assert ours.info["indices"] == 2

    def ask():
        table = db.open_table("t")
        rows = table.search(query).distance_type("cosine").nprobes(2).limit(5).to_list()
        assert [r["id"] for r in rows] == best
        assert [r["id"] for r in table.search().where("id = 2013").to_list()] == [2013]
        return table.index_stats("vector_idx")

    assert ask().num_unindexed_rows == 2050
    db.open_table("t").optimize()
    assert ask().num_unindexed_rows == 0


def test_lancedb_compacts_what_we_compacted_and_the_other_way_round(t):
    ours = grown(t, 20)
    ours, _ = ours.compact(target_rows=15)
    table = connect(t).open_table("t")
    table.optimize()
    for i in range(20):
        table.add(pictures(5000 + i, 1))
    ours, _ = lancelet.open(path(t)).compact()
    assert ours.info["fragments"] == 1
    same(t, ours)


def test_rows_deleted_and_added_by_another_writer_during_a_compaction_stay_so(t):
    ours = grown(t, 40)
    stop, failed, deleted = threading.Event(), [], []

    def writer():
        try:
            table = connect(t).open_table("t")
            for i in range(25):
                table.checkout_latest()
                table.delete(f"id = {i * 41}")
                deleted.append(i * 41)
                table.add(pictures(7000 + i, 1))
        except Exception as e:
            failed.append(e)
        finally:
            stop.set()

    thread = threading.Thread(target=writer)
    thread.start()
    compactions = 0
    while not stop.is_set():
        try:
            _, report = lancelet.open(path(t)).compact(deleted_share=0)
            compactions += report["rows"] > 0
        except lancelet.Error as e:
            assert e.status == "CONFLICT", e
    thread.join()
    for e in failed:  # LanceDB itself may give up a race
        assert any(w in str(e).lower() for w in ("conflict", "retry", "retries")), e
    ours, _ = lancelet.open(path(t)).compact(deleted_share=0)
    ids = sorted(ours.scan(["id"])["id"].to_pylist())
    there = set(range(1040)) - set(deleted)
    assert [i for i in ids if i < 7000] == sorted(there) and len(set(ids)) == len(ids)
    assert compactions > 0 and ours.info["fragments"] == 1
    same(t, ours)


def test_an_upgrade_keeps_schema_config_and_tags_and_older_versions(t):
    t.need_shared()
    for old, minor in (("seed_20", 1), ("seed_20", 2), ("seed_21", 2), ("seed_22", 1)):
        shutil.rmtree(path(t), ignore_errors=True)
        shutil.copytree(t.shared / "lance" / "samples_040" / f"{old}.lance", path(t))
        table = connect(t).open_table("t")
        table.tags.create("before", table.version)
        rows, schema = table.to_arrow(), table.schema
        ours, report = lancelet.open(path(t)).compact(upgrade_minor=minor)
        assert ours.info["data_version"].decode() == f"2.{minor}" and report["rows"] == len(rows)
        table = connect(t).open_table("t")
        assert table.schema.equals(schema, check_metadata=True)
        check_equal(table.to_arrow(), rows)
        check_equal(ours.scan(), rows)
        assert table.tags.list()["before"]["version"] == table.version - 1
        table.checkout("before")
        check_equal(table.to_arrow(), rows)
        ours = lancelet.open(path(t))
        ours = ours.commit(rows=rows.slice(0, 3))
        same(t, ours)
        assert ours.compact(upgrade_minor=minor)[0].info["data_version"].decode() == f"2.{minor}"


# ---- cleanup ----


def worked_on(t, name="t"):
    """A table with appends, deletes, updates, an index and a tag by LanceDB; each version names other files."""
    db = connect(t)
    table = db.create_table(name, pictures(0, 600, 32))
    table.create_index("cosine", num_partitions=2, vector_column_name="vector", index_type="IVF_FLAT")
    table.add(pictures(600, 50, 32))
    table.delete("id % 10 = 3")
    table.update(where="id = 15", values={"text": "new"})
    table.optimize()
    table.delete("id = 20")
    table.add(pictures(700, 5, 32))
    table.optimize()


def test_cleanup_leaves_what_lancedb_s_cleanup_leaves(t):
    worked_on(t)
    shutil.copytree(path(t), path(t, "u"))
    for i, name in enumerate(("tu", "ut")):  # each library cleans one and then the other's leavings
        theirs, mine = connect(t).open_table(name[0]), path(t, name[1])
        before = tree(mine)
        plan = lancelet.cleanup(mine, older_than_us=0, dry_run=True)
        assert tree(mine) == before
        report = lancelet.cleanup(mine, older_than_us=0)
        assert report == plan, (report, plan)
        after = tree(mine)
        assert report["versions"] + report["files"] == len(before) - len(after)
        assert report["bytes"] == sum(before.values()) - sum(after.values())
        assert (report["versions"] > 3 and report["files"] > 5) == (i == 0), report
        theirs.optimize(cleanup_older_than=datetime.timedelta(microseconds=1))
        left = {f: n for f, n in tree(path(t, name[0])).items() if not f.startswith("_versions/latest")}
        after = {f: n for f, n in after.items() if not f.startswith("_versions/latest")}
        assert sorted(left) == sorted(after), set(left) ^ set(after)
        table = connect(t).open_table(name[1])
        same(t, lancelet.open(mine), name[1])
        assert len(table.list_versions()) == 1
        query = pictures(9999, 1, 32)["vector"][0].as_py()
        assert len(table.search(query).limit(5).to_list()) == 5


def test_tagged_versions_stay_whole(t):
    ours = grown(t, 3)
    table = connect(t).open_table("t")
    table.delete("id < 10")
    table.tags.create("kept", table.version)
    table.update(where="id = 15", values={"text": "new"})
    lancelet.open(path(t)).compact()
    rows = table.to_arrow()
    lancelet.cleanup(path(t), older_than_us=0)
    assert len(lancelet.versions(path(t))) == 2
    table = connect(t).open_table("t")
    same(t, lancelet.open(path(t)))
    table.checkout("kept")
    assert table.count_rows() == len(table.to_arrow()) == 993
    connect(t).open_table("t").tags.delete("kept")
    assert lancelet.cleanup(path(t), older_than_us=0)["versions"] == 1


def test_young_versions_and_files_that_no_version_names_stay(t):
    ours = grown(t, 5)
    orphan = path(t) + "/data/" + "0" * 24 + "f" * 26 + ".lance"
    temporary = path(t) + "/_versions/.tmp-left"
    for file in (orphan, temporary, path(t) + "/data/x.sums", path(t) + "/note.lance"):
        open(file, "w").write("x")
    assert lancelet.cleanup(path(t)) == {"versions": 0, "files": 0, "bytes": 0}
    report = lancelet.cleanup(path(t), older_than_us=0)
    assert report["versions"] == 5 and os.path.exists(orphan) and os.path.exists(temporary), report
    old = time.time() - 7 * 86400 - 60
    for file in (orphan, temporary, path(t) + "/data/x.sums", path(t) + "/note.lance"):
        os.utime(file, (old, old))
    assert lancelet.cleanup(path(t))["files"] == 2
    assert not os.path.exists(orphan) and not os.path.exists(temporary)
    assert os.path.exists(path(t) + "/data/x.sums") and os.path.exists(path(t) + "/note.lance")
    open(orphan, "w").write("x")
    assert lancelet.cleanup(path(t), unverified=True)["files"] == 1
    same(t, lancelet.open(path(t)))


def test_cleanup_removes_nothing_where_a_manifest_cannot_be_read_or_there_are_branches(t):
    grown(t, 5)
    manifests = sorted(f for f in tree(path(t)) if f.endswith(".manifest"))
    file = os.path.join(path(t), manifests[2])
    whole = open(file, "rb").read()
    open(file, "wb").write(whole[:-100])
    before = tree(path(t))
    assert os.path.basename(file) in refused("CORRUPT", lancelet.cleanup, path(t), older_than_us=0)
    open(file, "wb").write(whole)
    os.makedirs(path(t) + "/tree/mine/_versions")
    assert "branches" in refused("UNSUPPORTED", lancelet.cleanup, path(t), older_than_us=0)
    assert {f for f in tree(path(t))} == set(before)
    refused("NOT_FOUND", lancelet.cleanup, path(t, "none"))


def test_cleanup_in_a_loop_leaves_a_writer_between_its_data_and_its_commit_alone(t):
    ours = grown(t, 3)
    reached, go = threading.Event(), threading.Event()

    def batches():
        rows = pictures(5000, 3000)
        yield from rows.slice(0, 2000).to_batches()
        reached.set()
        go.wait(60)
        yield from rows.slice(2000).to_batches()

    made = []
    reader = pa.RecordBatchReader.from_batches(pictures(0, 0).schema, batches())
    thread = threading.Thread(target=lambda: made.append(ours.commit(rows=reader)))
    thread.start()
    assert reached.wait(60)
    files = tree(path(t) + "/data")
    assert len(files) == 5
    for _ in range(20):
        lancelet.cleanup(path(t), older_than_us=0)
    assert tree(path(t) + "/data") == files and len(lancelet.versions(path(t))) == 1
    go.set()
    thread.join()
    newest = lancelet.open(path(t))
    assert made and newest.rows == 1003 + 3000
    assert sorted(newest.scan(["id"])["id"].to_pylist()) == list(range(1003)) + list(range(5000, 8000))
    same(t, newest)


# ---- the last whole version ----


def manifest(t, version):
    return path(t) + f"/_versions/{2**64 - 1 - version:020}.manifest"


def damage_of(kind, file, table, rng):
    if kind == "data":
        newest = max((os.path.join(table, "data", f) for f in os.listdir(table + "/data")), key=os.path.getmtime)
        os.remove(newest)
        return
    b = bytearray(open(file, "rb").read())
    if kind == "empty":
        b = b""
    elif kind == "zeros":
        b = bytes(len(b))
    elif kind == "cut":
        b = b[: rng.randrange(1, len(b))]
    elif kind == "half":
        b[len(b) // 2:] = bytes(len(b) - len(b) // 2)
    elif kind == "magic":
        b[-1] ^= 32
    elif kind == "position":
        b[-16] ^= 0x41
    open(file, "wb").write(b)


def test_the_newest_whole_version_comes_back_from_every_kind_of_damage(t):
    rng = random.Random(5)
    for kind in ("empty", "zeros", "cut", "half", "magic", "position", "data"):
        shutil.rmtree(path(t), ignore_errors=True)
        ours = grown(t, 4)
        assert "nothing" in refused("CONFLICT", lancelet.restore_last_good, path(t))
        damage_of(kind, manifest(t, 5), path(t), rng)
        rows = lancelet.open(path(t), 4).scan()
        ours = lancelet.restore_last_good(path(t))
        assert ours.info["version"] == 6, kind
        check_equal(ours.scan(), rows)
        table = connect(t).open_table("t")
        assert table.version == 6
        check_equal(table.to_arrow(), rows)
        assert [v["version"] for v in table.list_versions()] == [1, 2, 3, 4, 6]
        for v in table.list_versions():
            table.checkout(v["version"])
            assert len(table.to_arrow()) == table.count_rows()
        assert os.path.exists(manifest(t, 5) + ".broken")
        table.checkout_latest()
        table.add(pictures(9000, 2))
        ours = lancelet.open(path(t)).commit(rows=pictures(9002, 1), delete=[5])
        assert ours.info["version"] == 8 and ours.rows == 1003 + 3 - 1
        same(t, ours)
        lancelet.cleanup(path(t), older_than_us=0)
        same(t, lancelet.open(path(t)))
        refused("CONFLICT", lancelet.restore_last_good, path(t))


def test_several_broken_versions_are_put_aside_and_a_table_without_a_whole_one_is_not_found(t):
    ours = grown(t, 6)
    for version in (5, 6, 7):
        open(manifest(t, version), "wb").close()
    ours = lancelet.restore_last_good(path(t))
    assert ours.info["version"] == 8 and ours.rows == 1003
    assert [v["version"] for v in connect(t).open_table("t").list_versions()] == [1, 2, 3, 4, 8]
    for version in (1, 2, 3, 4, 8):
        open(manifest(t, version), "wb").close()
    refused("NOT_FOUND", lancelet.restore_last_good, path(t))
    refused("NOT_FOUND", lancelet.restore_last_good, path(t, "none"))


def test_a_restore_that_was_cut_short_is_finished_by_the_next(t):
    ours = grown(t, 4)
    open(manifest(t, 5), "wb").close()
    lancelet.restore_last_good(path(t))
    os.rename(manifest(t, 5) + ".broken", manifest(t, 5))  # as a crash before the renaming leaves it
    assert connect(t).open_table("t").count_rows() == 1003
    ours = lancelet.restore_last_good(path(t))
    assert ours.info["version"] == 6
    assert [v["version"] for v in connect(t).open_table("t").list_versions()] == [1, 2, 3, 4, 6]
    refused("CONFLICT", lancelet.restore_last_good, path(t))
