"""Tables of Lance's first years (the Lance project's own test data, pylance 0.5 to 0.36, in ../shared/lance/old_versions): what
each gives. The values' crc32 is that of what pylance 14.0.2 reads (`to_pylist` as JSON)."""
import json
import shutil
import zlib

import lancelet

READ = {  # name: (rows, crc32 of the values)
    "0.27.0/legacy_fts_index": (3, 4142231925),
    "0.36.0/btree_in_index_pkg.lance": (1000, 3941271819),
    "v0.15.0/v1_no_files.lance": (0, 223132457),
    "v0.15.0/v2_no_files.lance": (0, 223132457),
    "v0.15.0/v2_with_files.lance": (3, 3677738150),
    "v0.16.0/wrong_data_version_can_fix.lance": (3, 2108533197),
    "v0.18.2/index_no_details.lance": (100, 2800056571),
    "v0.20.0/old_btree_bitmap_indices.lance": (4, 3032600661),
    "v0.21.0/bad_index_fragment_bitmap": (288, 3813803891),
    "v0.27.1/pq_in_schema": (512, 1964269537),
    "v0.5.9/no_fragments": (0, 223132457),
}
LEGACY = ["v0.10.5/corrupt_schema", "v0.15.0/v1_with_files.lance", "v0.5.9/dataset_with_fragments", "v0.7.5/with_deletions",
          "v0.8.0/migrated_from_v0.7.5", "v0.8.14/corrupt_index"]
REFUSED = {  # name: (status, part of the sentence)
    # the same fragment id twice, once with a legacy file: no writer of today makes or repairs it
    "v0.16.0/wrong_data_version_no_fix.lance": ("CORRUPT", "two fragments have the id 1"),
}
# The sample lacks its data files, as it does where it comes from.
WITHOUT_DATA = {"v0.30.0_pre_created_at/index_without_created_at": "is not there"}
REWRITTEN = set(LEGACY) - {"v0.5.9/dataset_with_fragments"}  # that one lacks its data files too


def folder(t):
    t.need_shared()
    return t.shared / "lance" / "old_versions"


def refusal(call):
    try:
        call()
    except (lancelet.Error, OSError) as e:
        return str(e)
    raise AssertionError("not refused")


def check(rows):
    return zlib.crc32(json.dumps(rows.to_pylist(), default=str).encode())


def test_every_old_table_is_among_those_checked_here(t):
    root = folder(t)
    found = {str(p.parent.relative_to(root)) for p in root.glob("**/_versions")}
    assert found == set(READ) | set(LEGACY) | set(REFUSED) | set(WITHOUT_DATA), found


def test_old_tables_of_file_version_2_0_read_to_their_values(t):
    for name, (rows, crc) in READ.items():
        ours = lancelet.open(str(folder(t) / name))
        got = ours.scan()
        assert ours.rows == got.num_rows == rows and check(got) == crc, (name, got.num_rows, check(got))


def test_legacy_tables_are_refused_with_the_lines_that_rewrite_them(t):
    for name in LEGACY:
        path = str(folder(t) / name)
        text = refusal(lambda: lancelet.open(path))
        assert "UNSUPPORTED" in text and "legacy" in text and "import lance; " in text, text
        assert f'lance.write_dataset(lance.dataset("{path}").to_table(), ' in text, text


def test_broken_old_tables_are_refused_by_name(t):
    for name, (status, part) in REFUSED.items():
        text = refusal(lambda: lancelet.open(str(folder(t) / name)))
        assert status in text and part in text, text
    for name, part in WITHOUT_DATA.items():
        text = refusal(lambda: lancelet.open(str(folder(t) / name)).scan())
        assert part in text, text


def test_the_lines_in_the_refusal_make_a_table_that_is_read(t):
    t.need("lance")
    import lance
    for name in sorted(REWRITTEN):
        path = str(t.tmp / name.replace("/", "-"))
        shutil.copytree(folder(t) / name, path)
        lines = refusal(lambda: lancelet.open(path)).partition("import lance; ")[2]
        new = str(t.tmp / f"new-{name.replace('/', '-')}")
        exec(lines.replace("new.lance", new), {"lance": lance})
        ours = lancelet.open(new).scan()
        assert ours.num_rows > 0 and ours.to_pylist() == lance.dataset(path).to_table().to_pylist(), name
