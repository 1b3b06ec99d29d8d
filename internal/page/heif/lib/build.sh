#!/bin/bash
# Builds av1.wasm.gz and hevc.wasm.gz from Debian's sources of dav1d and libde265. To be run on Debian 12 after
#   apt-get install binaryen clang-14 dpkg-dev lld-14 wasi-libc libclang-rt-14-dev-wasm32 libc++-14-dev-wasm32 libc++abi-14-dev-wasm32
# with a deb-src line in the sources of apt.
set -euo pipefail
cd "$(dirname "$0")"
lib=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

apt-get source --only-source dav1d=1.0.0-2+deb12u1 libde265=1.0.11-1+deb12u2
flags=(--target=wasm32-wasi -O3 -msimd128 -DNDEBUG -fvisibility=hidden -ffunction-sections -w "-I$lib/include")
link=(--target=wasm32-wasi -mexec-model=reactor "-Wl,--no-entry" "-Wl,--gc-sections" "-Wl,--strip-all" "-Wl,--export=malloc" "-Wl,-z,stack-size=1048576")

# compile COMPILER OBJECT SOURCE OPTIONS...: one file, two at a time.
compile() {
    "$1" "${flags[@]}" "${@:4}" -c "$3" -o "$2" &
    while [ "$(jobs -r | wc -l)" -ge 2 ]; do wait -n; done
}

mkdir av1 hevc
dav1d=$work/dav1d-1.0.0
c=(-std=c99 -D_GNU_SOURCE "-I$dav1d" "-I$dav1d/include" "-I$dav1d/include/dav1d" "-I$dav1d/src")
for f in "$dav1d"/src/*.c; do
    case $f in
    *_tmpl.c) for bits in 8 16; do compile clang-14 "av1/$(basename "$f").$bits.o" "$f" "${c[@]}" -DBITDEPTH=$bits; done ;;
    *) compile clang-14 "av1/$(basename "$f").o" "$f" "${c[@]}" ;;
    esac
done
compile clang-14 av1/av1.o "$lib/av1.c" "${c[@]}"

# libc++ has no mutex where there are no threads, and none is needed.
de265=$work/libde265-1.0.11
sed -i 's/#include <mutex>//; /^static std::mutex& de265_init_mutex/,/^}/d; /std::lock_guard/d' "$de265/libde265/de265.cc"
cc=(-std=c++11 -fno-exceptions -DHAVE_CONFIG_H -DLIBDE265_STATIC_BUILD -D_WASI_EMULATED_SIGNAL "-I$de265" "-I$de265/libde265")
for f in alloc_pool bitstream cabac contextmodel de265 deblock decctx dpb fallback fallback-dct fallback-motion image intrapred md5 motion \
    nal nal-parser pps refpic sao scan sei slice sps threads transform util vps vui; do
    compile clang++-14 "hevc/$f.o" "$de265/libde265/$f.cc" "${cc[@]}"
done
compile clang++-14 hevc/hevc.o "$lib/hevc.cc" "${cc[@]}"
wait

clang-14 "${link[@]}" -o av1.wasm av1/*.o
clang++-14 "${link[@]}" -o hevc.wasm hevc/*.o -lwasi-emulated-signal
for m in av1 hevc; do gzip -9nc "$m.wasm" >"$lib/$m.wasm.gz"; done
sha256sum "$lib"/*.wasm.gz
