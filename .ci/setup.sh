# What ./check and ./demo share: Debian packages, the Python environment and the data.
# Sourced by bash with the repository's root as working directory.

# install_packages KIND...: installs the packages of these kinds in .ci/packages that are missing.
install_packages() {
  local kind package missing=()
  command -v dpkg-query >/dev/null || {
    echo "this is not a Debian system: the packages in .ci/packages must be there already" >&2
    return 0
  }
  for kind in "$@"; do
    for package in $(awk -v kind="$kind" '$1 == kind { print $2 }' .ci/packages); do
      [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
        missing+=("$package")
    done
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  echo "installing ${missing[*]}"
  local root=()
  [ "$(id -u)" = 0 ] || root=(sudo)
  ${root[@]+"${root[@]}"} apt-get update -qq
  ${root[@]+"${root[@]}"} env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# make_venv DIR REQUIREMENTS: a virtual environment that holds exactly these pinned packages. It is
# made again only when the file of requirements changes.
make_venv() {
  local dir=$1 requirements=$2 python
  cmp -s "$requirements" "$dir/installed.txt" && return 0
  echo "installing the Python packages of $requirements in $dir"
  rm -rf "$dir"
  mkdir -p "$(dirname "$dir")"
  for python in python3 /usr/bin/python3; do
    "$python" -m venv "$dir" && break
  done
  "$dir/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
  cp "$requirements" "$dir/installed.txt"
}

# find_data_root: prints the folder of data sets: LATHE_DATA, or ../shared/data; nothing if neither is.
find_data_root() {
  local dir
  for dir in "${LATHE_DATA:-}" ../shared/data; do
    if [ -n "$dir" ] && [ -d "$dir" ]; then
      (cd "$dir" && pwd)
      return
    fi
  done
}

# build_lathe: a Release build in build/lathe; sets lathe to the command.
build_lathe() {
  { cmake -S . -B build/lathe -DCMAKE_BUILD_TYPE=Release &&
    cmake --build build/lathe -j "$(nproc)" --target lathe; } >build/lathe.log 2>&1 ||
    { cat build/lathe.log >&2 && return 1; }
  lathe=build/lathe/lathe
}
