# shellcheck shell=bash
# What the scripts share: where to build, and how to get what a bare machine lacks. To be sourced.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
script=scripts/$(basename "$0")

# One target folder for all clones, because the dependencies take 10 to 30 minutes on two cores. Our own package has the
# same file names there whichever clone it is built from: see claim_target, and do not build in two clones at once.
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${GREAT_LAB_CACHE:-~/.cache/great-lab}/target}
mkdir -p "$CARGO_TARGET_DIR"
CARGO_TARGET_DIR=$(cd "$CARGO_TARGET_DIR" && pwd)
export CARGO_TARGET_DIR

# Without it, Vulkan drivers that look for Wayland print an error for each device they open.
export XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/tmp}

say() { echo "$script: $*" >&2; }

has_apt() { command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; }

# Runs a command as root; false where that is impossible.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif ! command -v sudo >/dev/null; then
        return 1
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2 &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
            -o DPkg::Lock::Timeout=300 "$@" >&2
}

# Gets the machine ready to build, test and run; more Debian packages may be named.
prepare() {
    # What cargo downloads and links with; Vulkan with its software driver; what the window loads when it opens.
    need_packages ca-certificates gcc libc6-dev libvulkan1 mesa-vulkan-drivers \
        libx11-xcb1 libxcursor1 libxi6 libxkbcommon-x11-0 libxrandr2 "$@"
    need_rust
    claim_target
    # The first build is long; say so before cargo is silent over one of its crates.
    if [ ! -d "$CARGO_TARGET_DIR/release/deps" ]; then
        say "building for the first time, into $CARGO_TARGET_DIR: 10 to 30 minutes on two cores"
    fi
}

# cargo takes what another clone built for ours wherever it is newer than our sources, though they differ. So where
# another clone built last, our sources are made newer.
claim_target() {
    local owner=$CARGO_TARGET_DIR/.last-clone
    if [ "$(cat "$owner" 2>/dev/null)" = "$root" ]; then return; fi
    find "$root/src" "$root/tests" "$root/benches" -name '*.rs' -exec touch {} +
    echo "$root" >"$owner"
}

# Installs those of the named Debian packages that are not there. What cannot be installed is said and left to whoever
# needs it: a machine may well have the library from elsewhere.
need_packages() {
    local package missing=()
    if ! has_apt; then
        need_libraries
        return
    fi
    for package in "$@"; do
        # A package may be there for several architectures, one line each.
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    if [ ${#missing[@]} = 0 ]; then return; fi
    say "installing ${missing[*]}"
    apt_install "${missing[@]}" ||
        say "could not; going on without. As root: apt-get update && apt-get install ${missing[*]}"
}

# Says what is missing where packages are not Debian's. macOS and Windows bring all that the lab needs.
need_libraries() {
    local library known missing=()
    local libraries=(libvulkan.so.1 libX11-xcb.so.1 libXcursor.so.1 libXi.so.6 libxkbcommon-x11.so.0 libXrandr.so.2)
    if [ "$(uname -s)" != Linux ]; then return; fi
    known=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null) || return 0
    for library in "${libraries[@]}"; do
        case $known in *"$library"*) ;; *) missing+=("$library") ;; esac
    done
    if [ ${#missing[@]} = 0 ]; then return; fi
    say "not found: ${missing[*]}; install the packages that hold them (and Xvfb for the tests). Going on without."
}

# Finds cargo, or installs Rust by the distribution's rustup (Debian 13, Ubuntu 24.04 and later).
need_rust() {
    local wanted found
    PATH=$PATH:${CARGO_HOME:-~/.cargo}/bin
    if ! command -v cargo >/dev/null && has_apt; then
        say "no cargo; installing Rust by the package rustup"
        if apt_install rustup; then
            rustup toolchain install --profile minimal --component clippy --component rustfmt \
                "$(toml_value channel rust-toolchain.toml)"
        fi
    fi
    if ! command -v cargo >/dev/null; then
        say "Rust is needed: install it as https://rustup.rs says, then run this again"
        exit 1
    fi
    # Only rustup's cargo reads rust-toolchain.toml; another one must be new enough.
    wanted=$(toml_value rust-version Cargo.toml)
    found=$(cd "$root" && cargo --version | cut -d ' ' -f 2)
    if [ "$(printf '%s\n' "$wanted" "$found" | sort -V | head -n 1)" != "$wanted" ]; then
        say "cargo $found is too old, $wanted is needed: install Rust as https://rustup.rs says, then run this again"
        exit 1
    fi
}

toml_value() { sed -n "s/^$1 = \"\(.*\)\"/\1/p" "$root/$2"; }

# Finds a Python that imports the named modules, PyTorch among them, as $python: GREAT_LAB_PYTHON where that is set;
# otherwise one of our own outside the repository, installed once.
need_python() {
    local imports
    imports="import $(IFS=,; echo "$*")"
    python=${GREAT_LAB_PYTHON:-}
    if [ -n "$python" ]; then
        if ! "$python" -c "$imports" 2>/dev/null; then
            say "GREAT_LAB_PYTHON is $python, which cannot $imports"
            exit 1
        fi
        return
    fi
    local venv=${GREAT_LAB_CACHE:-$HOME/.cache/great-lab}/venv
    python=$venv/bin/python
    if ! "$python" -c "$imports" 2>/dev/null; then
        say "installing $* into $venv, some gigabytes"
        make_venv "$venv" || exit 1
        "$python" -m pip install --quiet "$@"
    fi
}

# Finds typos, which knows how words are misspelt, as $typos; installs it once, outside the repository. False where it
# cannot be had.
need_typos() {
    local version=1.52.0 venv
    venv=${GREAT_LAB_CACHE:-$HOME/.cache/great-lab}/typos-$version
    typos=$venv/bin/typos
    if [ -x "$typos" ]; then return; fi
    say "installing typos $version"
    make_venv "$venv" && "$venv/bin/python" -m pip install --quiet --only-binary :all: "typos==$version" >&2
}

# Makes an environment of Python's; false, and said, where there is no Python.
make_venv() {
    # Debian's Python makes none without this package.
    if ! python3 -c 'import ensurepip' 2>/dev/null; then need_packages python3-venv; fi
    if ! command -v python3 >/dev/null; then
        say "python3 is needed and not installed; on Debian and Ubuntu: apt-get install python3-venv"
        return 1
    fi
    python3 -m venv "$1"
}
