#!/usr/bin/env bash
# Downloads for the image's build.
#   fetch.sh weights MODEL REVISION DIR   the model's files at one commit
#   fetch.sh libraries MODEL              the version of transformers that the model needs with this vLLM
set -euo pipefail

weights() {
  if ! [[ $2 =~ ^[0-9a-f]{40}$ ]]; then
    echo "MODEL_REVISION='$2' is not the 40 hex digits of a commit: a branch or a tag can move" >&2
    exit 2
  fi
  local try
  for try in 1 2 3; do # without a token builders share a limit with others; files already downloaded are kept
    download "$@" && break
    ((try < 3)) || exit 1
    sleep $((try * ${RETRY_PAUSE:-30}))
  done
  rm -rf "$3/.cache"
}

# download reads the token, if any, from the file HF_TOKEN_FILE, so that it is in no layer and on no command line.
download() {
  HF_TOKEN=$(cat "${HF_TOKEN_FILE:-/run/secrets/hf_token}" 2>/dev/null || true) python3 - "$@" <<'PYTHON'
import os
import sys
from huggingface_hub import snapshot_download

model, revision, directory = sys.argv[1:]
snapshot_download(repo_id=model, revision=revision, local_dir=directory, token=os.environ["HF_TOKEN"] or None)
PYTHON
}

# tested VLLM prints the first version of transformers that was tested with it.
tested() {
  awk -v vllm="$1" '$1 == vllm && $3 ~ /^runs/ {print $2; exit}' "$(dirname "${BASH_SOURCE[0]}")/tested.txt"
}

# libraries: the 1B models need a class that later versions of transformers renamed; the others use the version in the
# image.
libraries() {
  local vllm transformers
  vllm=$(python3 -c 'import importlib.metadata as installed; print(installed.version("vllm").split("+")[0])')
  transformers=$(tested "$vllm")
  if [ -z "$transformers" ]; then
    echo "tested.txt has no working row for vLLM $vllm: make servers VLLM=$vllm TRANSFORMERS=... tests it" >&2
    exit 2
  fi
  case $1 in
    */LightOnOCR-*1B* | */LightOnOCR-0.9B-*) ;;
    *) return ;;
  esac
  if command -v uv >/dev/null; then
    uv pip install --system "transformers==$transformers"
  else
    python3 -m pip install --no-cache-dir "transformers==$transformers"
  fi
  python3 -c 'import sys, transformers; assert transformers.__version__ == sys.argv[1], transformers.__version__' "$transformers"
}

case ${1:-} in
  weights | libraries) "$@" ;;
  *) echo "usage: fetch.sh weights MODEL REVISION DIR | fetch.sh libraries MODEL" >&2; exit 2 ;;
esac
