#!/usr/bin/env bash
# What the image's build fetches.
#   fetch.sh weights MODEL REVISION DIR   the model's files at one commit
#   fetch.sh libraries MODEL              the version of transformers that the model needs beside this vLLM
set -euo pipefail

weights() {
  if ! [[ $2 =~ ^[0-9a-f]{40}$ ]]; then
    echo "MODEL_REVISION='$2' is not the 40 hex digits of a commit: a branch or a tag can move" >&2
    exit 2
  fi
  local try
  for try in 1 2 3; do # without a token the builders share a limit with others; what is there already is kept
    download "$@" && break
    ((try < 3)) || exit 1
    sleep $((try * ${RETRY_PAUSE:-30}))
  done
  rm -rf "$3/.cache"
}

# download reads the token, where there is one, from the file HF_TOKEN_FILE: it is in no layer and on no command line.
download() {
  HF_TOKEN=$(cat "${HF_TOKEN_FILE:-/run/secrets/hf_token}" 2>/dev/null || true) python3 - "$@" <<'PYTHON'
import os
import sys
from huggingface_hub import snapshot_download

model, revision, directory = sys.argv[1:]
snapshot_download(repo_id=model, revision=revision, local_dir=directory, token=os.environ["HF_TOKEN"] or None)
PYTHON
}

# libraries: the 1B models use a class that transformers 5.17 renamed.
libraries() {
  case $1 in
    */LightOnOCR-*1B* | */LightOnOCR-0.9B-*) ;;
    *) return ;;
  esac
  if command -v uv >/dev/null; then
    uv pip install --system transformers==5.16.1
  else
    python3 -m pip install --no-cache-dir transformers==5.16.1
  fi
  python3 -c 'import transformers; assert transformers.__version__ == "5.16.1", transformers.__version__'
}

case ${1:-} in
  weights | libraries) "$@" ;;
  *) echo "usage: fetch.sh weights MODEL REVISION DIR | fetch.sh libraries MODEL" >&2; exit 2 ;;
esac
