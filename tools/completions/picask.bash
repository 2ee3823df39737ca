# picask.bash - completion for bash 3.2 and newer, with or without the bash-completion package.
# Source it, or put it into share/bash-completion/completions/picask.

# The folder of tables by -d on the line, PICASK_DB, .picask here or above, the default.
_picask_db()
{
    local i folder
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -d | --db)
            # readline splits --db=DIR at the equals sign
            if [[ ${COMP_WORDS[i + 1]} == = ]]; then folder=${COMP_WORDS[i + 2]}; else folder=${COMP_WORDS[i + 1]}; fi
            printf '%s\n' "${folder/#\~/$HOME}"
            return
            ;;
        esac
    done
    if [[ -n $PICASK_DB ]]; then
        printf '%s\n' "$PICASK_DB"
        return
    fi
    folder=$PWD
    while :; do
        if [[ -d $folder/.picask ]]; then
            printf '%s\n' "$folder/.picask"
            return
        fi
        [[ -n $folder ]] || break
        folder=${folder%/*}
    done
    printf '%s\n' "${XDG_DATA_HOME:-$HOME/.local/share}/picask"
}

_picask_tables()
{
    local db table
    db=$(_picask_db)
    for table in "$db"/*.lance; do
        [[ -d $table ]] || continue
        table=${table##*/}
        printf '%s\n' "${table%.lance}"
    done
}

# Versions' tags of the table by -t on the line, PICASK_TABLE, the default.
_picask_tags()
{
    local i table=${PICASK_TABLE:-pictures}
    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} != -t && ${COMP_WORDS[i]} != --table ]] || table=${COMP_WORDS[i + 1]}
    done
    "${COMP_WORDS[0]/#\~/$HOME}" table tag -d "$(_picask_db)" -t "$table" 2>/dev/null | cut -f 1
}

# Names of models: canonical, as `picask model list` has them.
_picask_models()
{
    printf '%s\n' mini
    "${COMP_WORDS[0]/#\~/$HOME}" model list 2>/dev/null | cut -f 1
}

# A model: a name, or a file or folder.
_picask_model()
{
    case $1 in
    [./~]*) _picask_files "$1" 'safetensors|pt|pth|bin|json' ;;
    *) _picask_words "$1" "$(_picask_models)" ;;
    esac
}

# Files and folders; with an argument only files whose names end so (an extended regular expression). readline does the
# quoting and the slash behind folders.
_picask_files()
{
    local IFS=$'\n' file
    COMPREPLY=()
    for file in $(compgen -f -- "$1"); do
        if [[ -z $2 || -d ${file/#\~/$HOME} || $file =~ \.($2)$ ]]; then
            COMPREPLY+=("$file")
        fi
    done
    compopt -o filenames 2>/dev/null
}

_picask_words()
{
    local IFS=$' \t\n'
    COMPREPLY=($(compgen -W "$2" -- "$1"))
}

_picask()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command= verb= i
    local everywhere='--db --table --model --threads --json --quiet --verbose --help'
    local pictures='[jJ][pP][eE]?[gG]|[pP][nN][gG]|[wW][eE][bB][pP]|[gG][iI][fF]|[bB][mM][pP]|[pP][bgpnBGPN][mM]|[tT][iI][fF]?[fF]|[hH][eE][iI][cCfF]|[aA][vV][iI][fF]'
    local verbs='list info create drop delete update export versions restore tag relocate optimize cleanup verify
        reembed set-embedding'
    local videos='[mM][pP]4|[mM][oO][vV]|[mM]4[vV]|[mM][kK][vV]|[wW][eE][bB][mM]|[aA][vV][iI]'
    local captions='[cCtT][sS][vV]|[jJ][sS][oO][nN][lL]|[nN][dD][jJ][sS][oO][nN]|[pP][aA][rR][qQ][uU][eE][tT]'
    COMPREPLY=()

    # --option=value arrives as three words: --option = value
    if [[ $word == = ]]; then
        before=${COMP_WORDS[COMP_CWORD - 1]}
        word=
    elif [[ $before == = ]]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi

    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -d | --db | -t | --table | -m | --model | --threads) ((i++)) ;;
        -*) ;;
        *)
            if [[ -z $command ]]; then
                command=${COMP_WORDS[i]}
                [[ $command == table || $command == model || $command == dataset || $command == help ]] || break
            else
                verb=${COMP_WORDS[i]}
                break
            fi
            ;;
        esac
    done

    case $before in
    -d | --db | --in | --copy-to)
        COMPREPLY=()
        local IFS=$'\n'
        COMPREPLY=($(compgen -d -- "$word"))
        compopt -o filenames 2>/dev/null
        return
        ;;
    -t | --table) _picask_words "$word" "$(_picask_tables)"; return ;;
    -m | --model) _picask_model "$word"; return ;;
    --distance-type | --metric) _picask_words "$word" 'cosine l2 dot'; return ;;
    --decode) _picask_words "$word" 'full fast'; return ;;
    --at-version) _picask_words "$word" "$(_picask_tags)"; return ;;
    --delete) [[ $verb != tag ]] || _picask_words "$word" "$(_picask_tags)"; return ;;
    --upgrade) _picask_words "$word" '2.1 2.2'; return ;;
    --every) _picask_words "$word" '500ms 1s 2s 10s 1m'; return ;;
    --older-than) _picask_words "$word" '12h 1d 7d 2w'; return ;;
    --store-images) _picask_words "$word" 'none original 256 512 1024'; return ;;
    --image) _picask_files "$word" "$pictures"; return ;;
    --vector | --npy) _picask_files "$word" npy; return ;;
    --pictures) _picask_files "$word" "$pictures|$captions"; return ;;
    -o | --output)
        if [[ $command == embed ]]; then _picask_files "$word" npy; else _picask_files "$word"; fi
        return
        ;;
    -n | --limit | --top | --offset | --min-score | --id | --seed | --dim | --threads | --columns | --query | --text | \
        --exclude | --text-column | --image-column | --vector-column | --where | --set) return ;;
    esac

    if [[ -z $command ]]; then
        case $word in
        -*) _picask_words "$word" "$everywhere --version" ;;
        *) _picask_words "$word" 'index add search show sample ask embed remove table model dataset help' ;;
        esac
        return
    fi

    if [[ $word == -* ]]; then
        local options=
        case $command in
        index | add)
            options='--overwrite --append --prune --watch --every --here --exclude --hidden --store-images --text-column --image-column
                --vector-column --decode --dry-run --strict --no-sync --yes'
            ;;
        search)
            options='--limit --offset --distance-type --where --in --min-score --image --query --id --vector --columns
                --at-version --vector-column --all-copies --files --show --no-show --copy-to'
            ;;
        show) options='--output --pictures --at-version --show --no-show' ;;
        sample) options='--limit --seed --where --in --at-version --show --no-show' ;;
        ask) options='--limit --where --in --at-version --vector-column --show --no-show' ;;
        embed) options='--text --image --output' ;;
        table)
            case $verb in
            create) options='--dim' ;;
            info) options='--at-version --vector-column' ;;
            delete) options='--id --where --in --yes' ;;
            update) options='--set --where --in' ;;
            drop) options='--yes' ;;
            export) options='--csv --npy --columns --where --in --limit --at-version --vector-column' ;;
            versions) options='--limit' ;;
            restore) options='--last-good' ;;
            tag) options='--delete' ;;
            optimize) options='--upgrade' ;;
            relocate) options='--dry-run' ;;
            cleanup) options='--older-than --unverified --dry-run' ;;
            reembed) options='--decode --vector-column --yes --no-sync' ;;
            esac
            ;;
        esac
        _picask_words "$word" "$everywhere $options"
        return
    fi

    case $command in
    index | add | sample) _picask_files "$word" "$pictures|$videos|$captions" ;;
    search | show | remove)
        # words and ids complete to nothing; what begins as a path is a picture
        case $word in
        [./~]*) _picask_files "$word" "$pictures" ;;
        esac
        ;;
    table)
        if [[ -z $verb ]]; then
            _picask_words "$word" "$verbs"
        elif [[ $verb == set-embedding ]]; then
            _picask_words "$word" "open-clip none $(_picask_tables)"
        elif [[ $verb == relocate ]]; then
            _picask_files "$word"
        elif [[ $verb == restore ]]; then
            _picask_words "$word" "$(_picask_tags)"
        elif [[ $verb != list && $verb != create && $verb != tag ]]; then
            _picask_words "$word" "$(_picask_tables)"
        fi
        ;;
    model)
        if [[ -z $verb ]]; then
            _picask_words "$word" 'list info pull check pack'
        elif [[ $verb != list ]]; then
            _picask_model "$word"
        fi
        ;;
    dataset) [[ -n $verb ]] || _picask_words "$word" pull ;;
    help)
        if [[ -z $verb ]]; then
            _picask_words "$word" 'index search show sample ask embed remove table model dataset'
        elif [[ $verb == table ]]; then
            _picask_words "$word" "$verbs"
        elif [[ $verb == model ]]; then
            _picask_words "$word" 'list info pull check pack'
        elif [[ $verb == dataset ]]; then
            _picask_words "$word" pull
        fi
        ;;
    esac
}

complete -F _picask picask
