#!/bin/sh
# examples/gta.sh [SOURCE] - the vector search tutorial of the GTA screenshots from start to end: fetch the data set, look at it,
# make a table, add and remove a picture, search, show, ask. SOURCE is a data set of Hugging Face (without: the tutorial's), or a
# folder, caption file or Parquet file of your own. Run it where ./data may be made.
#
#   PICASK=build/picask PICASK_MODEL=ViT-L-14 examples/gta.sh      the tutorial's model (1.7 GB, fetched when it is not here)
#   examples/gta.sh ~/gta/captions.csv                             the built-in model, pictures of your own
set -eu

source=${1:-hf://datasets/vipulmaheshwari/GTA-Image-Captioning-Dataset}
examples=$(cd "$(dirname "$0")" && pwd)
picask=${PICASK:-picask}
export PICASK_DB="$PWD/data/tables" PICASK_TABLE=gta_data PICASK_MODEL="${PICASK_MODEL:-mini}"

step() { printf '\n== %s\n' "$*"; }

case $source in
hf://datasets/*)
    step "The data set, into Hugging Face's own cache"
    "$picask" dataset pull "$source"
    ;;
esac
if "$picask" model info --json "$PICASK_MODEL" | grep -q '"path": *null'; then
    step "The model $PICASK_MODEL"
    "$picask" model pull "$PICASK_MODEL"
fi

step "Two of its pictures"
"$picask" sample "$source" -n 2 --seed 1 --show

step "Every picture and caption into the table gta_data in ./data/tables"
"$picask" index "$source" --overwrite

step "One picture more, and out again"
added=$examples/pictures/000000525891.jpg
"$picask" index "$added"
"$picask" remove "$added"

step "The three nearest to a road with a stop sign"
"$picask" search "a road with a stop sign" -n 3

step "The best of them with its caption"
best=$("$picask" search "a road with a stop sign" -n 1 --no-show --json | sed 's/.*"id":\([0-9]*\).*/\1/')
"$picask" show "$best" --show

step "Asked in words"
"$picask" ask "where is the stop sign?" --show=1

step "The same table in Python: lancedb.connect(\"data/tables\").open_table(\"gta_data\")"
"$picask" table info
