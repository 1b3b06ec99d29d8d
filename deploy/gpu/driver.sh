# shellcheck shell=bash
# Sourced by serve.sh: chooses the CUDA libraries for the host's driver.
#
# The image contains CUDA 13, which needs driver 580. With that or a newer driver the host's libraries must precede
# those of the image, or CUDA fails with "unsupported display driver / cuda driver combination" (803); with an older
# driver only the image's libraries can work. The documentation is inconsistent about the driver of Cloud Run's GPUs,
# and neither case was tested there: the first line of the log says which one applies.
driver() {
  local version=${DRIVER_VERSION:-/proc/driver/nvidia/version}
  if [ -r "$version" ]; then
    grep -Eo '[0-9]{3}\.[0-9]+(\.[0-9]+)?' "$version" | head -n 1
  elif command -v nvidia-smi >/dev/null; then
    nvidia-smi --query-gpu=driver_version --format=csv,noheader | head -n 1
  fi
}
found=$(driver || true)
if ! [[ $found =~ ^[0-9]{3} ]]; then
  echo 'no NVIDIA driver was found: this needs a GPU (gcloud run deploy --gpu=1)' >&2
  exit 3
elif ((${found%%.*} >= 580)); then
  echo "NVIDIA driver $found: the host's CUDA libraries first" >&2
  export LD_LIBRARY_PATH=/usr/local/nvidia/lib64:/usr/local/nvidia/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
else
  echo "NVIDIA driver $found, older than 580: the image's compatibility libraries" >&2
  export VLLM_ENABLE_CUDA_COMPATIBILITY=1
fi
