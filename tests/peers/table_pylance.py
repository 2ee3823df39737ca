"""What pylance, which checks tables more closely than LanceDB, says of ours. For check-all: it is a large package."""
import os

import lancelet
import pyarrow as pa
from table_rows import check_equal, every_type, pictures


def path(t, name="t"):
    return str(t.tmp / f"{name}.lance")


def test_pylance_validates_our_tables_after_every_kind_of_commit(t):
    t.need("lance")
    import lance
    ours = lancelet.create(path(t), pictures(0, 100))
    steps = [dict(rows=pictures(100, 50)), dict(delete=[3, 4, 1 << 32]), dict(rows=pictures(200, 2), delete=[5]),
             dict(delete=[(1 << 32) + i for i in range(1, 50)]), dict(config={"a": "1", "b": "2"}), dict(config={"a": None}),
             dict(rows=pictures(300, 3).select(["id"])), dict(rows=pictures(0, 4), overwrite=True), dict(rows=pictures(5, 0))]
    for step in steps:
        ours = ours.commit(**step)
        dataset = lance.dataset(path(t))
        dataset.validate()
        assert dataset.version == ours.info["version"]
        check_equal(ours.scan(), dataset.to_table())
    names = [type(x.operation).__name__ for x in lance.dataset(path(t)).get_transactions(20)]
    assert names[:1] == ["Append"] and names[-1:] == ["Overwrite"], names
    assert lance.dataset(path(t)).config() == {"b": "2"}


def test_every_type_in_both_file_versions_is_the_same_for_pylance_and_us(t):
    t.need("lance")
    import lance
    rows = every_type(2500)
    for version in ("2.1", "2.2"):
        name = "t" + version
        lance.write_dataset(rows.slice(0, 2000), path(t, name), data_storage_version=version)
        ours = lancelet.open(path(t, name))
        check_equal(ours.scan(), rows.slice(0, 2000))
        ours = ours.commit(rows=rows.slice(2000))
        lance.dataset(path(t, name)).validate()
        check_equal(lance.dataset(path(t, name)).to_table(), rows)


def test_a_table_of_mixed_file_versions_is_read_written_and_compacted_into_its_own(t):
    t.need("lance")
    import lance
    lance.write_dataset(pictures(0, 10), path(t), data_storage_version="2.1")
    try:
        lance.write_dataset(pictures(10, 10), path(t), mode="append", data_storage_version="2.2")
    except (OSError, ValueError) as e:
        t.skip(f"pylance does not mix file versions: {e}")
    ours = lancelet.open(path(t))
    check_equal(ours.scan(), lance.dataset(path(t)).to_table())
    ours = ours.commit(rows=pictures(20, 5), delete=[3])
    ours, report = ours.compact()
    assert report == {"fragments_before": 3, "fragments_after": 1, "rows": 24}, report
    dataset = lance.dataset(path(t))
    check_equal(ours.scan(), dataset.to_table())
    assert [f.file_minor_version for x in dataset.get_fragments() for f in x.data_files()] == [1]
    lance.write_dataset(pictures(30, 5), path(t), mode="append")
    check_equal(lancelet.open(path(t)).scan(), lance.dataset(path(t)).to_table())


def test_pylance_deletes_updates_and_compacts_a_table_of_ours(t):
    t.need("lance")
    import lance
    lancelet.create(path(t), pictures(0, 100)).commit(rows=pictures(100, 100), delete=[7])
    dataset = lance.dataset(path(t))
    dataset.delete("id % 4 = 0")
    check_equal(lancelet.open(path(t)).scan(), lance.dataset(path(t)).to_table())
    dataset.update({"text": "'new'"}, where="id < 50")
    check_equal(lancelet.open(path(t)).scan(), lance.dataset(path(t)).to_table())
    dataset.optimize.compact_files()
    ours = lancelet.open(path(t))
    check_equal(ours.scan(), lance.dataset(path(t)).to_table())
    assert ours.info["fragments"] == 1
    lance.dataset(path(t)).cleanup_old_versions(older_than=__import__("datetime").timedelta(0))
    check_equal(lancelet.open(path(t)).scan(), lance.dataset(path(t)).to_table())
    assert len(os.listdir(path(t) + "/data")) == 1


def test_pylance_validates_our_tables_after_every_change_and_reads_what_it_was(t):
    t.need("lance")
    import lance
    ours = lancelet.create(path(t), pictures(0, 100))
    ours, _ = ours.delete("id < 3")
    ours, _ = ours.update({"text": "'new'"}, "id = 50")
    ours, _ = ours.upsert(["id"], pictures(90, 20))
    ours = ours.add_columns(pa.table({"more": list(range(ours.rows))}))
    ours = ours.add_columns(pa.schema([("none", pa.string())]).empty_table())
    ours = ours.drop_columns(["text"])
    ours, _ = ours.compact()
    ours = lancelet.open(path(t), 2).restore()
    for version in range(1, 10):
        dataset = lance.dataset(path(t), version=version)
        dataset.validate()
        check_equal(lancelet.open(path(t), version).scan(), dataset.to_table())
    transactions = lance.dataset(path(t)).get_transactions(20)
    kinds = [type(x.operation).__name__ for x in transactions][::-1]
    assert kinds == ["Overwrite", "Delete", "Update", "Update", "Merge", "Merge", "Project", "Rewrite", "Restore"], kinds
    assert transactions[-2].operation.predicate == "id < 3"
