# The guest's end of the workspace sync for a guest that has neither Python nor Perl: POSIX sh, and find,
# xargs, stat, dd and the like, of GNU or of busybox. One run answers one request (see shellSide.ts): a
# script of `size` bytes on standard input, which calls the functions below; data follow it. It walks into a
# folder and looks where it came to before it changes anything, so that no write leaves the workspace.
# Arguments: greeting, workspace folder, key of its state, bound of the trash in bytes, what `hello` said of
# the tools, size.
LC_ALL=C; export LC_ALL
set -f
top=$2; key=$3; limit=$4; tools=$5; size=$6
nl='
'
n=0
printf '%s\n' "$1"

refuse() { printf 'fault\0%s\0%s\0' "$1" "$2"; exit 0; }

# How this guest's tools link and rename, so that it is never into a folder of the same name.
probe() {
    t="$staging/probe-$$"
    : > "$t"; link=; move=
    ln -P -T "$t" "$t-2" 2>/dev/null && link='-P -T' || { ln -T "$t" "$t-2" 2>/dev/null && link=-T; }
    mv -f -T "$t" "$t-3" 2>/dev/null && move=-T
    rm -f "$t" "$t-2" "$t-3"
    tools="$link,$move"
}
link=${tools%%,*}; move=${tools#*,}
# Only the times for people have fractions of a second in both GNU's stat and busybox's.
shape='%f %s %Y %Z %i %y %z'

# The print of what stands at $1 into $print (`-` for nothing), what renames leave of it into $core.
look() {
    print=-; core=-
    if [ ! -e "$1" ] && [ ! -L "$1" ]; then return; fi
    set -- $(stat -c "$shape" -- "$1" 2>/dev/null)
    [ $# -ge 10 ] || return
    m=${7##*.}; [ ${#m} -eq 9 ] || m=000000000; m=$3$m
    c=${10##*.}; [ ${#c} -eq 9 ] || c=000000000; c=$4$c
    case $1 in
        8???) kind=f0; case $1 in ??[4567cdef]?) kind=f1;; esac;;
        a???) kind=l0;;
        4???) print=d; core=d; return;;
        *) print=s; core=s; return;;
    esac
    print="$kind $2 $m $c $5"; core="$1 $2 $m $5"; core=${core#??}; core="$kind $core"
}

state_of() {
    base=${XDG_STATE_HOME:-$HOME/.local/state}/switchyard/sync/$key
    if mkdir -p "$base" 2>/dev/null && [ "$(stat -c %d "$base")" = "$(stat -c %d "$top")" ]; then
        state=$base
    else
        state=$top/.switchyard-sync
    fi
    staging=$state/staging; trash=$state/trash
}

# Into the workspace folder, which must be the one of the start.
begin() {
    cd -- "$top" 2>/dev/null || refuse rootGone 'the workspace folder is gone'
    root=$(pwd -P; echo x); root=${root%"${nl}x"}
    [ "$(stat -c %i .)" = "$1" ] || refuse rootGone 'the workspace folder is gone'
    state_of
}

hello() {
    mkdir -p -- "$top" 2>/dev/null
    [ -d "$top" ] && [ -w "$top" ] && [ -x "$top" ] || refuse denied 'the workspace folder is not writable'
    state_of
    mkdir -p "$staging" "$trash" && chmod 700 "$state" || refuse failed 'no place for what is under way'
    [ "$state" = "$top/.switchyard-sync" ] && echo '*' > "$state/.gitignore"
    find "$staging" -mindepth 1 -maxdepth 1 ! -name 'large-*' -exec rm -rf {} +
    [ -s "$state/marker" ] || od -An -N16 -tx1 /dev/urandom | tr -d ' \n' > "$state/marker"
    inode=$(stat -c %i "$top")
    probe
    printf 'ok\0%s:%s:%s\0%s\0%s\0%s\0' "$(cat /etc/machine-id 2>/dev/null)" "$inode" \
        "$(cat "$state/marker")" "$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)" "$inode" "$tools"
}

# Everything below the root: the paths; then a line of stat for each; the targets of links; and the folders
# that cannot be read. What is pruned by name is in the arguments. The same number of each, or nothing.
scan() {
    begin "$1"; shift
    look_at="$staging/scan-$$"
    if ! find . -mindepth 1 "$@" -print0 > "$look_at" 2>"$look_at.err"; then
        : > "$look_at.dark"
        find . "$@" -type d -exec sh -c 'for d; do [ -r "$d" ] && [ -x "$d" ] || printf "%s\0" "$d"; done' sh {} + \
            > "$look_at.dark" 2>/dev/null
        [ -s "$look_at.dark" ] || refuse again 'something went away while it was listed'
    else
        : > "$look_at.dark"
    fi
    xargs -0 stat -c "$shape" -- < "$look_at" > "$look_at.stat" 2>/dev/null
    find . "$@" -type l -exec sh -c 'for l; do readlink "$l"; printf "%s\0" "$l"; done' sh {} + > "$look_at.links" 2>/dev/null
    [ "$(stat -c %i "$top")" = "$(stat -c %i .)" ] || refuse rootGone 'the workspace folder is gone'
    printf 'ok\0%s\0' "$(date +%s)"
    for part in "" .stat .links .dark; do
        printf '%s\0' "$(stat -c %s "$look_at$part")"
    done
    cat "$look_at" "$look_at.stat" "$look_at.links" "$look_at.dark"
    rm -f "$look_at" "$look_at.stat" "$look_at.links" "$look_at.dark" "$look_at.err"
}

# Goes into the folder that path $1 lies in; $name is the last name. Fails where a folder is gone or a link.
enter() {
    cd -- "$root" || refuse rootGone 'the workspace folder is gone'
    name=${1##*/}
    [ "$name" = "$1" ] && return 0
    cd -P "./${1%/*}" 2>/dev/null && [ "$(pwd -P; echo x)" = "$root/${1%/*}${nl}x" ]
}

target_of() { target=; case $print in l*) target=$(readlink "$1"; echo x); target=${target%"${nl}x"};; esac; }

see() {
    begin "$1"; shift
    printf 'ok\0%s\0' "$(date +%s)"
    for path; do
        print=-; target=
        enter "$path" && look "./$name"
        target_of "./$name"
        [ "$print" = - ] && print=
        printf '%s\0%s\0' "$print" "$target"
    done
}

sums() {
    begin "$1"; shift
    printf 'ok\0%s\0' "$(date +%s)"
    for path; do
        sum=; print=-
        enter "$path" && look "./$name"
        case $print in
            f*) before=$print; sum=$(sha256sum < "./$name" 2>/dev/null); look "./$name"
                [ "$print" = "$before" ] || sum=;;
        esac
        [ "$sum" ] || print=
        printf '%s\0%s\0' "$print" "${sum%% *}"
    done
}

# Files no larger than $2: print, size, content. Copied first, so that what is sent is as long as it says.
content() {
    begin "$1"; most=$2; shift 2
    printf 'ok\0%s\0' "$(date +%s)"
    for path; do
        copy="$staging/read-$$"; print=-
        enter "$path" && look "./$name"
        before=$print; ok=
        case $print in
            f*) size=${print#f? }; size=${size%% *}
                if [ "$size" -le "$most" ] && cat < "./$name" > "$copy" 2>/dev/null; then
                    look "./$name"
                    [ "$print" = "$before" ] && [ "$(stat -c %s "$copy")" = "$size" ] && ok=1
                fi;;
        esac
        if [ "$ok" ]; then
            printf '%s\0%s\0' "$before" "$size"
            cat "$copy"
        else
            printf '%s\0%s\0' '' 0
        fi
        rm -f "$copy"
    done
}

# $4 bytes from $3 on of the file at $2 that must have the print $5.
piece() {
    begin "$1"
    copy="$staging/read-$$"
    print=-
    enter "$2" && look "./$name"
    [ "$print" = "$5" ] || { printf 'ok\0%s\0%s\0' '' 0; return; }
    tail -c "+$(($3 + 1))" < "./$name" | head -c "$4" > "$copy"
    look "./$name"
    [ "$print" = "$5" ] || { rm -f "$copy"; printf 'ok\0%s\0%s\0' '' 0; return; }
    printf 'ok\0%s\0%s\0' "$print" "$(stat -c %s "$copy")"
    cat "$copy"
    rm -f "$copy"
}

staged() { begin "$1"; printf 'ok\0%s\0' "$(stat -c %s "$staging/$2" 2>/dev/null || echo 0)"; }

# What comes on standard input, $4 bytes, into the staged file $2 from byte $3 on.
stage() {
    begin "$1"
    dd if=/dev/null of="$staging/$2" bs=1 seek="$3" 2>/dev/null || refuse noSpace 'the file could not be written'
    take "$4" >> "$staging/$2"
    [ "$(stat -c %s "$staging/$2")" = "$(($3 + $4))" ] || refuse noSpace 'the file could not be written'
    printf 'ok\0'
}

# Exactly $1 bytes of standard input.
take() { [ "$1" = 0 ] || dd bs="$1" count=1 iflag=fullblock 2>/dev/null; }

settle() { begin "$1"; sync; printf 'ok\0'; }

# The outcome of an operation: status, print or reason, target.
said() { r1=$1; r2=$2; r3=$3; }

# What the disk says to a write that failed, by trying a small one.
trouble() {
    if (: > "$staging/try-$$" && printf '%4096s' x >> "$staging/try-$$") 2>/dev/null; then why=failed; else why=noSpace; fi
    rm -f "$staging/try-$$" 2>/dev/null
    [ -w . ] || why=denied
    said "$why" 'the disk refused it' ''
}

room() {
    n=$((n + 1))
    id="$(date +%s)000-$(printf %06d $n)-$$"
    printf '%s %s %s\n' "$id" "$2" "$1" >> "$trash/index"
    short=$(printf '%s' "${1##*/}" | tail -c 200; echo x)
    item="$trash/$id~${short%x}"
}

# The staged file or link $1 to its place; what is there must be as in $expect.
place() {
    look "$1"; mine=$print; minecore=$core
    if [ "$expect" = - ]; then
        if [ -e "./$name" ] || [ -L "./$name" ]; then rm -f "$1"; said stale 'something is there already' ''; return; fi
        if ! ln $link "$1" "./$name" 2>/dev/null; then
            rm -f "$1"
            if [ -e "./$name" ]; then said stale 'something is there already' ''; else trouble; fi
            return
        fi
        rm -f "$1"
    else
        look "./$name"
        if [ "$print" != "$expect" ]; then rm -f "$1"; said stale "it is $print, not $expect" ''; return; fi
        before=$core
        room "$path" replaced
        if ! ln $link "./$name" "$item" 2>/dev/null; then rm -f "$1"; trouble; return; fi
        look "$item"
        if [ "$core" != "$before" ]; then rm -f "$1" "$item"; said stale 'it changed just now' ''; return; fi
        if ! mv -f $move "$1" "./$name" 2>/dev/null; then rm -f "$1" "$item"; trouble; return; fi
    fi
    look "./$name"
    [ "$core" = "$minecore" ] || print=$mine
    said ok "$print" ''
}

apply() { begin "$1"; printf 'ok\0'; }

# One operation: what, path, expected print, argument, how, size of its data on standard input.
operate() { one "$@"; printf '%s\0%s\0%s\0' "$r1" "$r2" "$r3"; }

one() {
    path=$2; expect=$3; skip=0
    [ "$5" = data ] && skip=$6
    if ! enter "$path"; then take "$skip" > /dev/null; said stale 'a folder above it is gone or is a link' ''; return; fi
    case $1 in folder|link|move|file) ;; *) look "./$name"; [ "$print" = "$expect" ] || { said stale "it is $print, not $expect" ''; return; };; esac
    case $1 in
        folder)
            if mkdir "./$name" 2>/dev/null; then said ok d ''
            elif [ -e "./$name" ] || [ -L "./$name" ]; then said stale 'something is there already' ''
            else trouble; fi;;
        file)
            if [ "$5" = data ]; then
                n=$((n + 1)); tmp="$staging/file-$$-$n"
                take "$skip" > "$tmp" 2>/dev/null
            else
                tmp="$staging/$5"
            fi
            if [ "$(stat -c %s "$tmp" 2>/dev/null)" != "$6" ]; then
                if [ "$5" = data ]; then rm -f "$tmp"; trouble; else said stale 'the file is not all there' ''; fi
                return
            fi
            [ "$4" = 1 ] && chmod +x "$tmp"
            place "$tmp";;
        link)
            n=$((n + 1)); tmp="$staging/file-$$-$n"
            ln -s -- "$4" "$tmp" || { trouble; return; }
            place "$tmp"
            [ "$r1" = ok ] && r3=$4;;
        mode)
            if [ "$4" = 1 ]; then chmod +x "./$name"; else chmod a-x "./$name"; fi || { trouble; return; }
            look "./$name"; said ok "$print" '';;
        remove)
            if [ "$expect" = d ]; then
                if rmdir "./$name" 2>/dev/null; then said ok '' ''
                elif [ -d "./$name" ]; then said notEmpty 'the folder holds something' ''
                else said stale 'it is gone' ''; fi
                return
            fi
            before=$core
            room "$path" deleted
            if ! mv -f $move "./$name" "$item" 2>/dev/null; then trouble; return; fi
            look "$item"
            if [ "$core" = "$before" ]; then said ok '' ''; return; fi
            ln $link "$item" "./$name" 2>/dev/null && rm -f "$item"
            said stale 'it changed just now' '';;
        move)
            look "./$name"; [ "$print" = "$expect" ] || { said stale "it is $print, not $expect" ''; return; }
            from=$(pwd -P; echo x); from=${from%"${nl}x"}/$name
            if ! enter "$4"; then said stale 'a folder above it is gone or is a link' ''; return; fi
            if [ -e "./$name" ] || [ -L "./$name" ]; then said stale 'something is there already' ''; return; fi
            if ! mv -n $move "$from" "./$name" 2>/dev/null; then trouble; return; fi
            if [ -e "$from" ] || [ -L "$from" ]; then said stale 'something is there already' ''; return; fi
            look "./$name"; target_of "./$name"; said ok "$print" "$target";;
        *) said failed 'unknown operation' '';;
    esac
}

prune() {
    used=$(du -sk "$trash" | cut -f1); used=$((used * 1024))
    [ "$used" -le "$limit" ] && return
    # The oldest first, as they stand in the index.
    sed -n 's|^\([0-9]*-[0-9]*-[0-9]*\) .*|\1|p' "$trash/index" | while read -r old; do
        [ "$used" -le "$limit" ] && break
        set +f
        for item in "$trash/$old"~*; do
            [ -e "$item" ] || [ -L "$item" ] || continue
            size=$(stat -c %s "$item"); rm -f "$item"; used=$((used - size))
        done
        set -f
    done
}

request=$(take "$size"; echo x)
eval "${request%x}"
