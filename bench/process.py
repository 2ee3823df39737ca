#!/usr/bin/env python3
"""Whole processes: `picask search`, `picask --version`, beside a Python process that searches the same table with LanceDB
and the same query vector (a Python stack without even loading a model). Needs `make demo` done and lancedb in this Python.
Prints Markdown rows. Memory is the largest RssAnon seen in /proc/PID/status while the process runs: mapped files, which the
kernel can drop, do not count."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from pairs import compare, quantile, row

ROOT = pathlib.Path(__file__).resolve().parent.parent
PICASK = str(ROOT / "build" / "picask")
DB = str(ROOT / "build" / "demo")
QUERY = "a stop sign"

PEER = """
import json, sys, lancedb
vector = json.load(open(sys.argv[2]))
print(lancedb.connect(sys.argv[1]).open_table("pictures").search(vector).metric("cosine").limit(3).to_list()[0]["uri"])
"""


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def anonymous_peak(*command):
    """Largest RssAnon of /proc/PID/status seen while the command runs, in MB."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        try:
            with open(f"/proc/{process.pid}/status") as f:
                for line in f:
                    if line.startswith("RssAnon"):
                        peak = max(peak, int(line.split()[1]))
        except OSError:
            break
        time.sleep(.0005)
    return peak / 1024


def main():
    vector = json.loads(subprocess.run([PICASK, "embed", "--text", QUERY], check=True, capture_output=True,
                                       text=True).stdout)["embedding"]
    with tempfile.TemporaryDirectory() as scratch:
        vector_file = os.path.join(scratch, "vector.json")
        with open(vector_file, "w") as f:
            json.dump(vector, f)
        search = [PICASK, "search", "-d", DB, "-n", "3", QUERY]
        peer = [sys.executable, "-c", PEER, DB, vector_file]
        print("| whole process | picask ms | peer ms | ratio (10-90 %) |\n| --- | --- | --- | --- |")
        print(row("`picask search` (words to rows) / Python LanceDB (vector to rows)",
                  compare(lambda: run(*search), lambda: run(*peer))))
        print(row("`picask --version` / `python3 -c pass`",
                  compare(lambda: run(PICASK, "--version"), lambda: run(sys.executable, "-c", "pass"))))
        print(f"\nanonymous memory of `picask search`: {max(anonymous_peak(*search) for _ in range(15)):.1f} MB at most")
        embed = []
        for i in range(5):
            index = [PICASK, "index", "-d", os.path.join(scratch, str(i)), str(ROOT / "examples/pictures/captions.tsv")]
            embed.append(anonymous_peak(*index))
        print(f"anonymous memory of `picask index` on the 69 example pictures: {quantile(embed, .5):.0f} MB")


main()
